//! Which part each row of a table belongs to.
//!
//! Invariant: the assignment depends on the set of rows and the seed, never on the order of the file, so a row
//! falls in the same part wherever it stands; and equal rows are never in two parts.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::error::Error;
use crate::source::{Part, Source, Split};
use crate::table::Table;

/// The part of every row; all none where the source has no split.
///
/// By fractions: within each stratum rows are ordered by the BLAKE3 of (seed, cells other than the id) and cut;
/// the counts are the fractions' by largest remainder, so that the totals are exact. A cut that would part
/// equal rows moves to the nearest end of their group. `default_seed` serves a split without its own.
pub fn assign(table: &Table, source: &Source, default_seed: u64) -> Result<Vec<Option<Part>>, Error> {
    let Some(split) = &source.split else {
        return Ok(vec![None; table.rows()]);
    };
    let problems = split.problems();
    if !problems.is_empty() {
        return Err(Error::Split { path: table.path().into(), problems });
    }
    match &split.column {
        Some(column) => by_column(table, column),
        None => by_fractions(table, source, split, split.seed.unwrap_or(default_seed)),
    }
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

type RowHash = [u8; 32];

fn by_fractions(
    table: &Table,
    source: &Source,
    split: &Split,
    seed: u64,
) -> Result<Vec<Option<Part>>, Error> {
    let id = source.id.as_ref().map(|id| table.column(id)).transpose()?;
    let stratum = split.stratify.as_ref().map(|name| table.column(name)).transpose()?;
    let content: Vec<usize> = (0..table.names().len()).filter(|column| Some(*column) != id).collect();
    let mut strata = BTreeMap::<&str, Vec<(RowHash, usize)>>::new();
    let hashes: Vec<RowHash> =
        (0..table.rows()).into_par_iter().map(|row| hash(table, row, &content, seed)).collect();
    for (row, hash) in hashes.into_iter().enumerate() {
        strata.entry(stratum.map_or("", |column| table.cell(row, column))).or_default().push((hash, row));
    }
    let fractions = split.fractions();
    let shares: Vec<f64> = fractions.iter().map(|(_, fraction)| *fraction).collect();
    let counts = apportion(&strata.values().map(Vec::len).collect::<Vec<_>>(), &shares);
    let mut parts = vec![None; table.rows()];
    for (rows, counts) in strata.values_mut().zip(counts) {
        rows.sort_unstable();
        let (mut from, mut wanted) = (0, 0);
        for ((part, _), count) in fractions.iter().zip(counts) {
            wanted += count;
            let end = group_end(rows, wanted).max(from);
            rows[from..end].iter().for_each(|(_, row)| parts[*row] = Some(*part));
            from = end;
        }
    }
    Ok(parts)
}

fn hash(table: &Table, row: usize, columns: &[usize], seed: u64) -> RowHash {
    let mut hasher = blake3::Hasher::new_derive_key("pipeline data split v1: seed, cells");
    hasher.update(&seed.to_le_bytes());
    for &column in columns {
        let cell = table.cell(row, column);
        hasher.update(&(cell.len() as u64).to_le_bytes());
        hasher.update(cell.as_bytes());
    }
    *hasher.finalize().as_bytes()
}

/// The end of a group of equal rows that is nearest to `cut`, the earlier of two.
fn group_end(rows: &[(RowHash, usize)], cut: usize) -> usize {
    if cut == 0 || cut == rows.len() {
        return cut;
    }
    let group = rows[cut].0;
    let start = rows.partition_point(|(hash, _)| *hash < group);
    let end = rows.partition_point(|(hash, _)| *hash <= group);
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
