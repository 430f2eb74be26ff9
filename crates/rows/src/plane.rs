//! Rows in the plane of their principal components, as points and as a picture.

use std::path::Path;

use data::Principal;
use heads::Matrix;
use plan::StageError;
use report::Groups;

use crate::error::OrStage;
use crate::files::write_picture;

/// Points of a picture at most: more hide each other and make it large.
const DRAWN: usize = 4000;

/// Principal components of some rows.
pub(crate) struct Plane {
    principal: Principal,
    components: usize,
}

impl Plane {
    /// `None` for fewer rows or columns than components.
    pub(crate) fn fit(rows: &Matrix, components: usize) -> Option<Self> {
        let each = |row: usize, tell: &mut dyn FnMut(usize, f64)| rows.each(row, tell);
        let principal = Principal::fit(rows.rows(), rows.width(), components, each)?;
        Some(Plane { principal, components })
    }

    pub(crate) fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Places of rows along the first two directions.
    pub(crate) fn points(&self, rows: &Matrix) -> Vec<(f64, f64)> {
        let each = |row: usize, tell: &mut dyn FnMut(usize, f64)| rows.each(row, tell);
        let places = self.principal.apply(rows.rows(), each);
        places.chunks_exact(self.components).map(|row| (row[0], row[1])).collect()
    }
}

/// Draws points by group; of many only some, evenly spaced in the order of the rows.
pub(crate) fn draw(
    folder: &Path,
    points: &[(f64, f64)],
    of: &[usize],
    names: &[String],
    title: &str,
) -> Result<(), StageError> {
    let step = points.len().div_ceil(DRAWN).max(1);
    let some: Vec<(f64, f64)> = points.iter().copied().step_by(step).collect();
    let of: Vec<usize> = of.iter().copied().step_by(step).collect();
    let picture = report::scatter(&some, Some(Groups { of: &of, names }), None, title).or_stage()?;
    write_picture(folder, "scatter", &picture)
}
