//! Pictures on their way from files to the pixels that an encoded data set keeps.
//!
//! Every picture is decoded once and brought through the part of its chain that resizes; its levels go to a file as
//! they come. What follows in the chain is done when a batch is made, so that augmentation sees the picture before it
//! is cut out, and grey pictures are kept as such. Memory holds one window of pictures, whatever the folder's size, and
//! the file is the same for any number of threads.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use images::{Chain, Limits, Picture, Sample, Shape, Transform};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Place};
use crate::packed;
use crate::source::{FileContent, OnError, is_archive};
use crate::step::{ColumnType, Step};
use crate::table::Table;
use crate::texts;

/// The file of the levels of all pictures: a safetensors file of one tensor `pixels` u8 [levels].
pub const PICTURES_FILE: &str = "pictures.safetensors";

/// The bytes kept free for the file's header, which is written last.
const HEADER: usize = 120;

/// The most bytes of packed pictures that wait to be decoded.
const WINDOW: usize = 64 << 20;

/// The picture columns of a table, encoded.
#[derive(Debug, Serialize, Deserialize)]
pub struct Pictures {
    pub(crate) columns: BTreeMap<String, Stored>,
    /// The rows of the table that are left, in order.
    rows: Vec<usize>,
    /// Of each row, the digest of what its pictures were decoded to.
    #[serde(with = "halves")]
    digests: Vec<u128>,
    broken: Vec<Broken>,
}

/// A picture that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broken {
    /// The row of the table.
    pub row: usize,
    /// Which one, and what is wrong with it.
    pub reason: String,
}

/// A column of pictures: where the levels of each lie, and what is still to be done with them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Stored {
    pub(crate) kind: ColumnType,
    pub(crate) view: Vec<Transform>,
    /// Of each row, where its levels start in the file.
    pub(crate) starts: Vec<i64>,
    /// Of each row, height, width and channels.
    pub(crate) sizes: Vec<i32>,
}

/// Digests in JSON, whose numbers have 64 bits.
mod halves {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(digests: &[u128], serializer: S) -> Result<S::Ok, S::Error> {
        let halves = digests.iter().map(|digest| [(digest >> 64) as u64, *digest as u64]);
        halves.collect::<Vec<_>>().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u128>, D::Error> {
        let halves = Vec::<[u64; 2]>::deserialize(deserializer)?;
        Ok(halves.into_iter().map(|[high, low]| u128::from(high) << 64 | u128::from(low)).collect())
    }
}

/// A chain of a picture column, cut in two.
struct Column {
    name: String,
    before: Chain,
    view: Vec<Transform>,
    after: Chain,
    /// What the first picture became, and which it was.
    first: Option<(Shape, String)>,
    stored: BTreeMap<usize, (i64, [i32; 3])>,
}

/// A picture's file, read or not.
enum Content {
    File(PathBuf),
    Bytes(Vec<u8>),
    Picture(Picture),
    Missing(String),
}

struct Job {
    row: usize,
    name: String,
    content: Content,
}

/// What a row's pictures became, and the digest of their sizes and levels.
struct Made {
    pictures: Vec<Picture>,
    digest: u128,
}

/// The transforms of a picture's chain; none where it is no such chain.
pub(crate) fn transforms(steps: &[Step]) -> Option<Vec<Transform>> {
    let transforms: Option<Vec<Transform>> = steps.iter().map(Step::of_picture).collect();
    transforms.filter(|transforms| !transforms.is_empty())
}

/// How many of the transforms are done before a picture is kept: those up to the last that resizes or takes colours
/// away. A crop waits only behind a resize: without one, pictures would be kept as large as they came.
fn kept_after(transforms: &[Transform]) -> usize {
    let resizes = transforms.iter().any(|transform| matches!(transform, Transform::Resize(_)));
    let waits = |transform: &Transform| match transform {
        Transform::Rgb | Transform::Rescale(_) | Transform::Normalise(_) => true,
        Transform::CenterCrop(_) => resizes,
        _ => false,
    };
    transforms.iter().rposition(|transform| !waits(transform)).map_or(0, |at| at + 1)
}

impl Column {
    fn new(name: &str, steps: &[Step]) -> Option<Self> {
        let transforms = transforms(steps)?;
        let (before, view) = transforms.split_at(kept_after(&transforms));
        Some(Self {
            name: name.into(),
            before: Chain::new(before).ok()?,
            after: Chain::new(view).ok()?,
            view: view.to_vec(),
            first: None,
            stored: BTreeMap::new(),
        })
    }

    /// Checks that a picture ends in the shape of the first.
    fn check(&mut self, picture: &Picture, name: &str) -> Result<(), Error> {
        let kept =
            Shape { channels: Some(picture.channels()), size: Some((picture.height(), picture.width())) };
        let column = self.name.clone();
        let shape = self.after.shape(kept).map_err(|reason| Error::PictureChain { column, reason })?;
        match &self.first {
            None => self.first = Some((shape, name.into())),
            Some((first, _)) if *first == shape => {}
            Some((first, other)) => {
                return Err(Error::PictureShapes {
                    column: self.name.clone(),
                    name: name.into(),
                    shape: sizes(shape),
                    other: other.clone(),
                    other_shape: sizes(*first),
                });
            }
        }
        Ok(())
    }
}

/// Channels, height, width.
fn sizes(shape: Shape) -> [usize; 3] {
    let (height, width) = shape.size.unwrap_or_default();
    [shape.channels.unwrap_or_default(), height, width]
}

impl Pictures {
    /// Decodes the pictures of a table for every column whose chain is one of pictures, into [`PICTURES_FILE`] of the
    /// folder; none where there is no such column. `progress` hears how many rows are done.
    ///
    /// # Errors
    /// The first picture that cannot be read, unless such rows are to be skipped; pictures of a column that end in
    /// different shapes; a column that holds no pictures; and what the disk refuses.
    pub fn encode<'a>(
        table: &Table,
        chains: impl Iterator<Item = (&'a String, &'a Vec<Step>)>,
        on_error: OnError,
        folder: &Path,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Option<Self>, Error> {
        let columns: Vec<Column> = chains.filter_map(|(name, steps)| Column::new(name, steps)).collect();
        if columns.is_empty() {
            return Ok(None);
        }
        for column in &columns {
            if !table.holds_pictures(table.column(&column.name)?) {
                return Err(Error::NoPictures { path: table.path().into(), column: column.name.clone() });
            }
        }
        let path = folder.join(PICTURES_FILE);
        let mut file = File::create(&path).map_err(|error| Error::io(&path, error))?;
        file.seek(SeekFrom::Start(8 + HEADER as u64)).map_err(|error| Error::io(&path, error))?;
        let mut spool = Spool {
            table,
            columns,
            on_error,
            path,
            file: BufWriter::new(file),
            written: 0,
            window: Vec::new(),
            waiting: 0,
            digests: BTreeMap::new(),
            broken: Vec::new(),
            done: 0,
            progress,
        };
        spool.read()?;
        spool.finish().map(Some)
    }

    /// The rows of the table whose pictures can be read, in order.
    pub fn rows(&self) -> &[usize] {
        &self.rows
    }

    /// Of each row, the digest of what its pictures were decoded to.
    pub(crate) fn digests(&self) -> &[u128] {
        &self.digests
    }

    /// Leaves these of the rows, by their place among them, which rises. The levels of the others stay in the file.
    pub fn keep(&mut self, kept: &[usize]) {
        self.rows = kept.iter().map(|at| self.rows[*at]).collect();
        self.digests = kept.iter().map(|at| self.digests[*at]).collect();
        for stored in self.columns.values_mut() {
            stored.starts = kept.iter().map(|at| stored.starts[*at]).collect();
            stored.sizes = kept.iter().flat_map(|at| stored.sizes[3 * at..3 * at + 3].to_vec()).collect();
        }
    }

    /// The pictures that cannot be read, in order of their rows.
    pub fn broken(&self) -> &[Broken] {
        &self.broken
    }
}

struct Spool<'a> {
    table: &'a Table,
    columns: Vec<Column>,
    on_error: OnError,
    path: PathBuf,
    file: BufWriter<File>,
    written: usize,
    window: Vec<Job>,
    /// Bytes in the window.
    waiting: usize,
    digests: BTreeMap<usize, u128>,
    broken: Vec<Broken>,
    done: usize,
    progress: &'a mut dyn FnMut(usize),
}

impl Spool<'_> {
    /// Goes through the table's pictures, those of an archive in its own order.
    fn read(&mut self) -> Result<(), Error> {
        let table = self.table;
        if table.has_levels() {
            for row in 0..table.rows() {
                let content = match table.level_picture(row) {
                    Some(picture) => Content::Picture(picture),
                    None => Content::Missing("there is no such picture".to_owned()),
                };
                self.push(Job { row, name: format!("row {row}"), content })?;
            }
            return self.flush();
        }
        if let Some(files) =
            table.source().files.as_ref().filter(|files| files.content == FileContent::Picture)
        {
            let (folder, column) = (Path::new(&files.folder), table.pictures().unwrap_or_default());
            for row in 0..table.rows() {
                let name = table.cell(row, column).to_owned();
                let content = match texts::resolved(folder, &name) {
                    Ok(path) => Content::File(path),
                    Err(reason) => Content::Missing(reason),
                };
                self.push(Job { row, name, content })?;
            }
            return self.flush();
        }
        for (folder, rows) in table.folders() {
            let name = |row: usize| table.cell(row, 0);
            if !is_archive(&folder.to_string_lossy()) {
                for row in rows {
                    let path = folder.join(name(row));
                    self.push(Job { row, name: path.display().to_string(), content: Content::File(path) })?;
                }
                continue;
            }
            let wanted: HashMap<&str, usize> = rows.map(|row| (name(row), row)).collect();
            let mut stopped = None;
            packed::each(folder, table.source(), Limits::default().bytes, &mut |name, bytes| {
                let Some(&row) = wanted.get(name) else { return true };
                let name = folder.join(name).display().to_string();
                let content = match bytes {
                    Ok(bytes) => Content::Bytes(bytes),
                    Err(error) => Content::Missing(error.to_string()),
                };
                stopped = self.push(Job { row, name, content }).err();
                stopped.is_none()
            })?;
            if let Some(error) = stopped {
                return Err(error);
            }
        }
        self.flush()
    }

    fn push(&mut self, job: Job) -> Result<(), Error> {
        if let Content::Bytes(bytes) = &job.content {
            self.waiting += bytes.len();
        }
        self.window.push(job);
        let full = self.window.len() >= 16 * rayon::current_num_threads() || self.waiting >= WINDOW;
        if full { self.flush() } else { Ok(()) }
    }

    /// Decodes the window's pictures on all threads and writes them in order.
    fn flush(&mut self) -> Result<(), Error> {
        let window = std::mem::take(&mut self.window);
        self.waiting = 0;
        let chains: Vec<&Chain> = self.columns.iter().map(|column| &column.before).collect();
        let made: Vec<(Job, Result<Made, String>)> = window
            .into_par_iter()
            .map(|mut job| {
                let made = job.pictures(&chains).map(Made::of);
                (job, made)
            })
            .collect();
        for (job, made) in made {
            match made {
                Ok(Made { pictures, digest }) => {
                    self.write(&job, &pictures)?;
                    self.digests.insert(job.row, digest);
                }
                Err(reason) => self.fails(job, reason)?,
            }
            self.done += 1;
        }
        (self.progress)(self.done);
        Ok(())
    }

    fn write(&mut self, job: &Job, pictures: &[Picture]) -> Result<(), Error> {
        for (column, picture) in self.columns.iter_mut().zip(pictures) {
            column.check(picture, &job.name)?;
            let size = [picture.height(), picture.width(), picture.channels()].map(|side| side as i32);
            column.stored.insert(job.row, (self.written as i64, size));
            self.file.write_all(picture.bytes()).map_err(|error| Error::io(&self.path, error))?;
            self.written += picture.bytes().len();
        }
        Ok(())
    }

    fn fails(&mut self, job: Job, reason: String) -> Result<(), Error> {
        match self.on_error {
            OnError::Skip => {
                self.broken.push(Broken { row: job.row, reason });
                Ok(())
            }
            OnError::Fail => {
                let in_table = self.table.source().files.is_some();
                let place = |table: &Table| table.place(job.row, table.pictures().unwrap_or_default());
                let place: Option<Place> = if in_table { Some(place(self.table)?) } else { None };
                Err(Error::Picture { place, reason })
            }
        }
    }

    fn finish(mut self) -> Result<Pictures, Error> {
        let io = |error| Error::io(&self.path, error);
        let mut header =
            format!(r#"{{"pixels":{{"dtype":"U8","shape":[{0}],"data_offsets":[0,{0}]}}}}"#, self.written);
        header.extend(std::iter::repeat_n(' ', HEADER - header.len()));
        self.file.seek(SeekFrom::Start(0)).map_err(io)?;
        self.file.write_all(&(HEADER as u64).to_le_bytes()).map_err(io)?;
        self.file.write_all(header.as_bytes()).map_err(io)?;
        self.file.flush().map_err(io)?;
        self.broken.sort_by_key(|broken| broken.row);
        let rows: Vec<usize> =
            self.columns.first().into_iter().flat_map(|of| of.stored.keys().copied()).collect();
        if let (true, Some(first)) = (rows.is_empty(), self.broken.first()) {
            let (path, count) = (self.table.path().into(), self.broken.len());
            return Err(Error::AllBroken { path, count, first: first.reason.clone() });
        }
        let columns = self.columns.into_iter().map(|column| {
            let [channels, height, width] = column.first.map(|(shape, _)| sizes(shape)).unwrap_or_default();
            let size = |side: usize| Some(side);
            let kind =
                ColumnType::Image { channels: size(channels), height: size(height), width: size(width) };
            let (starts, sizes): (Vec<i64>, Vec<[i32; 3]>) = column.stored.into_values().unzip();
            (column.name, Stored { kind, view: column.view, starts, sizes: sizes.into_flattened() })
        });
        let digests = self.digests.into_values().collect();
        Ok(Pictures { columns: columns.collect(), rows, digests, broken: self.broken })
    }
}

impl Made {
    fn of(pictures: Vec<Picture>) -> Self {
        let mut hasher = blake3::Hasher::new();
        for picture in &pictures {
            for side in [picture.height(), picture.width(), picture.channels()] {
                hasher.update(&(side as u64).to_le_bytes());
            }
            hasher.update(picture.bytes());
        }
        let bytes = hasher.finalize();
        let digest = bytes.as_bytes()[..16].iter().fold(0, |number, byte| number << 8 | u128::from(*byte));
        Self { pictures, digest }
    }
}

impl Job {
    /// The picture after each of the chains; what is wrong with it, and which it is.
    fn pictures(&mut self, chains: &[&Chain]) -> Result<Vec<Picture>, String> {
        let limits = Limits::default();
        let decoded = match &mut self.content {
            Content::Missing(reason) => return Err(format!("{}: {reason}", self.name)),
            Content::File(path) => images::read(path, &limits),
            Content::Bytes(bytes) => images::decode(&std::mem::take(bytes), &self.name, &limits),
            Content::Picture(picture) => Ok(picture.clone()),
        };
        // No transform before a batch is made draws anything.
        let sample = Sample { seed: 0, epoch: 0, row: 0 };
        let apply = |picture: Picture| -> Result<Vec<Picture>, images::Error> {
            let mut made = Vec::with_capacity(chains.len());
            for chain in &chains[1..] {
                made.push(chain.apply(picture.clone(), sample, &self.name, &limits)?);
            }
            made.insert(0, chains[0].apply(picture, sample, &self.name, &limits)?);
            Ok(made)
        };
        decoded.and_then(apply).map_err(|error| error.to_string())
    }
}
