//! Rows of numbers: dense columns, and beside them sparse ones.
//!
//! Invariant: both halves have the same rows, every number is finite, and the places of a sparse row rise.

use rayon::prelude::*;

use crate::Error;

/// Rows of `width()` numbers: the dense columns come first.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    rows: usize,
    dense_width: usize,
    dense: Vec<f32>,
    sparse: Sparse,
}

/// Rows of which only the numbers that are not 0 are stored (compressed sparse rows): row r has `values[offsets[r]..
/// offsets[r + 1]]` at the places `indices[..]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Sparse {
    /// Numbers a row, those that are 0 among them.
    pub width: usize,
    /// The numbers that are stored.
    pub values: Vec<f32>,
    /// The place of each.
    pub indices: Vec<u32>,
    /// Where each row starts, and the end of the last; `[rows + 1]`.
    pub offsets: Vec<usize>,
}

impl Sparse {
    /// Rows without columns.
    pub fn none(rows: usize) -> Self {
        Self { width: 0, values: vec![], indices: vec![], offsets: vec![0; rows + 1] }
    }

    /// The places and numbers of a row.
    pub fn row(&self, row: usize) -> impl Iterator<Item = (usize, f64)> {
        let (places, values) = self.slices(row);
        places.iter().map(|place| *place as usize).zip(values.iter().map(|number| f64::from(*number)))
    }

    /// The same as they are stored.
    pub(crate) fn slices(&self, row: usize) -> (&[u32], &[f32]) {
        let range = self.offsets[row]..self.offsets[row + 1];
        (&self.indices[range.clone()], &self.values[range])
    }

    fn check(&self, rows: usize) -> Result<(), Error> {
        let shape = |what, expected, found| match expected == found {
            true => Ok(()),
            false => Err(Error::Shape { what, expected, found }),
        };
        shape("offsets of the sparse rows", rows + 1, self.offsets.len())?;
        shape("places of the sparse numbers", self.values.len(), self.indices.len())?;
        shape("sparse numbers", self.offsets[rows], self.values.len())?;
        let rising = |row: &[usize]| {
            row[0] <= row[1]
                && self.indices.get(row[0]..row[1]).is_some_and(|places| places.is_sorted_by(|a, b| a < b))
        };
        if !self.offsets.windows(2).all(rising) {
            return Err(Error::damaged("the places of a sparse row do not rise"));
        }
        match self.indices.iter().max() {
            Some(&place) if place as usize >= self.width => {
                Err(Error::Shape { what: "sparse columns", expected: self.width, found: place as usize + 1 })
            }
            _ => Ok(()),
        }
    }
}

impl Matrix {
    /// Dense numbers `[rows, dense_width]`, row after row, and sparse ones beside them.
    ///
    /// # Errors
    /// [`Error::Shape`] when they do not fit together, [`Error::NotFinite`] for a number that is missing or endless.
    pub fn new(rows: usize, dense_width: usize, dense: Vec<f32>, sparse: Sparse) -> Result<Self, Error> {
        let expected = rows.saturating_mul(dense_width);
        if dense.len() != expected {
            return Err(Error::Shape { what: "dense numbers", expected, found: dense.len() });
        }
        sparse.check(rows)?;
        let refuse =
            |row, column, value: f32| Err(Error::NotFinite { column, row, value: value.to_string() });
        if let Some(at) = dense.iter().position(|value| !value.is_finite()) {
            return refuse(at / dense_width, at % dense_width, dense[at]);
        }
        if let Some(at) = sparse.values.iter().position(|value| !value.is_finite()) {
            let row = sparse.offsets.partition_point(|offset| *offset <= at) - 1;
            return refuse(row, dense_width + sparse.indices[at] as usize, sparse.values[at]);
        }
        Ok(Self { rows, dense_width, dense, sparse })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn width(&self) -> usize {
        self.dense_width + self.sparse.width
    }

    /// Number of dense columns.
    pub fn dense_width(&self) -> usize {
        self.dense_width
    }

    /// The dense numbers of a row.
    pub fn dense(&self, row: usize) -> &[f32] {
        &self.dense[row * self.dense_width..(row + 1) * self.dense_width]
    }

    /// Tells every number of a row that may not be 0: its column, rising, and the number.
    pub fn each(&self, row: usize, mut tell: impl FnMut(usize, f64)) {
        self.dense(row).iter().enumerate().for_each(|(at, x)| tell(at, f64::from(*x)));
        self.sparse.row(row).for_each(|(place, x)| tell(self.dense_width + place, x));
    }

    /// All numbers of a row, `[width]`.
    pub fn full(&self, row: usize) -> Vec<f64> {
        let mut full = vec![0.0; self.width()];
        self.each(row, |at, x| full[at] = x);
        full
    }

    /// Some of the rows, in the order given.
    #[must_use]
    pub fn only(&self, rows: &[usize]) -> Matrix {
        let mut sparse = Sparse { offsets: vec![0], width: self.sparse.width, ..Sparse::none(0) };
        for &row in rows {
            let own = self.sparse.offsets[row]..self.sparse.offsets[row + 1];
            sparse.indices.extend_from_slice(&self.sparse.indices[own.clone()]);
            sparse.values.extend_from_slice(&self.sparse.values[own]);
            sparse.offsets.push(sparse.values.len());
        }
        let dense = rows.iter().flat_map(|row| self.dense(*row).iter().copied()).collect();
        Matrix { rows: rows.len(), dense_width: self.dense_width, dense, sparse }
    }

    /// The sparse columns.
    pub fn sparse(&self) -> &Sparse {
        &self.sparse
    }
}

/// The same numbers with rows and columns exchanged.
pub(crate) fn transposed(of: &Sparse, rows: usize) -> Sparse {
    let mut offsets = vec![0; of.width + 1];
    of.indices.iter().for_each(|place| offsets[*place as usize + 1] += 1);
    for column in 0..of.width {
        offsets[column + 1] += offsets[column];
    }
    let (mut values, mut indices) = (vec![0.0; of.values.len()], vec![0; of.values.len()]);
    // Each task writes columns of its own, about as many numbers as the others.
    let share = of.values.len().div_ceil(rayon::current_num_threads()).max(1);
    let (mut tasks, mut rest, mut first) = (vec![], (&mut values[..], &mut indices[..]), 0);
    while first < of.width {
        let last =
            offsets.partition_point(|offset| *offset < offsets[first] + share).clamp(first + 1, of.width);
        let own = offsets[last] - offsets[first];
        let ((values, more_values), (indices, more_indices)) =
            (rest.0.split_at_mut(own), rest.1.split_at_mut(own));
        rest = (more_values, more_indices);
        tasks.push((first..last, values, indices));
        first = last;
    }
    tasks.into_par_iter().for_each(|(columns, values, indices)| {
        let start = offsets[columns.start];
        let mut next: Vec<usize> = offsets[columns.clone()].iter().map(|offset| offset - start).collect();
        for row in 0..rows {
            let (places, numbers) = of.slices(row);
            let from = places.partition_point(|place| (*place as usize) < columns.start);
            let own = places[from..].iter().zip(&numbers[from..]);
            for (place, number) in own.take_while(|(place, _)| (**place as usize) < columns.end) {
                let to = &mut next[*place as usize - columns.start];
                values[*to] = *number;
                indices[*to] = row as u32;
                *to += 1;
            }
        }
    });
    Sparse { width: rows, values, indices, offsets }
}

/// The sum over the columns of what differs between two rows.
pub(crate) fn differences(
    a: &Matrix,
    row: usize,
    b: &Matrix,
    other: usize,
    of: impl Fn(f64, f64) -> f64,
) -> f64 {
    let mut sum: f64 =
        a.dense(row).iter().zip(b.dense(other)).map(|(x, y)| of(f64::from(*x), f64::from(*y))).sum();
    let (mut left, mut right) = (a.sparse().row(row).peekable(), b.sparse().row(other).peekable());
    loop {
        sum += match (left.peek().copied(), right.peek().copied()) {
            (None, None) => return sum,
            (Some((at, x)), Some((place, y))) if at == place => {
                left.next();
                right.next();
                of(x, y)
            }
            (Some((at, x)), other) if other.is_none_or(|(place, _)| at < place) => {
                left.next();
                of(x, 0.0)
            }
            (_, Some((_, y))) => {
                right.next();
                of(0.0, y)
            }
            (Some(_), None) => return sum,
        };
    }
}
