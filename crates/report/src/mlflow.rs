//! Runs in the layout of MLflow's file store: `<experiment>/<run>/{meta.yaml,metrics,params,tags,artifacts}`.
//!
//! Invariant: names are such that MLflow takes them, and ids follow from content, so writing the same runs again
//! gives the same files.

use std::collections::BTreeMap;

/// Longest value of a param in characters; older readers refuse more.
const LONGEST: usize = 500;

/// An experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct Experiment {
    /// Its id: digits.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where the folder of the experiment lies, as an address (`file:///...`); artifacts are found by it.
    pub address: String,
    /// When it began, in milliseconds since 1970.
    pub created: u64,
}

/// A run of an experiment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Run {
    /// Its id: 32 hexadecimal digits.
    pub id: String,
    /// Its name.
    pub name: String,
    /// When it began, in milliseconds since 1970.
    pub started: u64,
    /// When it ended, likewise.
    pub ended: u64,
    /// Values by step.
    pub metrics: BTreeMap<String, Vec<(i64, f64)>>,
    /// What it was asked to do.
    pub params: BTreeMap<String, String>,
    /// Other facts.
    pub tags: BTreeMap<String, String>,
}

/// The experiment's own file: path below `mlruns`, and content.
pub fn experiment(experiment: &Experiment) -> (String, String) {
    let Experiment { id, name, address, created } = experiment;
    let text = format!(
        "artifact_location: {}\ncreation_time: {created}\nexperiment_id: '{id}'\nlast_update_time: {created}\n\
         lifecycle_stage: active\nname: {}\n",
        quoted(address),
        quoted(name)
    );
    (format!("{id}/meta.yaml"), text)
}

/// The files of a run: paths below `mlruns`, and contents. Artifacts go to `<experiment>/<run>/artifacts/`.
pub fn run(experiment: &Experiment, run: &Run) -> Vec<(String, String)> {
    let folder = format!("{}/{}", experiment.id, run.id);
    let address = quoted(&format!("{}/{}/artifacts", experiment.address, run.id));
    let meta = format!(
        "artifact_uri: {address}\nend_time: {}\nentry_point_name: ''\nexperiment_id: '{}'\n\
         lifecycle_stage: active\nrun_id: {id}\nrun_name: {}\nrun_uuid: {id}\nsource_name: ''\nsource_type: 4\n\
         source_version: ''\nstart_time: {}\nstatus: 3\ntags: []\nuser_id: ''\n",
        run.ended,
        experiment.id,
        quoted(&run.name),
        run.started,
        id = quoted(&run.id),
    );
    let mut files = vec![(format!("{folder}/meta.yaml"), meta)];
    for (name, values) in &run.metrics {
        let lines = values.iter().map(|(step, value)| format!("{} {value} {step}\n", run.ended));
        files.push((format!("{folder}/metrics/{}", key(name)), lines.collect()));
    }
    for (name, value) in &run.params {
        let value = value.replace(['\n', '\r'], " ").chars().take(LONGEST).collect();
        files.push((format!("{folder}/params/{}", key(name)), value));
    }
    let name = BTreeMap::from([("mlflow.runName".to_owned(), run.name.clone())]);
    for (name, value) in run.tags.iter().chain(&name) {
        files.push((format!("{folder}/tags/{}", key(name)), value.clone()));
    }
    files
}

/// A name as MLflow takes it: letters, digits, `_`, `-`, `.`, space, and `/` inside; never a way out of a folder.
fn key(name: &str) -> String {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "_-. /".contains(letter);
    let name: String = name.chars().map(|letter| if fits(letter) { letter } else { '_' }).collect();
    let parts = name.split('/').filter(|part| !part.chars().all(|letter| letter == '.'));
    let name = parts.collect::<Vec<_>>().join("/");
    if name.is_empty() { "_".to_owned() } else { name }
}

/// Text as a quoted scalar of YAML.
fn quoted(text: &str) -> String {
    let text: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit() {
        let cases = [
            ("valid/auc", "valid/auc"),
            ("network.layers.0.units", "network.layers.0.units"),
            ("../../etc/x", "etc/x"),
            ("/a//b", "a/b"),
            ("größe[0]", "gr__e_0_"),
            ("..", "_"),
        ];
        for (name, wanted) in cases {
            assert_eq!(key(name), wanted);
        }
        assert_eq!(quoted("it's: a\n\"b\""), "'it''s: a \"b\"'");
    }
}
