//! Times the way from a CSV file to an encoded data set: `preprocess FILE TEXT-COLUMN [LABEL-COLUMN]`.
#![expect(clippy::print_stdout, reason = "the program's whole duty is to print")]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

use data::{Dataset, Index, Source, Spec, Split, Step, Table, Tokenize, Transform, assign};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = PathBuf::from(arguments.next().ok_or("name a file")?);
    let column = arguments.next().ok_or("name a column of text")?;
    let label = arguments.next();
    let split = Split {
        train: Some(0.64),
        valid: Some(0.16),
        test: Some(0.2),
        stratify: label.clone(),
        ..Split::default()
    };
    let source = Source { split: Some(split), ..Source::new(path.to_string_lossy()) };
    let steps = vec![
        Step::Impute(data::Impute::Text("null".into())),
        Step::Lowercase,
        Step::Tokenize(Tokenize::Punctuation),
        Step::Index(Index::default()),
        Step::Clip(555),
    ];
    let spec = Spec {
        columns: BTreeMap::from([(column.clone(), steps)]),
        label: label.as_deref().map(data::Label::from),
        ..Spec::default()
    };
    let folder = std::env::temp_dir().join(format!("preprocess-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;

    let start = Instant::now();
    let lap = |what: &str| println!("{:8.1} ms  {what}", start.elapsed().as_secs_f64() * 1e3);
    let table = Table::read(&path, &source)?;
    lap("read");
    let parts = assign(&table, &source, 7)?;
    lap("split");
    let transform = Transform::fit(&table, &parts, &spec)?;
    lap("fit");
    let encoded = transform.apply(&table, &parts, spec.label.is_some(), None)?;
    drop(table);
    lap("encode");
    encoded.write(&folder)?;
    drop(encoded);
    std::fs::write(folder.join("transform.json"), transform.to_json()?)?;
    lap("write");
    let dataset = Dataset::open(&folder)?;
    lap("open");
    println!("{:#?}", dataset.description());
    let steps: u64 = dataset.lengths(&column).iter().map(|&length| u64::from(length)).sum();
    println!("{steps} steps in {} rows", dataset.rows());
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}
