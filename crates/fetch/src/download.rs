//! Downloading with resume and retries.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use ureq::Agent;

use crate::error::{Error, Result};

/// Waits between attempts that brought nothing new.
const PAUSES: [Duration; 4] =
    [Duration::from_millis(500), Duration::from_secs(2), Duration::from_secs(5), Duration::from_secs(10)];
/// Longest wait for a connection and for an answer's head.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longest time of one answer; the next attempt goes on where it was.
const ANSWER: Duration = Duration::from_secs(15 * 60);
/// Bytes between two news of progress.
const STEP: usize = 1 << 18;

/// What happens while a file comes.
#[derive(Debug, PartialEq, Eq)]
pub enum News {
    /// So many bytes are here.
    Bytes {
        /// Bytes here, those of earlier attempts included.
        done: u64,
        /// Bytes of the whole file, where the server says it.
        total: Option<u64>,
    },
    /// An attempt has failed, and another follows.
    Again {
        /// Why.
        why: String,
        /// After this time.
        after: Duration,
    },
}

/// Downloads files.
#[derive(Debug)]
pub struct Client {
    agent: Agent,
    pauses: Vec<Duration>,
}

/// How an attempt ended.
enum Failed {
    /// Another attempt would end the same way.
    Finally(Error),
    /// Another attempt may do better.
    Perhaps(Error),
}

/// What has come of a file.
struct Part {
    file: File,
    path: PathBuf,
    hasher: Sha256,
    have: u64,
}

impl Default for Client {
    fn default() -> Self {
        Self::with_pauses(PAUSES.to_vec())
    }
}

impl Client {
    /// A client that makes one attempt more than there are pauses.
    pub fn with_pauses(pauses: Vec<Duration>) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(PATIENCE))
            .timeout_recv_response(Some(PATIENCE))
            .timeout_recv_body(Some(ANSWER))
            .user_agent(concat!("pipeline/", env!("CARGO_PKG_VERSION")))
            .build();
        Client { agent: config.into(), pauses }
    }

    /// Puts the file at `url` (http, https or file) to `to`, unless it is there already. `sha256` is in hexadecimal.
    ///
    /// Processes that want the same file wait for each other.
    ///
    /// # Errors
    /// See [`Error`]; what has come stays for the next call, but for a file that turned out to be another.
    pub fn download(&self, url: &str, sha256: &str, to: &Path, news: &mut dyn FnMut(News)) -> Result<()> {
        let folder = to.parent().unwrap_or(Path::new(""));
        fs::create_dir_all(folder).map_err(Error::io("write", folder))?;
        let mut name = to.as_os_str().to_owned();
        name.push(".part");
        let name = PathBuf::from(name);
        let mut part = loop {
            if to.exists() {
                return Ok(());
            }
            // Another process may have ended its download while this one waited for the part.
            if let Some(part) = Part::open(&name)? {
                break part;
            }
        };
        part.hash_what_is_there()?;
        let resumed = part.have > 0;
        self.complete(url, &mut part, news)?;
        let mut found = part.digest();
        if found != sha256.to_ascii_lowercase() && resumed {
            // What was here may have been the beginning of another file.
            part.restart()?;
            self.complete(url, &mut part, news)?;
            found = part.digest();
        }
        if found != sha256.to_ascii_lowercase() {
            let _ = fs::remove_file(&part.path);
            return Err(Error::Digest { url: url.to_owned(), found });
        }
        part.file.sync_all().map_err(Error::io("write", &part.path))?;
        fs::rename(&part.path, to).map_err(Error::io("write", to))
    }

    /// Attempts until the file is whole, or as many in a row have brought nothing as there are pauses.
    fn complete(&self, url: &str, part: &mut Part, news: &mut dyn FnMut(News)) -> Result<()> {
        let (mut pauses, mut most) = (self.pauses.iter(), part.have);
        loop {
            let attempt = match url.strip_prefix("file://") {
                Some(path) => copy(path, part, news).map_err(Failed::Finally),
                None => self.attempt(url, part, news),
            };
            let error = match attempt {
                Ok(()) => return Ok(()),
                Err(Failed::Finally(error)) => return Err(error),
                Err(Failed::Perhaps(error)) => error,
            };
            if part.have > most {
                (pauses, most) = (self.pauses.iter(), part.have);
            }
            let Some(pause) = pauses.next() else { return Err(error) };
            news(News::Again { why: error.to_string(), after: *pause });
            std::thread::sleep(*pause);
        }
    }

    fn attempt(
        &self,
        url: &str,
        part: &mut Part,
        news: &mut dyn FnMut(News),
    ) -> std::result::Result<(), Failed> {
        // Bytes of the file itself, never of a compressed answer: ranges and the digest are about those.
        let mut request = self.agent.get(url).header("Accept-Encoding", "identity");
        if part.have > 0 {
            request = request.header("Range", format!("bytes={}-", part.have));
        }
        let response = request.call().map_err(|error| broken(url, error))?;
        let status = response.status().as_u16();
        let header = |name: &str| response.headers().get(name)?.to_str().ok();
        let length: Option<u64> = header("content-length").and_then(|text| text.parse().ok());
        // `bytes 500-999/1000`.
        let range = header("content-range").and_then(|text| text.strip_prefix("bytes "));
        let start = range.and_then(|range| range.split('-').next()?.trim().parse::<u64>().ok());
        let whole = range.and_then(|range| range.rsplit('/').next()?.parse::<u64>().ok());
        let total = match status {
            200 => {
                part.restart().map_err(Failed::Finally)?;
                length
            }
            206 if start == Some(part.have) => whole.or(length.map(|length| length + part.have)),
            // Nothing follows what is here: it was whole, or is of another file. Its digest will tell.
            416 if whole == Some(part.have) => return Ok(()),
            206 | 416 => {
                part.restart().map_err(Failed::Finally)?;
                return Err(Failed::Perhaps(Error::Status { url: url.to_owned(), status }));
            }
            408 | 429 | 500.. => return Err(Failed::Perhaps(Error::Status { url: url.to_owned(), status })),
            _ => return Err(Failed::Finally(Error::Status { url: url.to_owned(), status })),
        };
        let mut body = response.into_body().into_reader();
        let ended = part.take(&mut body, total, news).map_err(Failed::Finally)?;
        match (ended, total) {
            (_, Some(total)) if part.have == total => Ok(()),
            (Ok(()), None) => Ok(()),
            (_, Some(of)) => Err(Failed::Perhaps(Error::Ended { url: url.to_owned(), got: part.have, of })),
            (Err(error), None) => {
                Err(Failed::Perhaps(Error::Unreachable { url: url.to_owned(), why: error.to_string() }))
            }
        }
    }
}

impl Part {
    /// The part at a path, held against other processes until it is dropped; none where its holder before has taken it
    /// away.
    fn open(path: &Path) -> Result<Option<Self>> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let file = file.map_err(Error::io("write", path))?;
        file.lock().map_err(Error::io("write", path))?;
        let ours = file.metadata().map_err(Error::io("read", path))?;
        let current = fs::metadata(path).is_ok_and(|now| (now.ino(), now.dev()) == (ours.ino(), ours.dev()));
        let part = || Part { file, path: path.to_owned(), hasher: Sha256::new(), have: 0 };
        Ok(current.then(part))
    }

    fn hash_what_is_there(&mut self) -> Result<()> {
        let copied = io::copy(&mut self.file, &mut self.hasher);
        self.have = copied.map_err(Error::io("read", &self.path))?;
        Ok(())
    }

    fn restart(&mut self) -> Result<()> {
        let cut = self.file.set_len(0).and_then(|()| self.file.seek(SeekFrom::Start(0)));
        cut.map_err(Error::io("write", &self.path))?;
        (self.hasher, self.have) = (Sha256::new(), 0);
        Ok(())
    }

    /// Adds what a reader gives. The outer error is of the part's file, the inner one of the reader.
    fn take(
        &mut self,
        from: &mut dyn Read,
        total: Option<u64>,
        news: &mut dyn FnMut(News),
    ) -> Result<io::Result<()>> {
        let mut buffer = vec![0; STEP];
        news(News::Bytes { done: self.have, total });
        loop {
            let count = match from.read(&mut buffer) {
                Ok(0) => return Ok(Ok(())),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Ok(Err(error)),
            };
            self.file.write_all(&buffer[..count]).map_err(Error::io("write", &self.path))?;
            self.hasher.update(&buffer[..count]);
            self.have += count as u64;
            news(News::Bytes { done: self.have, total });
        }
    }

    fn digest(&self) -> String {
        self.hasher.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Copies a file of this machine; `path` is what follows `file://`.
fn copy(path: &str, part: &mut Part, news: &mut dyn FnMut(News)) -> Result<()> {
    let path = PathBuf::from(path.strip_prefix("localhost").unwrap_or(path));
    part.restart()?;
    let mut file = File::open(&path).map_err(Error::io("read", &path))?;
    let total = file.metadata().map(|metadata| metadata.len()).ok();
    part.take(&mut file, total, news)?.map_err(Error::io("read", &path))
}

fn broken(url: &str, error: ureq::Error) -> Failed {
    let unreachable = |why: String| Error::Unreachable { url: url.to_owned(), why };
    match error {
        ureq::Error::TooManyRedirects | ureq::Error::RedirectFailed => {
            Failed::Finally(Error::Redirects { url: url.to_owned() })
        }
        ureq::Error::BadUri(why) => Failed::Finally(unreachable(why)),
        ureq::Error::HostNotFound => Failed::Perhaps(unreachable("the host's name is not known".to_owned())),
        error => Failed::Perhaps(unreachable(error.to_string())),
    }
}
