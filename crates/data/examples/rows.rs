//! Writes rows for benchmarks, and times reading and splitting them: `rows write FILE [ROWS]`, `rows read FILE`.
//!
//! A row is a review of about 200 bytes, a rating, a day, a hotel, a number and a label; its content is a function of
//! its number.
#![expect(clippy::print_stdout, reason = "the program's whole duty is to print")]

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use data::{Draws, Source, Split, Table, assign};

const WORDS: [&str; 24] = [
    "the",
    "room",
    "was",
    "clean",
    "and",
    "quiet",
    "staff",
    "very",
    "friendly",
    "breakfast",
    "could",
    "be",
    "better",
    "loud",
    "street",
    "at",
    "night",
    "we",
    "would",
    "come",
    "again",
    "bathroom",
    "\"small\"",
    "view",
];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["write", path] => write(Path::new(path), 1_000_000),
        ["write", path, rows] => write(Path::new(path), rows.parse()?),
        ["read", path] => read(&PathBuf::from(path)),
        _ => Err("say `write FILE [ROWS]` or `read FILE`".into()),
    }
}

fn write(path: &Path, rows: u64) -> Result<(), Box<dyn Error>> {
    let mut file = BufWriter::new(File::create(path)?);
    writeln!(file, "review,rating,day,hotel,price,label")?;
    for row in 0..rows {
        let mut draws = Draws::new(1, "benchmark row", &[row]);
        let words: Vec<&str> = (0..36).map(|_| WORDS[draws.below(WORDS.len() as u64) as usize]).collect();
        let rating = draws.below(10) + 1;
        let text = words.join(" ").replace('"', "\"\"");
        writeln!(
            file,
            "\"{text}, {row}.\",{rating},20{:02}-{:02}-{:02},{},{}.{:02},{}",
            draws.below(24),
            draws.below(12) + 1,
            draws.below(28) + 1,
            draws.below(2000),
            draws.below(500),
            draws.below(100),
            u8::from(rating > 5)
        )?;
    }
    file.flush()?;
    Ok(())
}

fn read(path: &Path) -> Result<(), Box<dyn Error>> {
    let split =
        Split { train: Some(0.8), test: Some(0.2), stratify: Some("label".into()), ..Split::default() };
    let source = Source { split: Some(split), ..Source::new(path.to_string_lossy()) };
    let bytes = std::fs::metadata(path)?.len() as f64;
    let start = Instant::now();
    let table = Table::read(path, &source)?;
    let read = start.elapsed().as_secs_f64();
    let parts = assign(&table, &source, 7)?;
    let whole = start.elapsed().as_secs_f64();
    println!("{} rows in {} columns, {} parts", table.rows(), table.names().len(), parts.len());
    println!("read {:.0} MB/s, read and split {:.0} MB/s", bytes / read / 1e6, bytes / whole / 1e6);
    Ok(())
}
