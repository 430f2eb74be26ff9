//! Rows of numbers between two steps of a chain.

/// Rows of `width` numbers, `[rows, width]`, row after row; NaN is a missing number. The width is not 0.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Dense {
    pub(crate) width: usize,
    pub(crate) values: Vec<f64>,
}

/// Rows of `width` numbers of which only those that are not 0 are kept (compressed sparse rows): row r has the
/// numbers `values[offsets[r]..offsets[r + 1]]` at the places `indices[..]`, which rise.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sparse {
    pub(crate) width: usize,
    pub(crate) values: Vec<f32>,
    pub(crate) indices: Vec<i32>,
    pub(crate) offsets: Vec<i64>,
}

/// Rows of numbers, either way.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Block {
    Dense(Dense),
    Sparse(Sparse),
}

impl Dense {
    pub(crate) fn rows(&self) -> usize {
        self.values.len() / self.width
    }

    /// The numbers of one place that are not missing, row by row.
    pub(crate) fn present(&self, place: usize) -> impl Iterator<Item = f64> {
        self.values.iter().skip(place).step_by(self.width).copied().filter(|number| !number.is_nan())
    }
}

impl Sparse {
    /// Rows one behind the other, each a list of rising places with their numbers.
    pub(crate) fn join(width: usize, pieces: Vec<Pieces>) -> Self {
        let count = pieces.iter().map(|piece| piece.values.len()).sum();
        let rows: usize = pieces.iter().map(|piece| piece.ends.len()).sum();
        let (mut values, mut indices) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        for piece in pieces {
            offsets.extend(piece.ends.iter().map(|end| (values.len() + end) as i64));
            values.extend(piece.values);
            indices.extend(piece.indices);
        }
        Self { width, values, indices, offsets }
    }

    pub(crate) fn rows(&self) -> usize {
        self.offsets.len() - 1
    }

    /// The places and numbers of a row.
    pub(crate) fn row(&self, row: usize) -> impl Iterator<Item = (usize, f64)> {
        let (places, numbers) = self.slices(row);
        places.iter().map(|place| *place as usize).zip(numbers.iter().map(|number| f64::from(*number)))
    }

    /// The same as they are stored.
    pub(crate) fn slices(&self, row: usize) -> (&[i32], &[f32]) {
        let own = self.offsets[row] as usize..self.offsets[row + 1] as usize;
        (&self.indices[own.clone()], &self.values[own])
    }
}

/// Some rows of a sparse block, made by one thread.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    pub(crate) values: Vec<f32>,
    pub(crate) indices: Vec<i32>,
    /// Where each row ends.
    pub(crate) ends: Vec<usize>,
}

impl Pieces {
    /// Adds a row.
    pub(crate) fn push(&mut self, (places, numbers): (&[i32], &[f32])) {
        self.indices.extend_from_slice(places);
        self.values.extend_from_slice(numbers);
        self.ends.push(self.values.len());
    }
}

impl Block {
    pub(crate) fn width(&self) -> usize {
        match self {
            Self::Dense(dense) => dense.width,
            Self::Sparse(sparse) => sparse.width,
        }
    }
}
