//! What several test files need.

use data::{Dataset, Error, Part, Source, Spec, Step, Table, Transform};

/// The column `text` of these texts through a chain that is fitted on the first `train`, stored, and read again.
pub(crate) fn encoded(texts: &[String], train: usize, chain: &[Step]) -> Result<(Dataset, Transform), Error> {
    let work = tempfile::tempdir().unwrap();
    let path = work.path().join("texts.csv");
    let mut file = csv::Writer::from_path(&path).unwrap();
    file.write_record(["text", "n"]).unwrap();
    texts.iter().for_each(|text| file.write_record([text, "1"]).unwrap());
    file.flush().unwrap();
    let table = Table::read(&path, &Source::new(path.to_string_lossy()))?;
    let part = |row| Some(if row < train { Part::Train } else { Part::Test });
    let parts: Vec<_> = (0..texts.len()).map(part).collect();
    let spec = Spec { columns: [("text".to_owned(), chain.to_vec())].into(), ..Spec::default() };
    let transform = Transform::fit(&table, &parts, &spec)?;
    let transform = Transform::from_json(&transform.to_json()?)?;
    transform.apply(&table, &parts, false, None)?.write(work.path())?;
    Ok((Dataset::open(work.path())?, transform))
}
