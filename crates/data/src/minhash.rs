//! Sets of word shingles, and how alike two sets probably are before they are compared.
//!
//! A text's shingles are its runs of three words (Broder 1997, "On the resemblance and containment of documents"). A set
//! has one signature, by one hash an element (one permutation hashing: Li, Owen and Zhang 2012), whose empty bins borrow
//! from others (optimal densification: Shrivastava 2017, ICML). Bands of a signature find the pairs that are worth a
//! comparison (locality-sensitive hashing: Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", 3.4).
//!
//! Invariant: what a text becomes depends on the text alone.

/// Words in a shingle.
const SHINGLE: usize = 3;
/// Parts of a signature of which one must agree for two sets to be compared: of sets with a similarity of 0.8 that holds
/// for 1 - (1 - 0.8^6)^16 = 99.2 %, at 0.9 for 99.999 %, at 0.3 for 1 %.
pub(crate) const BANDS: usize = 16;
/// Bins in a band.
const DEPTH: usize = 6;
const BINS: usize = BANDS * DEPTH;
/// What a bin holds that no element fell into.
const EMPTY: u64 = u64::MAX;

/// FNV-1a (Fowler, Noll and Vo), 64 bits.
const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// Of each ASCII byte its lower case where it is a letter or a digit, else 0.
const FOLDED: [u8; 128] = {
    let mut folded = [0; 128];
    let mut byte = 0;
    while byte < 128 {
        if (byte as u8).is_ascii_alphanumeric() {
            folded[byte] = (byte as u8).to_ascii_lowercase();
        }
        byte += 1;
    }
    folded
};

/// A signature in the making.
pub(crate) struct MinHash {
    bins: [u64; BINS],
}

/// A hash of 64 bits in which every bit depends on every bit of `number` (the finaliser of SplitMix64: Steele, Lea and
/// Flood 2014).
pub(crate) fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// The hash of bytes, not yet mixed.
pub(crate) fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(FNV_START, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME))
}

/// Whether a character is a word by itself, as in scripts that put no space between words: Thai to Myanmar, Khmer,
/// Chinese and Japanese.
fn stands_alone(letter: char) -> bool {
    matches!(letter, '\u{e00}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{2e80}'..='\u{abff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// The hashes of a text's words: runs of letters and digits, in lower case.
fn words(text: &str, mut each: impl FnMut(u64)) {
    let bytes = text.as_bytes();
    let (mut at, mut hash) = (0, FNV_START);
    let more = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME);
    while let Some(&byte) = bytes.get(at) {
        let folded = FOLDED.get(usize::from(byte)).copied();
        if let Some(folded @ 1..) = folded {
            hash = more(hash, folded);
            at += 1;
            continue;
        }
        let letter = match folded {
            None => text[at..].chars().next(),
            Some(_) => None,
        };
        at += letter.map_or(1, char::len_utf8);
        let letter = letter.filter(|letter| letter.is_alphanumeric());
        let alone = letter.is_some_and(stands_alone);
        if (letter.is_none() || alone) && hash != FNV_START {
            each(hash);
            hash = FNV_START;
        }
        for lower in letter.into_iter().flat_map(char::to_lowercase) {
            let mut room = [0; 4];
            hash = lower.encode_utf8(&mut room).bytes().fold(hash, more);
        }
        if alone {
            each(hash);
            hash = FNV_START;
        }
    }
    if hash != FNV_START {
        each(hash);
    }
}

/// Whether a text has a word.
pub(crate) fn has_words(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric)
}

/// The shingles of a text, some perhaps more than once; a text of fewer words is one shingle. `of` tells texts apart that
/// are not to be mistaken for one another.
pub(crate) fn shingles(text: &str, of: u64, mut each: impl FnMut(u64)) {
    let of = mix(of);
    let (mut count, mut last) = (0, [0u64; SHINGLE]);
    let hash = |[first, second, third]: [u64; SHINGLE]| {
        mix(of ^ first.rotate_left(42).wrapping_add(second.rotate_left(21)).wrapping_add(third))
    };
    words(text, |word| {
        last = [last[1], last[2], mix(word)];
        count += 1;
        if count >= SHINGLE {
            each(hash(last));
        }
    });
    if (1..SHINGLE).contains(&count) {
        each(hash(last));
    }
}

impl Default for MinHash {
    fn default() -> Self {
        Self { bins: [EMPTY; BINS] }
    }
}

/// The bin that a hash falls into.
fn bin(hash: u64) -> usize {
    ((u128::from(hash) * BINS as u128) >> 64) as usize
}

impl MinHash {
    /// Takes in an element, by its hash.
    #[inline]
    pub(crate) fn add(&mut self, element: u64) {
        let least = &mut self.bins[bin(element)];
        *least = element.min(*least);
    }

    /// One hash a band. Sets with two elements or three are alike at four fifths only where they are equal, so all bands
    /// of them are the same; so are those of no element.
    pub(crate) fn bands(&self) -> [u32; BANDS] {
        let fold = |hash: u64, value: &u64| mix(hash ^ value);
        let filled = self.bins.iter().filter(|value| **value != EMPTY).count();
        if filled <= 3 {
            return [self.bins.iter().fold(0, fold) as u32; BANDS];
        }
        let mut dense = self.bins;
        for (at, value) in dense.iter_mut().enumerate().filter(|(_, value)| **value == EMPTY) {
            let mut others = (1u64..).map(|attempt| self.bins[bin(mix((at as u64) << 32 | attempt))]);
            *value = others.find(|other| *other != EMPTY).unwrap_or(EMPTY);
        }
        let mut bands = [0; BANDS];
        for (band, bins) in bands.iter_mut().zip(dense.chunks_exact(DEPTH)) {
            *band = bins.iter().fold(0, fold) as u32;
        }
        bands
    }
}

/// The Jaccard similarity of two sets, each sorted: the share of common elements among all.
pub(crate) fn similarity(one: &[u64], other: &[u64]) -> f64 {
    let (mut left, mut right, mut common) = (0, 0, 0);
    while let (Some(a), Some(b)) = (one.get(left), other.get(right)) {
        common += usize::from(a == b);
        left += usize::from(a <= b);
        right += usize::from(b <= a);
    }
    common as f64 / (one.len() + other.len() - common).max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str) -> Vec<u64> {
        let mut set = Vec::new();
        shingles(text, 0, |shingle| set.push(shingle));
        set.sort_unstable();
        set.dedup();
        set
    }

    fn count(text: &str) -> usize {
        let mut count = 0;
        words(text, |_| count += 1);
        count
    }

    #[test]
    fn words_are_runs_of_letters_and_digits() {
        assert_eq!(count("It's 5 o'clock,\tÄrger_im Büro\0!"), 8);
        assert_eq!(count("数据 data"), 3);
        assert_eq!((count(""), count(" ...\u{200f}")), (0, 0));
        assert_eq!(set("The ÄRGER, then!"), set("the ärger then"));
        assert_eq!(set("Great!"), set("great"));
        assert_ne!(set("great phone"), set("phone great"));
        assert!(set("?!").is_empty() && !has_words("?!") && has_words("¡no!"));
    }

    #[test]
    fn similarity_is_common_by_all() {
        // Hand calculation: of 4 and 4 shingles of three words 2 are common to both.
        let (one, other) = (set("one two three four five six"), set("one two three four five seven"));
        assert_eq!(similarity(&one, &other), 3.0 / 5.0);
        assert_eq!(similarity(&one, &one), 1.0);
        assert_eq!(similarity(&[], &[]), 0.0);
        assert_eq!(similarity(&[1, 2, 3, 4], &[0, 3, 4, 9]), 2.0 / 6.0);
    }

    /// The share of bands on which two sets of 200 agree, of which so many are common; the mean of many.
    fn agreement(common: u64) -> f64 {
        let mut agree = 0;
        for trial in 0..400u64 {
            let hash = |number: u64| mix(trial << 32 | number);
            let (mut one, mut other) = (MinHash::default(), MinHash::default());
            (0..common).for_each(|number| one.add(hash(number)));
            (0..common).for_each(|number| other.add(hash(number)));
            (common..200).for_each(|number| one.add(hash(1_000 + number)));
            (common..200).for_each(|number| other.add(hash(2_000 + number)));
            agree += one.bands().iter().zip(other.bands()).filter(|(a, b)| **a == *b).count();
        }
        agree as f64 / (400 * BANDS) as f64
    }

    #[test]
    fn bands_agree_as_often_as_the_similarity_to_the_power_of_their_depth() {
        // 160 of 200 common is a Jaccard similarity of 160 / 240; 180 one of 180 / 220.
        for common in [160, 180, 196] {
            let jaccard = common as f64 / (400 - common) as f64;
            let (expected, found) = (jaccard.powi(DEPTH as i32), agreement(common));
            assert!((found - expected).abs() < 0.03, "{common}: {found} is not {expected}");
        }
        assert_eq!(agreement(200), 1.0);
    }
}
