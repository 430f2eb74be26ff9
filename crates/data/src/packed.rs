//! Files as bytes: plain, compressed, or members of archives.
//!
//! Invariant: nothing is unpacked to disk, and what is unpacked in memory stays under the declared limit.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::path::{Component, Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use crate::error::Error;
use crate::source::{Format, Source, UNPACKED_LIMIT, is_archive};

/// How compressed files start.
const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTANDARD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// A file on disk, or a file in an archive on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    path: PathBuf,
    member: Option<String>,
}

impl Item {
    /// What messages call it: a member stands below its archive.
    pub(crate) fn shown(&self) -> PathBuf {
        self.member.as_ref().map_or_else(|| self.path.clone(), |member| self.path.join(member))
    }

    /// Whether it is a plain file of that many bytes; none where it may be packed.
    fn size(&self) -> u64 {
        std::fs::metadata(&self.path).map_or(0, |metadata| metadata.len())
    }

    /// The file, opened, where it is neither compressed nor a member.
    pub(crate) fn plain(&self) -> Result<Option<File>, Error> {
        if self.member.is_some() {
            return Ok(None);
        }
        let damage = |error| Error::io(&self.path, error);
        let mut file = File::open(&self.path).map_err(damage)?;
        let mut start = Vec::new();
        file.by_ref().take(4).read_to_end(&mut start).map_err(damage)?;
        file.rewind().map_err(damage)?;
        let packed = start.starts_with(&GZIP) || start.starts_with(&ZSTANDARD);
        Ok((!packed).then_some(file))
    }

    /// Its first bytes, unpacked: at least `wanted` where it has so many.
    pub(crate) fn start(&self, source: &Source, wanted: u64) -> Result<Vec<u8>, Error> {
        self.open(source, |reader| {
            let mut bytes = Vec::new();
            reader.take(wanted).read_to_end(&mut bytes)?;
            Ok(bytes)
        })
    }

    /// All its bytes, unpacked.
    pub(crate) fn bytes(&self, source: &Source) -> Result<Vec<u8>, Error> {
        self.open(source, |reader| {
            let mut bytes = Vec::new();
            // An archive's size says little of its members'; a compressed file unpacks to more than its size.
            let size = if self.member.is_some() { 0 } else { self.size() };
            bytes.reserve_exact(usize::try_from(size).unwrap_or(0) + 1);
            reader.read_to_end(&mut bytes)?;
            Ok(bytes)
        })
    }

    fn open<T>(
        &self,
        source: &Source,
        read: impl FnOnce(&mut dyn Read) -> io::Result<T>,
    ) -> Result<T, Error> {
        let limit = limit(source);
        let Some(member) = &self.member else {
            let mut reader = unpacked(&self.path, limit)?;
            return read(&mut reader).map_err(|error| damage(&self.path, error));
        };
        let mut read = Some(read);
        let mut result = None;
        walk(&self.path, limit, Some(member), &mut |_, reader| {
            if let Some(read) = read.take() {
                result = Some(read(reader)?);
            }
            Ok(())
        })?;
        result.ok_or_else(|| Error::Missing { path: self.shown() })
    }
}

/// The tables that a path stands for: the file itself, or the wanted members of an archive in order of their names.
pub(crate) fn items(path: &Path, source: &Source) -> Result<Vec<Item>, Error> {
    if !is_archive(&path.to_string_lossy()) {
        return Ok(vec![Item { path: path.into(), member: None }]);
    }
    let names = members(path, source)?;
    let tables = |name: &&String| match source.format {
        Some(_) => Path::new(name).extension().is_some(),
        None => Format::of(Path::new(name)).is_some(),
    };
    let chosen: Vec<&String> = match &source.member {
        Some(wanted) => {
            let pattern = glob::Pattern::new(wanted).ok();
            let matches = |name: &&String| {
                *name == wanted || pattern.as_ref().is_some_and(|pattern| pattern.matches(name))
            };
            names.iter().filter(matches).collect()
        }
        None => names.iter().filter(tables).collect(),
    };
    if chosen.is_empty() || (source.member.is_none() && chosen.len() > 1) {
        let wanted = source.member.clone();
        let has = if chosen.is_empty() { &names } else { &chosen.into_iter().cloned().collect() };
        let has = has.iter().take(8).cloned().collect();
        return Err(Error::Member { path: path.into(), wanted, has });
    }
    Ok(chosen.into_iter().map(|name| Item { path: path.into(), member: Some(name.clone()) }).collect())
}

/// The names of an archive's files in order, hidden ones left out.
pub(crate) fn members(path: &Path, source: &Source) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    walk(path, limit(source), None, &mut |name, _| {
        names.push(name.to_owned());
        Ok(())
    })?;
    names.sort();
    Ok(names)
}

/// Every file of an archive with its text's bytes, in order of their names; the limit is for all together.
pub(crate) fn contents(path: &Path, source: &Source) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let mut files = Vec::new();
    let limit = limit(source);
    let mut left = limit;
    walk(path, limit, None, &mut |name, reader| {
        let mut bytes = Vec::new();
        Limited { reader, left, limit }.read_to_end(&mut bytes)?;
        left -= bytes.len() as u64;
        files.push((name.to_owned(), bytes));
        Ok(())
    })?;
    files.sort();
    Ok(files)
}

/// Every file of an archive with its bytes, in the archive's own order, until `visit` says false. Of a file of more
/// than `most` bytes it gets one byte more than that; of a damaged one the error, where the others can be read still.
pub(crate) fn each(
    path: &Path,
    source: &Source,
    most: u64,
    visit: &mut dyn FnMut(&str, io::Result<Vec<u8>>) -> bool,
) -> Result<(), Error> {
    let mut stopped = false;
    let walked = walk(path, limit(source), None, &mut |name, reader| {
        let mut bytes = Vec::new();
        let read = reader.take(most.saturating_add(1)).read_to_end(&mut bytes);
        stopped = !visit(name, read.map(|_| bytes));
        if stopped { Err(io::Error::other("stopped")) } else { Ok(()) }
    });
    if stopped { Ok(()) } else { walked }
}

type Visit<'v> = &'v mut dyn FnMut(&str, &mut dyn Read) -> io::Result<()>;

/// Goes through an archive's files, or to the one that is `wanted`.
fn walk(path: &Path, limit: u64, wanted: Option<&str>, visit: Visit<'_>) -> Result<(), Error> {
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("zip")) {
        return walk_zip(path, limit, wanted, visit);
    }
    let damage = |error| damage(path, error);
    let mut archive = tar::Archive::new(unpacked(path, limit)?);
    for entry in archive.entries().map_err(damage)? {
        let mut entry = entry.map_err(damage)?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let name = entry.path().map_err(damage)?.to_string_lossy().into_owned();
        if !within(&name) {
            return Err(Error::Outside { path: path.into(), name });
        }
        let name = name.trim_start_matches("./");
        if !is_hidden(name) && wanted.is_none_or(|wanted| wanted == name) {
            visit(name, &mut entry).map_err(damage)?;
            if wanted.is_some() {
                break;
            }
        }
    }
    Ok(())
}

fn walk_zip(path: &Path, limit: u64, wanted: Option<&str>, visit: Visit<'_>) -> Result<(), Error> {
    let broken = |error: zip::result::ZipError| Error::Packed {
        path: path.into(),
        reason: format!("the archive is damaged: {error}"),
    };
    let file = File::open(path).map_err(|error| Error::io(path, error))?;
    let mut archive = zip::ZipArchive::new(BufReader::new(file)).map_err(broken)?;
    for at in 0..archive.len() {
        let mut entry = archive.by_index(at).map_err(broken)?;
        if !entry.is_file() {
            continue;
        }
        let name = entry.name().map_err(broken)?.into_owned();
        if !within(&name) {
            return Err(Error::Outside { path: path.into(), name });
        }
        if !is_hidden(&name) && wanted.is_none_or(|wanted| wanted == name) {
            let mut reader = Limited { reader: &mut entry, left: limit, limit };
            visit(&name, &mut reader).map_err(|error| damage(path, error))?;
        }
    }
    Ok(())
}

/// Whether a path in an archive or a folder stays inside.
pub(crate) fn within(name: &str) -> bool {
    let inside = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    !name.is_empty() && !name.contains('\\') && Path::new(name).components().all(inside)
}

/// Whether some part of a path is hidden, or made by a Mac beside the file itself.
pub(crate) fn is_hidden(name: &str) -> bool {
    name.split('/').any(|part| part.starts_with('.') || part == "__MACOSX")
}

fn limit(source: &Source) -> u64 {
    source.unpacked_limit.unwrap_or(UNPACKED_LIMIT)
}

/// The file's bytes, decompressed where it starts as gzip or Zstandard do.
fn unpacked(path: &Path, limit: u64) -> Result<Box<dyn Read>, Error> {
    let file = File::open(path).map_err(|error| Error::io(path, error))?;
    let mut reader = BufReader::with_capacity(256 * 1024, file);
    let start = reader.fill_buf().map_err(|error| Error::io(path, error))?;
    if start.starts_with(&GZIP) {
        return Ok(Box::new(Limited { reader: MultiGzDecoder::new(reader), left: limit, limit }));
    }
    if start.starts_with(&ZSTANDARD) {
        let reader = zstd::Decoder::with_buffer(reader).map_err(|error| damage(path, error))?;
        return Ok(Box::new(Limited { reader, left: limit, limit }));
    }
    let is_empty = start.is_empty();
    for (extension, format) in [("gz", "gzip"), ("tgz", "gzip"), ("zst", "Zstandard")] {
        if !is_empty && path.extension().is_some_and(|own| own.eq_ignore_ascii_case(extension)) {
            let reason = format!("the file is not {format}, though its name says so");
            return Err(Error::Packed { path: path.into(), reason });
        }
    }
    Ok(Box::new(reader))
}

/// Reads up to a limit; a byte more is an error.
struct Limited<R> {
    reader: R,
    left: u64,
    limit: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).saturating_add(1);
        let end = buffer.len().min(most);
        let read = self.reader.read(&mut buffer[..end])?;
        self.left =
            self.left.checked_sub(read as u64).ok_or_else(|| io::Error::other(TooMuch(self.limit)))?;
        Ok(read)
    }
}

#[derive(Debug)]
struct TooMuch(u64);

impl std::error::Error for TooMuch {}

impl fmt::Display for TooMuch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "more than {} bytes", self.0)
    }
}

/// An error while reading: of the decompressor, or of the system.
fn damage(path: &Path, error: io::Error) -> Error {
    let packed = |reason: String| Error::Packed { path: path.into(), reason };
    if let Some(TooMuch(limit)) = error.get_ref().and_then(|inner| inner.downcast_ref()) {
        return Error::TooMuch { path: path.into(), limit: *limit };
    }
    match error.kind() {
        io::ErrorKind::UnexpectedEof => packed("the compressed file is cut off".into()),
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
            packed(format!("the compressed file is damaged: {error}"))
        }
        // Zstandard's decoder and the archives' have no kinds for what is wrong with their bytes.
        io::ErrorKind::Other => packed(format!("the file is damaged: {error}")),
        _ => Error::io(path, error),
    }
}
