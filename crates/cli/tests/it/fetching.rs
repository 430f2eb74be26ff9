//! Sources by address: fetched once, found where they lie, and what is told when they cannot be had.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use sha2::{Digest, Sha256};

use crate::session::Session;

/// A server that gives one file under its name, and counts requests.
fn server(name: &'static str, content: Vec<u8>) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let head: Vec<String> = BufReader::new(&stream)
                .lines()
                .map_while(Result::ok)
                .take_while(|line| !line.is_empty())
                .collect();
            counted.fetch_add(1, Ordering::Relaxed);
            let known = head.first().is_some_and(|line| line.starts_with(&format!("GET /{name} ")));
            let (status, body) = if known { ("200 OK", &content[..]) } else { ("404 Not Found", &[][..]) };
            let length = body.len();
            let _ =
                write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
            let _ = stream.write_all(body);
        }
    });
    (address, count)
}

#[test]
fn a_source_by_address_is_fetched_once() {
    let session = Session::started();
    let content = fs::read(session.path("reviews.csv")).unwrap();
    fs::remove_file(session.path("reviews.csv")).unwrap();
    let sha256: String = Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
    let (address, count) = server("reviews.csv", content.clone());
    let recipe = fs::read_to_string(session.path("recipe.toml")).unwrap();
    let by_url = |name: &str, digest: &str| {
        recipe
            .replace("path = \"reviews.csv\"", &format!("url = \"{address}/{name}\"\nsha256 = \"{digest}\""))
    };
    session.write("recipe.toml", &by_url("reviews.csv", &sha256));
    let checked = session.call("check recipe.toml");
    assert_eq!(checked.code, Some(0), "{}", checked.stderr);
    assert!(checked.stderr.contains("reviews.csv fetched, "), "{}", checked.stderr);
    assert_eq!(session.call("run recipe.toml --only tokens").code, Some(0));
    assert_eq!(count.load(Ordering::Relaxed), 1);
    let usage = session.call("cache du").stdout;
    assert!(usage.contains("downloads"), "{usage}");
    assert_eq!(session.call("cache verify").code, Some(0));

    // Where a file comes from is no part of what it is: by path the result is the same one.
    session.write("reviews.csv", &String::from_utf8(content).unwrap());
    session.write("recipe.toml", &recipe);
    let again = session.call("run recipe.toml --only tokens");
    assert!(again.stdout.contains("1 from the store"), "{}", again.stdout);

    // A file that lies beside the recipe is not fetched, nor trusted by its name alone.
    session.write("recipe.toml", &by_url("reviews.csv", &sha256));
    assert_eq!(session.call("check recipe.toml --store other").code, Some(0));
    assert_eq!(count.load(Ordering::Relaxed), 1);
    session.write("reviews.csv", "review,label\nanother,1\n");
    let other = session.call("check recipe.toml --store other");
    assert_eq!(other.code, Some(0));
    assert!(
        other.stderr.starts_with("note: `reviews.csv` has another sha256 than `reviews`\n"),
        "{}",
        other.stderr
    );
    assert_eq!(count.load(Ordering::Relaxed), 2);

    // What cannot be had ends with the environment's exit code, and leaves nothing under the name.
    session.write("recipe.toml", &by_url("gone.csv", &sha256));
    let gone = session.call("run recipe.toml");
    assert_eq!(gone.code, Some(3));
    assert!(gone.stderr.contains("answers with status 404, no such file\nhint: "), "{}", gone.stderr);
    session.write("recipe.toml", &by_url("reviews.csv", &"0".repeat(64)));
    let wrong = session.call("run recipe.toml");
    assert_eq!(wrong.code, Some(3));
    assert!(
        wrong.stderr.contains("is not the file that was asked for: its sha256 is DIGEST"),
        "{}",
        wrong.stderr
    );
}
