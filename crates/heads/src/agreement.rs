//! How far two partitions of the same rows agree, whatever their groups are called.

/// Rows by group of the one partition and by group of the other, with both sums.
struct Table {
    cells: Vec<f64>,
    left: Vec<f64>,
    right: Vec<f64>,
    rows: f64,
}

impl Table {
    fn new(left: &[usize], right: &[usize]) -> Option<Self> {
        if left.is_empty() || left.len() != right.len() {
            return None;
        }
        let size = |groups: &[usize]| groups.iter().max().map_or(0, |most| most + 1);
        let (lines, columns) = (size(left), size(right));
        let mut table = Table {
            cells: vec![0.0; lines * columns],
            left: vec![0.0; lines],
            right: vec![0.0; columns],
            rows: left.len() as f64,
        };
        for (&line, &column) in left.iter().zip(right) {
            table.cells[line * columns + column] += 1.0;
            table.left[line] += 1.0;
            table.right[column] += 1.0;
        }
        Some(table)
    }
}

/// The Rand index corrected for chance (Hubert and Arabie 1985), as scikit-learn's `adjusted_rand_score`: 1 where the
/// partitions agree, about 0 where they know nothing of each other. `None` without rows.
pub fn adjusted_rand(left: &[usize], right: &[usize]) -> Option<f64> {
    let table = Table::new(left, right)?;
    let pairs = |counts: &[f64]| counts.iter().map(|count| count * (count - 1.0) / 2.0).sum::<f64>();
    let (both, one, other) = (pairs(&table.cells), pairs(&table.left), pairs(&table.right));
    let all = pairs(&[table.rows]);
    let chance = if all > 0.0 { one * other / all } else { 0.0 };
    let most = (one + other) / 2.0;
    Some(if most == chance { 1.0 } else { (both - chance) / (most - chance) })
}

/// The mutual information divided by the mean of both entropies, as scikit-learn's `normalized_mutual_info_score`.
/// `None` without rows.
pub fn mutual_information(left: &[usize], right: &[usize]) -> Option<f64> {
    let table = Table::new(left, right)?;
    let entropy = |counts: &[f64]| {
        let terms = counts.iter().filter(|count| **count > 0.0).map(|count| count / table.rows);
        -terms.map(|share| share * share.ln()).sum::<f64>()
    };
    let (one, other) = (entropy(&table.left), entropy(&table.right));
    let mut shared = 0.0;
    for (line, of_line) in table.cells.chunks_exact(table.right.len()).zip(&table.left) {
        for (cell, of_column) in line.iter().zip(&table.right).filter(|(cell, _)| **cell > 0.0) {
            shared += cell / table.rows * (cell * table.rows / (of_line * of_column)).ln();
        }
    }
    let mean = (one + other) / 2.0;
    // Two partitions of one group each agree.
    Some(if mean > 0.0 { (shared / mean).max(0.0) } else { 1.0 })
}
