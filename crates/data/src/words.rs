//! A map from words to values, made for looking up millions of mostly short words.
//!
//! Words of at most seven bytes, nine in ten of a text's, are packed with their length into one 64-bit key:
//! no pointer to follow, no bytes to compare. The map's order is never observed.

use std::collections::HashMap;

use rustc_hash::FxBuildHasher;

/// A map from words to values.
#[derive(Clone, Debug, Default)]
pub(crate) struct Words<V> {
    short: HashMap<u64, V, FxBuildHasher>,
    long: HashMap<Box<str>, V, FxBuildHasher>,
}

/// The most bytes that share a key with their count.
const SHORT: usize = 7;

/// The bytes in order from the lowest, and their number in the highest byte.
#[inline]
fn pack(word: &str) -> u64 {
    let (bytes, length) = (word.as_bytes(), word.len());
    let at = |at: usize| u64::from(bytes[at]) << (8 * at);
    let four = |from: usize| match bytes[from..].first_chunk::<4>() {
        Some(four) => u64::from(u32::from_le_bytes(*four)) << (8 * from),
        None => 0,
    };
    // Bytes that are read twice are the same twice.
    let key = match length {
        0 => 0,
        1..4 => at(0) | at(length / 2) | at(length - 1),
        _ => four(0) | four(length - 4),
    };
    (length as u64) << 56 | key
}

fn unpack(key: u64) -> Box<str> {
    let bytes = key.to_le_bytes();
    let length = usize::from(bytes[SHORT]).min(SHORT);
    std::str::from_utf8(&bytes[..length]).expect("keys are packed from text").into()
}

impl<V: Copy> Words<V> {
    #[inline]
    pub(crate) fn get(&self, word: &str) -> Option<V> {
        if word.len() <= SHORT { self.short.get(&pack(word)) } else { self.long.get(word) }.copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.short.len() + self.long.len()
    }

    /// The same words with other values.
    pub(crate) fn map<W>(&self, of: impl Fn(V) -> W) -> Words<W> {
        Words {
            short: self.short.iter().map(|(key, value)| (*key, of(*value))).collect(),
            long: self.long.iter().map(|(word, value)| (word.clone(), of(*value))).collect(),
        }
    }

    /// The values of all words in no order, each with the value that the word has in another map.
    pub(crate) fn beside<W: Copy>(&self, other: &Words<W>) -> impl Iterator<Item = (V, Option<W>)> {
        let short = self.short.iter().map(|(key, value)| (*value, other.short.get(key).copied()));
        short.chain(self.long.iter().map(|(word, value)| (*value, other.long.get(word).copied())))
    }
}

impl<V: Copy> FromIterator<(Box<str>, V)> for Words<V> {
    fn from_iter<I: IntoIterator<Item = (Box<str>, V)>>(items: I) -> Self {
        let mut words = Self { short: HashMap::default(), long: HashMap::default() };
        for (word, value) in items {
            if word.len() <= SHORT {
                words.short.insert(pack(&word), value);
            } else {
                words.long.insert(word, value);
            }
        }
        words
    }
}

impl<V: Default> Words<V> {
    /// The value of a word, a new one where it has none.
    #[inline]
    pub(crate) fn slot(&mut self, word: &str) -> &mut V {
        if word.len() <= SHORT {
            return self.short.entry(pack(word)).or_default();
        }
        if !self.long.contains_key(word) {
            self.long.insert(word.into(), V::default());
        }
        self.long.get_mut(word).expect("the word was there or has been put there")
    }

    /// The words of both; `add` joins the values of a word that both have, either way around.
    pub(crate) fn merge(self, other: Self, add: impl Fn(&mut V, V)) -> Self {
        let larger = self.short.len() + self.long.len() >= other.short.len() + other.long.len();
        let (mut large, small) = if larger { (self, other) } else { (other, self) };
        small.short.into_iter().for_each(|(key, value)| add(large.short.entry(key).or_default(), value));
        small.long.into_iter().for_each(|(word, value)| add(large.long.entry(word).or_default(), value));
        large
    }

    /// The words in no order.
    pub(crate) fn into_items(self) -> impl Iterator<Item = (Box<str>, V)> {
        self.short.into_iter().map(|(key, value)| (unpack(key), value)).chain(self.long)
    }
}

impl Words<u64> {
    /// Counts one word more.
    #[inline]
    pub(crate) fn count(&mut self, word: &str) {
        *self.slot(word) += 1;
    }

    /// The counts of both.
    pub(crate) fn add(self, other: Self) -> Self {
        self.merge(other, |into, from| *into += from)
    }

    /// The words with their counts, sorted by falling count and then by their bytes.
    pub(crate) fn into_sorted(self) -> Vec<(Box<str>, u64)> {
        let mut words: Vec<(Box<str>, u64)> = self.into_items().collect();
        words.sort_unstable_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(text: &str) -> Words<u64> {
        let mut words = Words::default();
        text.split(' ').for_each(|word| words.count(word));
        words
    }

    #[test]
    fn packing_is_one_to_one() {
        for word in ["", "a", "a\0", "\0", "abc", "1234", "12345", "123456", "1234567", "größe"] {
            assert_eq!(&*unpack(pack(word)), word);
        }
    }

    #[test]
    fn counts_add_up_either_way() {
        let (one, two) = ("a b a abcdefgh", "b c abcdefgh 12345678");
        let sums = counted(one).add(counted(two)).into_sorted();
        assert_eq!(sums, counted(two).add(counted(one)).into_sorted());
        let expected = [("a", 2), ("abcdefgh", 2), ("b", 2), ("12345678", 1), ("c", 1)];
        assert_eq!(sums, expected.map(|(word, count)| (Box::from(word), count)));
    }
}
