//! BLAKE3 digests. Invariant: a digest's text is its 64 lower-case hexadecimal digits, everywhere.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::error::{Error, IoContext, Result};

/// Bytes read at once while hashing a file. Files are read, not mapped: a mapped file that somebody truncates
/// meanwhile kills the process.
const CHUNK: usize = 4 << 20;
/// From this many bytes on a chunk is hashed by all threads.
const PARALLEL: usize = 256 << 10;

/// The BLAKE3 digest of some content.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of bytes in memory.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// The digest of a file's content, large files on all threads.
    ///
    /// # Errors
    /// When the file cannot be opened or read.
    pub fn of_file(path: &Path) -> Result<Self> {
        Self::of_file_sized(path).map(|(digest, _)| digest)
    }

    /// The digest of a file's content and the number of bytes read.
    pub(crate) fn of_file_sized(path: &Path) -> Result<(Self, u64)> {
        let mut file = File::open(path).at("open", path)?;
        let hint = file.metadata().at("read", path)?.len();
        let room = usize::try_from(hint).unwrap_or(CHUNK).clamp(4096, CHUNK);
        let mut buffer = vec![0; room];
        let mut hasher = blake3::Hasher::new();
        let mut total = 0;
        loop {
            let filled = fill(&mut file, &mut buffer).at("read", path)?;
            if filled == 0 {
                return Ok((Self(*hasher.finalize().as_bytes()), total));
            }
            total += filled as u64;
            if filled >= PARALLEL {
                hasher.update_rayon(&buffer[..filled]);
            } else {
                hasher.update(&buffer[..filled]);
            }
        }
    }

    /// The first twelve digits, for people.
    pub fn short(&self) -> String {
        self.to_string()[..12].to_owned()
    }
}

/// Reads until the buffer is full or the file ends.
fn fill(file: &mut File, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&blake3::Hash::from_bytes(self.0).to_hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl FromStr for Digest {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let upper = text.bytes().any(|byte| byte.is_ascii_uppercase());
        match blake3::Hash::from_hex(text) {
            Ok(hash) if !upper => Ok(Self(*hash.as_bytes())),
            _ => Err(Error::BadDigest { text: text.to_owned() }),
        }
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}
