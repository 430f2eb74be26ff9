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
    let mut key = (word.len() as u64) << 56;
    for (at, byte) in word.bytes().enumerate() {
        key |= u64::from(byte) << (8 * at);
    }
    key
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

impl Words<u64> {
    /// Counts one word more.
    #[inline]
    pub(crate) fn count(&mut self, word: &str) {
        if word.len() <= SHORT {
            *self.short.entry(pack(word)).or_default() += 1;
        } else if let Some(count) = self.long.get_mut(word) {
            *count += 1;
        } else {
            self.long.insert(word.into(), 1);
        }
    }

    /// The counts of both.
    pub(crate) fn add(self, other: Self) -> Self {
        let (mut large, small) = if self.len() < other.len() { (other, self) } else { (self, other) };
        small.short.into_iter().for_each(|(key, count)| *large.short.entry(key).or_default() += count);
        small.long.into_iter().for_each(|(word, count)| *large.long.entry(word).or_default() += count);
        large
    }

    /// The words with their counts, sorted by falling count and then by their bytes.
    pub(crate) fn into_sorted(self) -> Vec<(Box<str>, u64)> {
        let short = self.short.into_iter().map(|(key, count)| (unpack(key), count));
        let mut words: Vec<(Box<str>, u64)> = short.chain(self.long).collect();
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
        for word in ["", "a", "a\0", "\0", "1234567", "größe"] {
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
