//! A file of any size as a stream, unpacked where it is gzipped.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use flate2::bufread::MultiGzDecoder;

/// Bytes that are held at a time.
const BUFFER: usize = 1 << 20;

/// What some editors put before text in UTF-8.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// The stream.
pub(super) enum Input {
    Plain(BufReader<File>),
    Gzip(BufReader<MultiGzDecoder<BufReader<File>>>),
}

impl Input {
    pub(super) fn open(mut file: File) -> io::Result<Self> {
        let mut start = [0; 2];
        let length = read_most(&mut file, &mut start)?;
        file.seek(SeekFrom::Start(0))?;
        let plain = BufReader::with_capacity(BUFFER, file);
        let mut input = match &start[..length] {
            [0x1f, 0x8b] => Self::Gzip(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(plain))),
            _ => Self::Plain(plain),
        };
        if input.reader().fill_buf()?.starts_with(BYTE_ORDER_MARK) {
            input.reader().consume(BYTE_ORDER_MARK.len());
        }
        Ok(input)
    }

    fn reader(&mut self) -> &mut dyn BufRead {
        match self {
            Self::Plain(reader) => reader,
            Self::Gzip(reader) => reader,
        }
    }

    /// Bytes to come, which stay to come: at most `most`, perhaps fewer.
    pub(super) fn peek(&mut self, most: usize) -> io::Result<&[u8]> {
        let bytes = self.reader().fill_buf()?;
        Ok(&bytes[..bytes.len().min(most)])
    }

    /// The next bytes up to `end`, which is left out of them; `None` after the last.
    pub(super) fn until<'b>(&mut self, end: u8, bytes: &'b mut Vec<u8>) -> io::Result<Option<&'b [u8]>> {
        bytes.clear();
        if self.reader().read_until(end, bytes)? == 0 {
            return Ok(None);
        }
        Ok(Some(bytes.strip_suffix(&[end]).unwrap_or(bytes)))
    }

    /// Fills the buffer, or says that the file ends before.
    pub(super) fn exactly(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        self.reader().read_exact(bytes)
    }

    /// Passes over bytes, or says that the file ends before.
    pub(super) fn skip(&mut self, bytes: u64) -> io::Result<()> {
        let Some(before) = bytes.checked_sub(1) else { return Ok(()) };
        if let (Self::Plain(reader), Ok(before)) = (&mut *self, i64::try_from(before)) {
            // A seek may end behind the file; the last byte is read, so that this shows.
            reader.seek_relative(before)?;
            return self.exactly(&mut [0]);
        }
        let passed = io::copy(&mut self.reader().take(bytes), &mut io::sink())?;
        if passed == bytes { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

fn read_most(file: &mut File, bytes: &mut [u8]) -> io::Result<usize> {
    let mut read = 0;
    while read < bytes.len() {
        match file.read(&mut bytes[read..])? {
            0 => break,
            more => read += more,
        }
    }
    Ok(read)
}
