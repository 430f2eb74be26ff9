//! IDX files of bytes, the format of MNIST and its relatives (LeCun, Cortes and Burges), plain or gzip.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::GzDecoder;

use crate::decode::Limits;
use crate::error::Error;
use crate::picture::Picture;

const NO_IDX: &str = "no IDX file: it does not start with two zeros, a type and a number of sides";

/// An array of bytes. Invariant: there are as many bytes as the sides say, and no side is 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idx {
    /// The sides: `[items]` for labels, `[items, height, width]` for grey pictures, with a last 3 for RGB.
    pub shape: Vec<usize>,
    /// The numbers, row-major.
    pub bytes: Vec<u8>,
}

impl Idx {
    /// Reads the file at `path`; `limits.bytes` bounds what it may hold, unpacked.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Limit`], and [`Error::Pixels`] for content that is no IDX file of bytes.
    pub fn read(path: &Path, limits: &Limits) -> Result<Self, Error> {
        let name = path.display().to_string();
        let io = |source| Error::Io { name: name.clone(), source };
        let mut file = BufReader::new(File::open(path).map_err(io)?);
        let is_gzip = file.fill_buf().map_err(io)?.starts_with(&[0x1f, 0x8b]);
        let mut bytes = Vec::new();
        let most = limits.bytes.saturating_add(1);
        let read = if is_gzip {
            GzDecoder::new(file).take(most).read_to_end(&mut bytes)
        } else {
            file.take(most).read_to_end(&mut bytes)
        };
        read.map_err(io)?;
        if bytes.len() as u64 > limits.bytes {
            let found = bytes.len() as u64;
            return Err(Error::Limit { name, found, unit: "bytes or more", limit: limits.bytes });
        }
        Self::parse(bytes).map_err(|reason| Error::Pixels { name, reason })
    }

    /// How many sides the array at `path` has; reads no more than says it.
    ///
    /// # Errors
    /// [`Error::Io`], and [`Error::Pixels`] for content that is no IDX file.
    pub fn sides(path: &Path) -> Result<usize, Error> {
        let name = path.display().to_string();
        let io = |source| Error::Io { name: name.clone(), source };
        let mut file = BufReader::new(File::open(path).map_err(io)?);
        let is_gzip = file.fill_buf().map_err(io)?.starts_with(&[0x1f, 0x8b]);
        let mut start = Vec::new();
        if is_gzip {
            GzDecoder::new(file).take(4).read_to_end(&mut start).map_err(io)?;
        } else {
            file.take(4).read_to_end(&mut start).map_err(io)?;
        }
        match start[..] {
            [0, 0, _, sides] => Ok(usize::from(sides)),
            _ => Err(Error::Pixels { name, reason: NO_IDX.to_owned() }),
        }
    }

    fn parse(mut bytes: Vec<u8>) -> Result<Self, String> {
        let &[0, 0, kind, sides, ..] = bytes.as_slice() else {
            return Err(NO_IDX.to_owned());
        };
        if kind != 8 {
            return Err(format!("an IDX file of type {kind:#04x}; type 0x08 (bytes) is read"));
        }
        let header = 4 + 4 * usize::from(sides);
        let cut = || "the IDX file ends within its header".to_owned();
        let shape = bytes.get(4..header).ok_or_else(cut)?.as_chunks::<4>().0.iter();
        let shape: Vec<usize> = shape.map(|side| u32::from_be_bytes(*side) as usize).collect();
        let size = shape.iter().try_fold(1usize, |size, &side| size.checked_mul(side));
        let found = bytes.len() - header;
        if shape.is_empty() || size != Some(found) || found == 0 {
            return Err(format!("the IDX file says {shape:?} and has {found} bytes"));
        }
        bytes.drain(..header);
        Ok(Self { shape, bytes })
    }

    /// How many items there are.
    pub fn items(&self) -> usize {
        self.shape.first().copied().unwrap_or(0)
    }

    /// The picture at a place; `None` past the end, and where the items are no pictures.
    pub fn picture(&self, at: usize) -> Option<Picture> {
        let (height, width, channels) = match *self.shape.as_slice() {
            [_, height, width] => (height, width, 1),
            [_, height, width, channels] => (height, width, channels),
            _ => return None,
        };
        let size = height.checked_mul(width)?.checked_mul(channels)?;
        let start = size.checked_mul(at)?;
        Picture::new(width, height, channels, self.bytes.get(start..start.checked_add(size)?)?.to_vec())
    }
}
