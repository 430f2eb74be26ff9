//! Writes rows for benchmarks, and times reading and splitting them: `rows write FILE [ROWS]`, `rows read FILE`. The
//! file is CSV or, by its name, Parquet.
//!
//! A row is a review of about 200 bytes, a rating, a day, a hotel, a price and a label; its content is a function of
//! its number.
#![expect(clippy::print_stdout, reason = "the program's whole duty is to print")]

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use arrow_array::{ArrayRef, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray};
use data::{Draws, Format, Source, Split, Table, assign};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

/// Rows of a group of a Parquet file.
const GROUP: u64 = 100_000;

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

/// A row's cells.
struct Row {
    review: String,
    rating: i64,
    /// Year, month and day.
    day: (u64, u64, u64),
    hotel: i64,
    cents: u64,
}

impl Row {
    fn new(number: u64) -> Self {
        let mut draws = Draws::new(1, "benchmark row", &[number]);
        let words: Vec<&str> = (0..36).map(|_| WORDS[draws.below(WORDS.len() as u64) as usize]).collect();
        let rating = draws.below(10) as i64 + 1;
        let day = (2000 + draws.below(24), draws.below(12) + 1, draws.below(28) + 1);
        let hotel = draws.below(2000) as i64;
        let cents = draws.below(500) * 100 + draws.below(100);
        Row { review: format!("{}, {number}.", words.join(" ")), rating, day, hotel, cents }
    }

    fn label(&self) -> i64 {
        i64::from(self.rating > 5)
    }

    /// Days since 1970, by Hinnant's `days_from_civil`.
    fn days(&self) -> i32 {
        let (year, month, day) = (self.day.0 as i64, self.day.1 as i64, self.day.2 as i64);
        let year = if month <= 2 { year - 1 } else { year };
        let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let era = year.div_euclid(400);
        let of_era = year - era * 400;
        (era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468) as i32
    }
}

fn write(path: &Path, rows: u64) -> Result<(), Box<dyn Error>> {
    let file = BufWriter::new(File::create(path)?);
    match Format::of(path) {
        Some(Format::Parquet) => write_parquet(file, rows),
        _ => write_csv(file, rows),
    }
}

fn write_csv(mut file: impl Write, rows: u64) -> Result<(), Box<dyn Error>> {
    writeln!(file, "review,rating,day,hotel,price,label")?;
    for row in (0..rows).map(Row::new) {
        let (text, (year, month, day)) = (row.review.replace('"', "\"\""), row.day);
        let (rating, hotel, whole, rest) = (row.rating, row.hotel, row.cents / 100, row.cents % 100);
        let label = row.label();
        writeln!(file, "\"{text}\",{rating},{year}-{month:02}-{day:02},{hotel},{whole}.{rest:02},{label}")?;
    }
    file.flush()?;
    Ok(())
}

fn write_parquet(file: impl Write + Send, rows: u64) -> Result<(), Box<dyn Error>> {
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let schema = batch(&[])?.schema();
    let mut writer = ArrowWriter::try_new(file, schema, Some(properties))?;
    for from in (0..rows).step_by(GROUP as usize) {
        let rows: Vec<Row> = (from..rows.min(from + GROUP)).map(Row::new).collect();
        writer.write(&batch(&rows)?)?;
        writer.flush()?;
    }
    writer.close()?;
    Ok(())
}

fn batch(rows: &[Row]) -> Result<RecordBatch, Box<dyn Error>> {
    let numbers =
        |of: fn(&Row) -> i64| Arc::new(Int64Array::from_iter_values(rows.iter().map(of))) as ArrayRef;
    let columns: [(&str, ArrayRef); 6] = [
        ("review", Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row.review)))),
        ("rating", numbers(|row| row.rating)),
        ("day", Arc::new(Date32Array::from_iter_values(rows.iter().map(Row::days)))),
        ("hotel", numbers(|row| row.hotel)),
        ("price", Arc::new(Float64Array::from_iter_values(rows.iter().map(|row| row.cents as f64 / 100.0)))),
        ("label", numbers(Row::label)),
    ];
    Ok(RecordBatch::try_from_iter(columns)?)
}

fn read(path: &Path) -> Result<(), Box<dyn Error>> {
    let split =
        Split { train: Some(0.8), test: Some(0.2), stratify: Some("label".into()), ..Split::default() };
    let source = Source { split: Some(split), ..Source::new(path.to_string_lossy()) };
    let start = Instant::now();
    let table = Table::read(path, &source)?;
    let read = start.elapsed().as_secs_f64();
    let parts = assign(&table, &source, 7)?;
    let whole = start.elapsed().as_secs_f64();
    // The same rows are the same bytes of cells, whatever the format.
    let cells = (0..table.rows()).flat_map(|row| (0..table.names().len()).map(move |column| (row, column)));
    let bytes: usize = cells.map(|(row, column)| table.cell(row, column).len() + 1).sum();
    let per_second = |seconds: f64| bytes as f64 / seconds / 1e6;
    println!(
        "{{\"rows\": {}, \"megabytes\": {}, \"read_seconds\": {read}, \"seconds\": {whole}, \"parts\": {}}}",
        table.rows(),
        bytes as f64 / 1e6,
        parts.len()
    );
    println!("read {:.0} MB/s of cells, read and split {:.0} MB/s", per_second(read), per_second(whole));
    Ok(())
}
