//! Downloads from a small server on this machine that behaves as told.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use fetch::{Client, Error, News};
use tempfile::TempDir;

/// What `sha256sum` says of [`content`].
const SHA256: &str = "cd2df694e424bc7968cc37f47751019e5ca0cd1bdf2e479ea537c3a1c32ee1aa";

/// 100,000 bytes.
fn content() -> Vec<u8> {
    (0..100_000u32).map(|at| (at % 251) as u8).collect()
}

/// How the server answers one request.
enum Answer {
    /// With the bytes from the asked one on, as many as that at most.
    Range { most: usize },
    /// With everything, whatever is asked.
    Whole,
    /// With a status and a header.
    Status(&'static str, &'static str),
    /// Not at all.
    Hang,
}

/// Answers requests in order, the last answer again and again. Gives the address, and the `Range` of each request.
fn server(answers: Vec<Answer>) -> (String, Receiver<Option<usize>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/reviews.csv", listener.local_addr().unwrap());
    let (sender, ranges) = channel();
    thread::spawn(move || {
        let mut answers = VecDeque::from(answers);
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let Some(range) = asked(&stream) else { continue };
            if sender.send(range).is_err() {
                return;
            }
            // A client that goes away is part of what is tested.
            let _ = respond(&mut stream, &answers[0], range);
            if answers.len() > 1 {
                answers.pop_front();
            }
        }
    });
    (address, ranges)
}

/// The first byte that a request asks for, if it asks for one; none of a connection without a request.
fn asked(stream: &TcpStream) -> Option<Option<usize>> {
    let mut range = None;
    let mut lines = BufReader::new(stream).lines();
    lines.next()?.ok()?;
    for line in lines.map_while(Result::ok).take_while(|line| !line.is_empty()) {
        if let Some(bytes) = line.to_ascii_lowercase().strip_prefix("range: bytes=") {
            range = bytes.trim_end_matches('-').parse().ok();
        }
    }
    Some(range)
}

fn respond(stream: &mut TcpStream, answer: &Answer, range: Option<usize>) -> std::io::Result<()> {
    let content = content();
    let whole = content.len();
    match answer {
        Answer::Hang => Ok(()),
        Answer::Status(status, header) => {
            write!(stream, "HTTP/1.1 {status}\r\n{header}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        }
        Answer::Range { most } if range.is_some() => {
            let start = range.unwrap_or(0);
            let end = whole - 1;
            write!(
                stream,
                "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {start}-{end}/{whole}\r\n\
                 Content-Length: {}\r\nConnection: close\r\n\r\n",
                whole - start
            )?;
            stream.write_all(&content[start..whole.min(start.saturating_add(*most))])
        }
        Answer::Range { most } => {
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {whole}\r\nConnection: close\r\n\r\n")?;
            stream.write_all(&content[..whole.min(*most)])
        }
        Answer::Whole => {
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {whole}\r\nConnection: close\r\n\r\n")?;
            stream.write_all(&content)
        }
    }
}

struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Place { folder: TempDir::new().unwrap() }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("area").join("reviews.csv")
    }

    fn part(&self) -> PathBuf {
        self.folder.path().join("area").join("reviews.csv.part")
    }

    fn download(&self, url: &str, sha256: &str) -> (Result<(), Error>, Vec<News>) {
        let mut news = vec![];
        let client = Client::with_pauses(vec![Duration::from_millis(1); 3]);
        let result = client.download(url, sha256, &self.file(), &mut |new| news.push(new));
        (result, news)
    }

    /// The error of a download that leaves no file.
    fn error(&self, url: &str) -> String {
        let error = self.download(url, SHA256).0.unwrap_err();
        assert!(!self.file().exists());
        format!("{error}; {}", error.hint()).replace(url, "URL")
    }
}

#[test]
fn a_file_comes_whole_and_once() {
    let place = Place::new();
    let (url, ranges) = server(vec![Answer::Whole]);
    let (result, news) = place.download(&url, &SHA256.to_uppercase());
    result.unwrap();
    assert_eq!(fs::read(place.file()).unwrap(), content());
    assert!(!place.part().exists());
    assert_eq!(news.last(), Some(&News::Bytes { done: 100_000, total: Some(100_000) }));
    place.download(&url, SHA256).0.unwrap();
    assert_eq!(ranges.try_iter().collect::<Vec<_>>(), [None]);
}

#[test]
fn what_breaks_off_goes_on() {
    let place = Place::new();
    let (url, ranges) =
        server(vec![Answer::Range { most: 30_000 }, Answer::Hang, Answer::Range { most: 30_000 }]);
    let (result, news) = place.download(&url, SHA256);
    result.unwrap();
    assert_eq!(fs::read(place.file()).unwrap(), content());
    let ranges: Vec<_> = ranges.try_iter().collect();
    assert_eq!(ranges, [None, Some(30_000), Some(30_000), Some(60_000), Some(90_000)]);
    assert_eq!(news.iter().filter(|new| matches!(new, News::Again { .. })).count(), 4);
}

#[test]
fn a_later_process_goes_on_too() {
    let place = Place::new();
    let (url, ranges) = server(vec![Answer::Range { most: 10 }, Answer::Status("503 Busy", "A: b")]);
    let error = place.error(&url);
    assert!(error.starts_with("`URL` answers with status 503, a fault of the server; run again"), "{error}");
    assert_eq!(fs::read(place.part()).unwrap().len(), 10);
    let (url, more) = server(vec![Answer::Range { most: usize::MAX }]);
    place.download(&url, SHA256).0.unwrap();
    assert_eq!(ranges.try_iter().count(), 4);
    assert_eq!(more.try_iter().collect::<Vec<_>>(), [Some(10)]);
    assert_eq!(fs::read(place.file()).unwrap(), content());
}

#[test]
fn the_beginning_of_another_file_is_given_up() {
    let place = Place::new();
    fs::create_dir_all(place.part().parent().unwrap()).unwrap();
    fs::write(place.part(), b"of another file").unwrap();
    let (url, _ranges) = server(vec![Answer::Range { most: usize::MAX }]);
    place.download(&url, SHA256).0.unwrap();
    assert_eq!(fs::read(place.file()).unwrap(), content());
    // More than there is of the file.
    let place = Place::new();
    fs::create_dir_all(place.part().parent().unwrap()).unwrap();
    fs::write(place.part(), vec![0; 200_000]).unwrap();
    let (url, _ranges) = server(vec![
        Answer::Status("416 Range Not Satisfiable", "Content-Range: bytes */100000"),
        Answer::Range { most: usize::MAX },
    ]);
    place.download(&url, SHA256).0.unwrap();
    assert_eq!(fs::read(place.file()).unwrap(), content());
}

#[test]
fn failures_are_told_and_leave_no_file() {
    let place = Place::new();
    let error = |answers| place.error(&server(answers).0);
    assert_eq!(
        error(vec![Answer::Status("404 Not Found", "A: b")]),
        "`URL` answers with status 404, no such file; look whether the address is still right"
    );
    assert_eq!(
        error(vec![Answer::Status("302 Found", "Location: /reviews.csv")]),
        "`URL` leads from address to address, and to no file; look whether the address is still right"
    );
    let ended = error(vec![Answer::Range { most: 0 }]);
    assert!(ended.starts_with("`URL` ended after 0 of 100000 bytes; run again"), "{ended}");
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = place.error(&format!("http://{gone}/reviews.csv"));
    assert!(refused.starts_with("cannot reach `URL`: "), "{refused}");

    let other = "0".repeat(64);
    let found = place.download(&server(vec![Answer::Whole]).0, &other).0.unwrap_err();
    assert!(found.to_string().ends_with(&format!("its sha256 is {SHA256}")), "{found}");
    assert!(!place.file().exists() && !place.part().exists());
}

#[test]
fn files_of_this_machine_are_copied() {
    let place = Place::new();
    let from = place.folder.path().join("from.csv");
    fs::write(&from, content()).unwrap();
    place.download(&format!("file://{}", from.display()), SHA256).0.unwrap();
    assert_eq!(fs::read(place.file()).unwrap(), content());
    let place = Place::new();
    let error = place.error("file:///nowhere/reviews.csv");
    assert!(error.starts_with("cannot read `/nowhere/reviews.csv`: No such file"), "{error}");
}
