//! fastText's `.bin`: a dictionary, then one matrix of words and of buckets of character n-grams.
//!
//! A word's vector is the mean of its own row and of its n-grams' rows; that of a word which the dictionary lacks, the
//! mean of its n-grams' rows (Bojanowski et al. 2017; the layout is that of fastText's `saveModel`).

use rustc_hash::FxHashMap;

use super::input::Input;
use super::{Hit, Table, VectorFormat};
use crate::error::Reason;

const MAGIC: i32 = 793_712_314;
/// The number of the supervised model.
const SUPERVISED: i32 = 3;
/// The end of a sentence, which has no n-grams.
const END: &[u8] = b"</s>";
/// The longest word that is believed.
const LONGEST: usize = 1 << 16;

pub(super) fn is_one(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC.to_le_bytes())
}

pub(super) fn width(input: &mut Input) -> Result<usize, Reason> {
    Ok(settings(input)?.width)
}

/// What of the settings decides which rows are a word's.
struct Settings {
    width: usize,
    /// Buckets that n-grams share.
    buckets: u32,
    /// The shortest and the longest n-gram in characters; no n-grams where the longest is 0.
    lengths: (usize, usize),
}

/// The dictionary as far as it is needed.
struct Dictionary {
    words: u64,
    /// Wanted words that it has, by place, with their rows.
    rows: FxHashMap<usize, u64>,
    /// Where the buckets that pruning left are; `None` where it left all.
    kept: Option<FxHashMap<u32, u64>>,
}

pub(super) fn read(input: &mut Input, table: &mut Table<'_>) -> Result<(), Reason> {
    let settings = settings(input)?;
    table.start(VectorFormat::FastText, settings.width)?;
    let dictionary = dictionary(input, table)?;
    table.found.words = usize::try_from(dictionary.words).unwrap_or(usize::MAX);
    if bytes::<1>(input)? != [0] {
        let message = "its vectors are quantised (.ftz): use the model before quantisation";
        return Err(Reason::Unsupported(message.to_owned()));
    }
    let (rows, width) = (long(input)?, long(input)?);
    let expected = dictionary.words
        + dictionary.kept.as_ref().map_or(u64::from(settings.buckets), |kept| kept.len() as u64);
    if width != settings.width as i64 || rows < 0 || (rows as u64) < dictionary.words {
        let message = format!("its matrix is {rows} x {width}, and its settings say {expected} rows");
        return Err(Reason::damaged(message));
    }
    let uses = uses(&settings, &dictionary, rows as u64, table);
    sum(input, settings.width, &uses, table)
}

fn settings(input: &mut Input) -> Result<Settings, Reason> {
    let _magic = int(input)?;
    let version = int(input)?;
    if !(11..=12).contains(&version) {
        return Err(Reason::Unsupported(format!("fastText's format {version} is not known, only 11 and 12")));
    }
    let mut fields = [0; 12];
    for field in &mut fields {
        *field = int(input)?;
    }
    let _rate: [u8; 8] = bytes(input)?;
    let [width, _, _, _, _, _, _, model, buckets, shortest, longest, _] = fields;
    let negative = || Reason::damaged("a setting is negative");
    let size = |value: i32| usize::try_from(value).map_err(|_| negative());
    // Supervised models of format 11 used no n-grams whatever they say.
    let longest = if version == 11 && model == SUPERVISED { 0 } else { size(longest)? };
    Ok(Settings {
        width: size(width)?,
        buckets: u32::try_from(buckets).map_err(|_| negative())?,
        lengths: (size(shortest)?, longest),
    })
}

fn dictionary(input: &mut Input, table: &Table<'_>) -> Result<Dictionary, Reason> {
    let size = int(input)?;
    let (words, _labels) = (int(input)?, int(input)?);
    let (_tokens, pruned) = (long(input)?, long(input)?);
    let mut found = FxHashMap::default();
    let mut buffer = vec![];
    let words = u64::try_from(words).map_err(|_| Reason::damaged("its dictionary is negative"))?;
    for entry in 0..u64::try_from(size).map_err(|_| Reason::damaged("its dictionary is negative"))? {
        let word = input.until(0, &mut buffer).map_err(Reason::Io)?;
        let word = word.filter(|word| word.len() <= LONGEST);
        let word = word.ok_or_else(|| Reason::damaged(format!("word {} of its dictionary", entry + 1)))?;
        // Words come before labels.
        if entry < words
            && let Some(&place) = table.places.get(word)
        {
            found.entry(place).or_insert(entry);
        }
        let _count_and_type: [u8; 9] = bytes(input)?;
    }
    let mut kept = (pruned >= 0).then(FxHashMap::default);
    for _ in 0..pruned.max(0) {
        let (from, to) = (int(input)?, int(input)?);
        if let (Some(kept), Ok(from), Ok(to)) = (&mut kept, u32::try_from(from), u64::try_from(to)) {
            kept.insert(from, to);
        }
    }
    Ok(Dictionary { words, rows: found, kept })
}

/// By row of the matrix, sorted: the wanted words that it is part of, with their shares.
fn uses(
    settings: &Settings,
    dictionary: &Dictionary,
    rows: u64,
    table: &mut Table<'_>,
) -> Vec<(u64, usize, f32)> {
    let mut uses = vec![];
    for (place, word) in table.wanted.iter().enumerate() {
        if table.places[word.as_bytes()] != place {
            continue;
        }
        let own = dictionary.rows.get(&place).copied();
        let mut parts: Vec<u64> = own.into_iter().collect();
        if word.as_bytes() != END && settings.lengths.1 > 0 && settings.buckets > 0 {
            let buckets = ngrams(word, settings.lengths).map(|hash| hash % settings.buckets);
            let kept = dictionary.kept.as_ref();
            let buckets = buckets.filter_map(|bucket| match kept {
                None => Some(u64::from(bucket)),
                Some(kept) => kept.get(&bucket).copied(),
            });
            parts.extend(buckets.map(|bucket| dictionary.words + bucket).filter(|&row| row < rows));
        }
        if !parts.is_empty() {
            table.row(place, if own.is_some() { Hit::Word } else { Hit::Subwords });
            let share = 1.0 / parts.len() as f32;
            uses.extend(parts.into_iter().map(|row| (row, place, share)));
        }
    }
    uses.sort_unstable_by_key(|&(row, place, _)| (row, place));
    uses
}

/// Passes over the matrix once and adds each row to the words that it is part of.
fn sum(
    input: &mut Input,
    width: usize,
    uses: &[(u64, usize, f32)],
    table: &mut Table<'_>,
) -> Result<(), Reason> {
    let mut bytes = vec![0; width * 4];
    let mut next = 0;
    for group in uses.chunk_by(|a, b| a.0 == b.0) {
        let row = group[0].0;
        let cut = |error| ended(error, "its matrix");
        input.skip((row - next) * width as u64 * 4).map_err(cut)?;
        input.exactly(&mut bytes).map_err(cut)?;
        next = row + 1;
        for &(_, place, share) in group {
            let own = &mut table.found.values[place * width..(place + 1) * width];
            for (value, bytes) in own.iter_mut().zip(bytes.as_chunks::<4>().0) {
                *value += share * f32::from_le_bytes(*bytes);
            }
        }
    }
    if table.found.values.iter().all(|value| value.is_finite()) {
        return Ok(());
    }
    Err(Reason::damaged("its matrix has numbers that are none"))
}

/// Hashes of the character n-grams of `<word>`, one for each time that it is there; `<` and `>` alone are none.
fn ngrams(word: &str, (shortest, longest): (usize, usize)) -> impl Iterator<Item = u32> {
    let word = format!("<{word}>");
    let starts: Vec<usize> = word.char_indices().map(|(at, _)| at).chain([word.len()]).collect();
    let count = starts.len() - 1;
    let spans = (0..count).flat_map(move |from| (1..=longest.min(count - from)).map(move |n| (from, n)));
    let spans =
        spans.filter(move |&(from, n)| n >= shortest && !(n == 1 && (from == 0 || from + 1 == count)));
    spans.map(move |(from, n)| hash(&word.as_bytes()[starts[from]..starts[from + n]]))
}

/// FNV-1a, with bytes widened by their sign as fastText does.
fn hash(bytes: &[u8]) -> u32 {
    let step = |hash: u32, byte: &u8| {
        (hash ^ i32::from(byte.cast_signed()).cast_unsigned()).wrapping_mul(16_777_619)
    };
    bytes.iter().fold(2_166_136_261, step)
}

fn ended(error: std::io::Error, part: &str) -> Reason {
    match error.kind() {
        std::io::ErrorKind::UnexpectedEof => Reason::damaged(format!("it ends inside {part}")),
        _ => Reason::Io(error),
    }
}

fn bytes<const N: usize>(input: &mut Input) -> Result<[u8; N], Reason> {
    let mut bytes = [0; N];
    input.exactly(&mut bytes).map_err(|error| ended(error, "its settings or dictionary"))?;
    Ok(bytes)
}

fn int(input: &mut Input) -> Result<i32, Reason> {
    bytes(input).map(i32::from_le_bytes)
}

fn long(input: &mut Input) -> Result<i64, Reason> {
    bytes(input).map(i64::from_le_bytes)
}
