//! Pictures that several stages read, decoded once for all of them.
//!
//! The folds of a cross-validation, the seeds of a split and stages with other labels all read the pictures of one
//! folder. What they are decoded to does not depend on any of that, so it is a stage before theirs, of the source
//! without its split.

use std::collections::BTreeMap;

use data::{ColumnType, Step, check_chain};
use plan::{ArtifactKind, Input, Origin, Source, Stage, Variant};
use stages::{DecodePictures, Fact, Params, Preprocess};

use crate::compile::{Facts, planned};
use crate::hoist::free_name;

/// Puts a stage that decodes pictures before those that read the same.
pub(crate) fn share(
    stages: &mut Vec<Stage>,
    params: &BTreeMap<String, Params>,
    facts: &mut Facts,
    sources: &mut BTreeMap<String, Source>,
) {
    for (Pictures { source, rename, columns }, users) in groups(stages, params, sources) {
        let [first, _, ..] = &users[..] else { continue };
        let of = Variant::parse(first).of;
        let name = free_name(of, "decoded", |name| params.contains_key(name) || facts.contains_key(name));
        let data = free_name(of, "pictures", |name| sources.contains_key(name));
        let decode = DecodePictures { data: data.clone(), rename, columns };
        facts.insert(name.clone(), vec![("pictures", Fact::Plain(ArtifactKind::Pictures))]);
        let decode = Params::DecodePictures(decode);
        let references = decode.stage().references(params);
        let Some(mut made) = planned(&name, &decode, &references, facts, 0) else { continue };
        made.note = Some(format!("{} stages read these pictures", users.len()));
        sources.insert(data.clone(), Source { name: data, ..source });
        for user in stages.iter_mut().filter(|stage| users.contains(&stage.name)) {
            let origin = Origin::Stage { stage: name.clone(), port: "pictures".to_owned() };
            user.inputs.push(Input { port: "pictures".to_owned(), origin });
        }
        let at = stages.iter().position(|stage| stage.name == *first).unwrap_or(0);
        stages.insert(at, made);
    }
}

/// What decides which pictures a stage reads, and what they are decoded to.
#[derive(PartialEq)]
struct Pictures {
    /// The source without its split.
    source: Source,
    rename: BTreeMap<String, String>,
    columns: BTreeMap<String, Vec<Step>>,
}

/// The stages by the pictures that they read.
fn groups(
    stages: &[Stage],
    params: &BTreeMap<String, Params>,
    sources: &BTreeMap<String, Source>,
) -> Vec<(Pictures, Vec<String>)> {
    let mut groups: Vec<(Pictures, Vec<String>)> = vec![];
    for stage in stages {
        let Some(Params::Preprocess(preprocess)) = params.get(&stage.name) else { continue };
        let Some(own) = pictures(preprocess, sources) else { continue };
        match groups.iter_mut().find(|(pictures, _)| *pictures == own) {
            Some((_, users)) => users.push(stage.name.clone()),
            None => groups.push((own, vec![stage.name.clone()])),
        }
    }
    groups
}

/// The pictures of a stage that says all of their chains itself, column by column.
fn pictures(stage: &Preprocess, sources: &BTreeMap<String, Source>) -> Option<Pictures> {
    let is_picture = |steps: &[Step]| matches!(check_chain(steps), Ok(ColumnType::Image { .. }));
    if stage.fitted.is_some() || stage.group.iter().any(|group| is_picture(&group.steps)) {
        return None;
    }
    let columns = stage.columns.iter().filter(|(_, steps)| is_picture(steps));
    let columns: BTreeMap<String, Vec<Step>> =
        columns.map(|(name, steps)| (name.clone(), steps.clone())).collect();
    let mut source = sources.get(&stage.data).filter(|_| !columns.is_empty())?.clone();
    source.name.clear();
    source.seed = None;
    source.reading.as_object_mut()?.remove("split");
    Some(Pictures { source, rename: stage.rename.clone(), columns })
}
