//! Pictures whose levels a table itself holds: columns of pixels, and IDX files.

use std::path::{Path, PathBuf};

use images::{Idx, Limits, Picture};
use regex::Regex;

use crate::builder::Builder;
use crate::error::Error;
use crate::source::Pixels;
use crate::table::Table;

/// The column that stands for the pictures.
pub(crate) const IMAGE: &str = "image";
/// The columns of IDX files.
const COLUMNS: [&str; 2] = [IMAGE, "label"];

/// Levels of pictures of one size, one behind the other. A cell of the pictures' column is a picture's place among
/// them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Levels {
    /// Height, width and channels.
    size: [usize; 3],
    bytes: Vec<u8>,
}

impl Levels {
    pub(crate) fn picture(&self, cell: &str) -> Option<Picture> {
        let [height, width, channels] = self.size;
        let length = height * width * channels;
        let start = cell.parse::<usize>().ok()?.checked_mul(length)?;
        Picture::new(width, height, channels, self.bytes.get(start..start.checked_add(length)?)?.to_vec())
    }
}

/// The pixel columns among a table's names, in order.
///
/// # Errors
/// When they are not as many as the picture's sides say.
pub(crate) fn pixel_columns(path: &Path, pixels: &Pixels, names: &[String]) -> Result<Vec<usize>, Error> {
    let pattern = Regex::new(&format!("^(?:{})$", pixels.columns)).ok();
    let matches = |name: &String| pattern.as_ref().is_some_and(|pattern| pattern.is_match(name));
    let columns: Vec<usize> = (0..names.len()).filter(|&at| matches(&names[at])).collect();
    let expected = pixels.size().iter().product();
    if columns.len() != expected {
        let (path, pattern, found) = (path.into(), pixels.columns.clone(), columns.len());
        return Err(Error::PixelColumns { path, pattern, found, expected });
    }
    Ok(columns)
}

/// The levels that a table's pixel columns hold; the cells are whole numbers of 0 to 255.
pub(crate) fn of_columns(table: &Table, pixels: &Pixels, columns: &[usize]) -> Result<Levels, Error> {
    let mut bytes = Vec::with_capacity(table.rows() * columns.len());
    for row in 0..table.rows() {
        for &column in columns {
            let cell = table.cell(row, column).trim();
            let number: Option<f64> = cell.parse().ok();
            let level = number.filter(|level| level.fract() == 0.0 && (0.0..=255.0).contains(level));
            let Some(level) = level else {
                let (place, column) = (table.place(row, column)?, table.names()[column].clone());
                return Err(Error::NotALevel { place, column, cell: cell.to_owned() });
            };
            bytes.push(level as u8);
        }
    }
    Ok(Levels { size: pixels.size(), bytes })
}

/// The names of the columns of IDX files: `label` is there where files of labels are.
pub(crate) fn idx_header(paths: &[PathBuf]) -> Result<Vec<String>, Error> {
    let labelled = pairs(paths)?.iter().any(|(_, labels)| labels.is_some());
    Ok(COLUMNS[..1 + usize::from(labelled)].iter().map(|&name| name.to_owned()).collect())
}

/// Files of pictures, each with the file of its labels after it, where there are any.
fn pairs(paths: &[PathBuf]) -> Result<Vec<(&PathBuf, Option<&PathBuf>)>, Error> {
    let mut pairs: Vec<(&PathBuf, Option<&PathBuf>)> = Vec::new();
    for path in paths {
        let sides = Idx::sides(path).map_err(|error| broken(path, &error))?;
        match pairs.last_mut() {
            Some((_, labels @ None)) if sides == 1 => *labels = Some(path),
            _ if sides == 1 => return Err(Error::IdxOrder { path: path.clone() }),
            _ => pairs.push((path, None)),
        }
    }
    if let (Some((path, None)), true) =
        (pairs.iter().find(|pair| pair.1.is_none()), pairs.iter().any(|pair| pair.1.is_some()))
    {
        return Err(Error::IdxOrder { path: (*path).clone() });
    }
    Ok(pairs)
}

/// Reads IDX files.
pub(crate) fn read_idx(paths: &[PathBuf], table: &mut Builder) -> Result<Levels, Error> {
    // Unpacked; a million pictures of 28 x 28 are 0.8 GB.
    let limits = Limits { bytes: 4 << 30, ..Limits::default() };
    let mut all: Option<Levels> = None;
    let mut rows = 0usize;
    for (path, labels) in pairs(paths)? {
        let pictures = Idx::read(path, &limits).map_err(|error| broken(path, &error))?;
        let first = pictures.picture(0).ok_or_else(|| Error::Idx {
            path: path.clone(),
            reason: format!("{:?} are no pictures", pictures.shape),
        })?;
        let size = [first.height(), first.width(), first.channels()];
        let known = match labels {
            None => None,
            Some(labels) => {
                let own = Idx::read(labels, &limits).map_err(|error| broken(labels, &error))?;
                if own.items() != pictures.items() {
                    let reason = format!("{} labels for {} pictures", own.items(), pictures.items());
                    return Err(Error::Idx { path: labels.clone(), reason });
                }
                Some(own)
            }
        };
        table.folder(path, &COLUMNS[..1 + usize::from(known.is_some())])?;
        for at in 0..pictures.items() {
            table.row(0);
            table.cell(0, &(rows + at).to_string());
            if let Some(labels) = &known {
                table.cell(1, &labels.bytes[at].to_string());
            }
        }
        rows += pictures.items();
        match &mut all {
            None => all = Some(Levels { size, bytes: pictures.bytes }),
            Some(all) if all.size == size => all.bytes.extend(pictures.bytes),
            Some(all) => {
                let reason = format!("pictures of {size:?}, those before have {:?}", all.size);
                return Err(Error::Idx { path: path.clone(), reason });
            }
        }
    }
    Ok(all.unwrap_or(Levels { size: [1, 1, 1], bytes: Vec::new() }))
}

fn broken(path: &Path, error: &images::Error) -> Error {
    let reason = error.to_string();
    let name = format!("{}: ", path.display());
    Error::Idx { path: path.into(), reason: reason.strip_prefix(&name).unwrap_or(&reason).to_owned() }
}
