//! Which part each row of a table belongs to.
//!
//! Invariant: the assignment depends on the set of rows and the seed, never on the order of the file, so a row
//! falls in the same part wherever it stands; and equal rows are never in two parts.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use crate::date;
use crate::error::Error;
use crate::part::{Part, Split};
use crate::source::Source;
use crate::table::Table;

/// The part of every row; all none where the source has no split.
///
/// By fractions: within each stratum rows are ordered by the BLAKE3 of (seed, cells other than the id) and cut;
/// the counts are the fractions' by largest remainder, so that the totals are exact. A cut that would part
/// equal rows moves to the nearest end of their group. By group, the hash is of the group's cell alone. By time,
/// rows are ordered by it. By folds, the ordered rows are cut into folds and one of them is the test part; the
/// folds of one seed are disjoint and cover all rows, and each validates on the rows before its own, the first on the
/// last, so that all rows come to validate alike. `default_seed` serves a split without its own.
pub fn assign(table: &Table, source: &Source, default_seed: u64) -> Result<Vec<Option<Part>>, Error> {
    let Some(split) = &source.split else {
        return Ok(vec![None; table.rows()]);
    };
    let problems = split.problems();
    if !problems.is_empty() {
        return Err(Error::Split { path: table.path().into(), problems });
    }
    if let Some(column) = &split.column {
        return by_column(table, column);
    }
    if let Some(column) = &split.time {
        let parts = by_time(table, split, column)?;
        return all_there(table, split, column, parts);
    }
    let parts = by_hash(table, source, split, split.seed.unwrap_or(default_seed))?;
    match &split.group {
        Some(column) => all_there(table, split, column, parts),
        None => Ok(parts),
    }
}

/// The parts, where rows that stay together left none of them empty.
fn all_there(
    table: &Table,
    split: &Split,
    name: &str,
    parts: Vec<Option<Part>>,
) -> Result<Vec<Option<Part>>, Error> {
    let missing = split.parts().into_iter().find(|part| !parts.contains(&Some(*part)));
    let Some(part) = missing else { return Ok(parts) };
    let column = table.column(name)?;
    let values: BTreeSet<&str> = (0..table.rows()).map(|row| table.cell(row, column)).collect();
    let kept_together = (name.to_owned(), values.len());
    Err(Error::EmptyPart { path: table.path().into(), part, kept_together })
}

fn by_column(table: &Table, name: &str) -> Result<Vec<Option<Part>>, Error> {
    let column = table.column(name)?;
    let mut parts = Vec::with_capacity(table.rows());
    for row in 0..table.rows() {
        let cell = table.cell(row, column);
        let Some(part) = Part::parse(cell) else {
            let place = table.place(row, column)?;
            return Err(Error::SplitCell { place, column: name.into(), cell: cell.into() });
        };
        parts.push(Some(part));
    }
    Ok(parts)
}

/// The first half of a hash, in the order of its bytes: as good as the whole to tell rows apart, and compared at once.
type RowHash = u128;

/// Rows with what they are ordered by.
type Ordered<K> = Vec<(K, usize)>;

fn by_hash(table: &Table, source: &Source, split: &Split, seed: u64) -> Result<Vec<Option<Part>>, Error> {
    let id = source.id.as_ref().map(|id| table.column(id)).transpose()?;
    let stratum = split.stratify.as_ref().map(|name| table.column(name)).transpose()?;
    let content: Vec<usize> = match &split.group {
        Some(group) => vec![table.column(group)?],
        None => (0..table.names().len()).filter(|column| Some(*column) != id).collect(),
    };
    let mut start = blake3::Hasher::new_derive_key("pipeline data split v1: seed, cells");
    start.update(&seed.to_le_bytes());
    let hashes: Vec<RowHash> = (0..table.rows())
        .into_par_iter()
        .map_init(Vec::new, |bytes, row| hash(&start, table, row, &content, bytes))
        .collect();
    let mut strata = BTreeMap::<&str, Ordered<RowHash>>::new();
    for (row, hash) in hashes.into_iter().enumerate() {
        strata.entry(stratum.map_or("", |column| table.cell(row, column))).or_default().push((hash, row));
    }
    let mut strata: Vec<Ordered<RowHash>> = strata.into_values().collect();
    strata.iter_mut().for_each(|rows| rows.par_sort_unstable());
    let mut parts = vec![None; table.rows()];
    if let (Some(folds), Some(fold)) = (split.folds, split.fold) {
        strata = without_fold(strata, folds as usize, fold as usize, &mut parts);
    }
    let fractions = match split.folds {
        Some(_) => {
            let valid = split.valid.unwrap_or(0.0);
            [(Part::Train, 1.0 - valid), (Part::Valid, valid)].into_iter().filter(|own| own.1 > 0.0).collect()
        }
        None => split.fractions(),
    };
    cut(&strata, &fractions, &mut parts);
    Ok(parts)
}

/// Gives one fold's rows to the test part, and returns the rest, those behind the fold first.
fn without_fold(
    strata: Vec<Ordered<RowHash>>,
    folds: usize,
    fold: usize,
    parts: &mut [Option<Part>],
) -> Vec<Ordered<RowHash>> {
    let counts = apportion(&strata.iter().map(Vec::len).collect::<Vec<_>>(), &vec![1.0; folds]);
    let mut rest = Vec::with_capacity(strata.len());
    for (mut rows, counts) in strata.into_iter().zip(counts) {
        let wanted: usize = counts[..fold].iter().sum();
        let (from, to) = (group_end(&rows, wanted), group_end(&rows, wanted + counts[fold]));
        rows.drain(from..to.max(from)).for_each(|(_, row)| parts[row] = Some(Part::Test));
        // The last rows validate: here those before the fold.
        rows.rotate_left(from);
        rest.push(rows);
    }
    rest
}

/// Cuts each stratum's ordered rows by fractions.
fn cut<K: Eq>(strata: &[Ordered<K>], fractions: &[(Part, f64)], parts: &mut [Option<Part>]) {
    let shares: Vec<f64> = fractions.iter().map(|(_, fraction)| *fraction).collect();
    let counts = apportion(&strata.iter().map(Vec::len).collect::<Vec<_>>(), &shares);
    for (rows, counts) in strata.iter().zip(counts) {
        let (mut from, mut wanted) = (0, 0);
        for ((part, _), count) in fractions.iter().zip(counts) {
            wanted += count;
            let end = group_end(rows, wanted).max(from);
            rows[from..end].iter().for_each(|(_, row)| parts[*row] = Some(*part));
            from = end;
        }
    }
}

fn by_time(table: &Table, split: &Split, name: &str) -> Result<Vec<Option<Part>>, Error> {
    let column = table.column(name)?;
    let cells = || (0..table.rows()).map(|row| table.cell(row, column));
    // All cells are of the first one's kind: a number that stands among dates is no year.
    let numbers = number(table.cell(0, column)).is_some();
    let (parse, kind) =
        if numbers { (number as fn(&str) -> _, "number") } else { (date::micros as _, "date") };
    let mut rows = Ordered::with_capacity(table.rows());
    for (row, cell) in cells().enumerate() {
        let Some(time) = parse(cell) else {
            let place = table.place(row, column)?;
            return Err(Error::NotATime { place, column: name.into(), cell: cell.into(), kind });
        };
        rows.push((time, row));
    }
    rows.par_sort_unstable();
    let mut parts = vec![None; table.rows()];
    cut(&[rows], &split.fractions(), &mut parts);
    Ok(parts)
}

/// An integer that is ordered as the finite number in the cell is.
fn number(cell: &str) -> Option<i64> {
    let number: f64 = cell.trim().parse().ok().filter(|number: &f64| number.is_finite())?;
    // Minus zero is zero. Below it, a greater magnitude is less.
    let bits = (number + 0.0).to_bits() as i64;
    Some(if bits < 0 { i64::MIN - bits } else { bits })
}

/// The hash of some of a row's cells, after what `start` has already taken in; `bytes` is room for them.
fn hash(
    start: &blake3::Hasher,
    table: &Table,
    row: usize,
    columns: &[usize],
    bytes: &mut Vec<u8>,
) -> RowHash {
    bytes.clear();
    for &column in columns {
        let cell = table.cell(row, column);
        bytes.extend_from_slice(&(cell.len() as u64).to_le_bytes());
        bytes.extend_from_slice(cell.as_bytes());
    }
    let hash = start.clone().update(bytes).finalize();
    let (half, _) = hash.as_bytes().split_at(16);
    half.iter().fold(0, |number, byte| number << 8 | RowHash::from(*byte))
}

/// The end of a group of equal rows, which are neighbours, that is nearest to `cut`, the earlier of two.
fn group_end<K: Eq>(rows: &[(K, usize)], cut: usize) -> usize {
    if cut == 0 || cut == rows.len() {
        return cut;
    }
    let other = |(key, _): &(K, usize)| *key != rows[cut].0;
    let start = rows[..cut].iter().rposition(other).map_or(0, |before| before + 1);
    let end = rows[cut..].iter().position(other).map_or(rows.len(), |after| cut + after);
    if cut - start <= end - cut { start } else { end }
}

/// How many rows of each stratum (outer) go to each share (inner): the sums over shares are the strata's sizes,
/// the sums over strata are the shares of all rows by largest remainder, and each count is its exact quota
/// rounded down or, where remainders allow it, up.
fn apportion(strata: &[usize], shares: &[f64]) -> Vec<Vec<usize>> {
    let whole: f64 = shares.iter().sum();
    // Quotas that are whole but for rounding errors (25,000 x 0.64) count as whole.
    let quota = |size: usize, share: f64| {
        let exact = size as f64 * share / whole;
        let floor = (exact + 1e-9).floor();
        (floor as usize, (exact - floor).max(0.0))
    };
    let all: usize = strata.iter().sum();
    let mut totals: Vec<usize> = shares.iter().map(|share| quota(all, *share).0).collect();
    let mut order: Vec<usize> = (0..shares.len()).collect();
    order.sort_by(|&left, &right| quota(all, shares[right]).1.total_cmp(&quota(all, shares[left]).1));
    let left_over = all - totals.iter().sum::<usize>();
    order.iter().take(left_over).for_each(|&share| totals[share] += 1);

    let mut counts: Vec<Vec<usize>> =
        strata.iter().map(|&size| shares.iter().map(|&share| quota(size, share).0).collect()).collect();
    let mut of_stratum: Vec<usize> =
        strata.iter().zip(&counts).map(|(size, counts)| size - counts.iter().sum::<usize>()).collect();
    let mut of_share: Vec<usize> = (0..shares.len())
        .map(|share| totals[share] - counts.iter().map(|row| row[share]).sum::<usize>())
        .collect();
    let mut remainders = Vec::with_capacity(strata.len() * shares.len());
    for (stratum, &size) in strata.iter().enumerate() {
        remainders.extend(shares.iter().enumerate().map(|(at, &share)| (quota(size, share).1, stratum, at)));
    }
    remainders.sort_by(|left, right| right.0.total_cmp(&left.0));
    // The first pass rounds up at most once each; what strata and shares then still miss of one another goes
    // where there is room.
    for most in [1, usize::MAX] {
        for &(_, stratum, share) in &remainders {
            let more = of_stratum[stratum].min(of_share[share]).min(most);
            counts[stratum][share] += more;
            of_stratum[stratum] -= more;
            of_share[share] -= more;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_keep_their_order() {
        let cells = ["-1e300", "-2", "-1.5", "-1e-300", "0", "1e-300", " 1", "2", "1e300"];
        let numbers: Vec<i64> = cells.iter().map(|cell| number(cell).unwrap()).collect();
        assert!(numbers.is_sorted_by(|left, right| left < right), "{numbers:?}");
        assert_eq!(number("-0"), number("0"));
        assert_eq!((number("inf"), number("2024-01-01")), (None, None));
    }

    #[test]
    fn totals_are_exact() {
        // Hand calculation.
        assert_eq!(
            apportion(&[12_500, 12_500], &[0.64, 0.16, 0.2]),
            [[8000, 2000, 2500], [8000, 2000, 2500]]
        );
        assert_eq!(apportion(&[330, 169], &[0.8, 0.2]), [[264, 66], [135, 34]]);
        assert_eq!(apportion(&[1, 1], &[0.5, 0.5]), [[1, 0], [0, 1]]);
        assert_eq!(apportion(&[10], &[0.333_333_3, 0.333_333_3, 0.333_333_3]), [[4, 3, 3]]);
    }

    proptest! {
        #[test]
        fn margins_hold(strata in prop::collection::vec(1usize..60, 1..9), a in 0.01f64..0.5, b in 0.01f64..0.49) {
            let shares = [a, b, 1.0 - a - b];
            let counts = apportion(&strata, &shares);
            for (size, counts) in strata.iter().zip(&counts) {
                prop_assert_eq!(*size, counts.iter().sum::<usize>());
            }
            let all: usize = strata.iter().sum();
            for (at, share) in shares.iter().enumerate() {
                let total: usize = counts.iter().map(|row| row[at]).sum();
                prop_assert!((total as f64 - share * all as f64).abs() < 1.0);
            }
        }
    }
}
