//! From a tree to a checked plan, or every diagnostic.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use data::Source;
use network::Network;
use plan::{
    Anchor, ArtifactKind, Diagnostic, Extent, Input, Location, Need, Origin, Place, Plan, Port, Segment,
    Stage, Variant,
};
use stages::{Context, Fact, Numeric, Outside, Params, Reference, SourceFact};
use store::Store;

use crate::decoding;
use crate::hoist::hoist;
use crate::load::{self, Loaded};
use crate::references::{self, Names, OUTSIDE};
use crate::report::{Failure, File, Finding, Report, Seen, Span};
use crate::sources::{self, Search};
use crate::sweep::{self, Axes};
use crate::tree::Node;
use crate::{blocks, fewer_tokens, preprocessing, pretrained, skipped, validate};

/// What stands beside a recipe on the command line.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// `path=value`, laid over the recipe in order.
    pub sets: Vec<String>,
    /// Folders in which data is looked for after the recipe's own.
    pub data_dirs: Vec<PathBuf>,
    /// The store, for what a recipe names by address.
    pub store: Option<Store>,
}

/// What is known of each output, by stage.
pub type Facts = BTreeMap<String, Vec<(&'static str, Fact)>>;

/// The network among a stage's outputs, where it makes one that is known.
pub(crate) fn network_of<'a>(
    outputs: impl IntoIterator<Item = &'a (&'static str, Fact)>,
) -> Option<&'a Network> {
    outputs.into_iter().find_map(|(_, fact)| match fact {
        Fact::Network(fact) => fact.network.as_ref(),
        _ => None,
    })
}

/// A recipe without mistakes.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// What runs.
    pub plan: Plan,
    /// Its texts: the recipe, then those it extends, nearest first, each with the files it includes, then what is set
    /// over them, then the backbones that it names.
    pub files: Vec<File>,
    /// Every stage as it was declared.
    pub params: BTreeMap<String, Params>,
    /// What is known of every output before anything runs.
    pub facts: Facts,
    /// What is known of every source before its rows are read.
    pub sources: BTreeMap<String, SourceFact>,
    /// What is no mistake, and yet not likely meant.
    pub warnings: Report,
}

/// Compiles the recipe at `path`.
///
/// # Errors
/// [`Failure::Io`] when the file cannot be read, else every mistake.
pub fn compile(path: &Path, options: &Options) -> Result<Compiled, Failure> {
    compile_text(path, load::read(path)?, options)
}

/// Compiles a recipe's text as though it were the file at `path`, which need not exist.
///
/// # Errors
/// [`Failure::Diagnostics`].
pub fn compile_text(path: &Path, text: String, options: &Options) -> Result<Compiled, Failure> {
    let mut loaded = load::load(path, text, &options.sets);
    let (axes, mut diagnostics) = sweep::expand(&mut loaded.root);
    pretrained::declare(&mut loaded, options);
    let backbones = blocks::unfold(&mut loaded);
    let mut warnings = vec![];
    let checker = Checker {
        loaded: &loaded,
        axes: &axes,
        options,
        diagnostics: &mut diagnostics,
        warnings: &mut warnings,
    };
    let checked = checker.check();
    match checked {
        Some(compiled) if diagnostics.is_empty() && loaded.findings.is_empty() => {
            warnings.extend(preprocessing::mismatches(&compiled.params, &compiled.facts, &backbones));
            warnings.extend(fewer_tokens::of_tables(&compiled.params, &compiled.facts));
            warnings.extend(skipped::first_rows(&compiled.plan.sources, &compiled.sources));
            Ok(Compiled { warnings: report(loaded, warnings, &axes), ..compiled })
        }
        _ => Err(Failure::Diagnostics(report(loaded, diagnostics, &axes))),
    }
}

pub(crate) struct Checker<'a> {
    pub(crate) loaded: &'a Loaded,
    pub(crate) axes: &'a Axes,
    pub(crate) options: &'a Options,
    pub(crate) diagnostics: &'a mut Vec<Diagnostic>,
    pub(crate) warnings: &'a mut Vec<Diagnostic>,
}

/// Sources as far as they could be read.
#[derive(Default)]
struct Sources {
    facts: BTreeMap<String, SourceFact>,
    outside: BTreeMap<String, Outside>,
    planned: BTreeMap<String, plan::Source>,
}

impl Checker<'_> {
    fn check(mut self) -> Option<Compiled> {
        let root = &self.loaded.root;
        let recipe = validate::recipe(root);
        let seed = root.get("seed").and_then(|node| node.to_json().as_u64()).unwrap_or_default();
        self.diagnostics.extend(recipe.diagnostics);
        let declared = self.declared_sources();
        let mut params = learnt(self.decoded_stages());
        if !self.loaded.syntax.is_empty() {
            return None;
        }
        let mut sources = self.sources(declared, &params, seed);
        let references = self.references(&params);
        let order = references::order(&self.written_order(root), &references, self.diagnostics);
        let (mut facts, mut needs) = self.facts(&order, &mut params, &references, &sources);
        if !self.diagnostics.is_empty() || !self.loaded.findings.is_empty() {
            return None;
        }
        let stages: Option<Vec<Stage>> = order
            .iter()
            .map(|name| {
                let stage = planned(name, &params[name], &references[name], &facts, seed)?;
                Some(Stage { needs: needs.remove(name).unwrap_or_default(), ..stage })
            })
            .collect();
        let mut stages = hoist(stages?, &params, &mut facts);
        decoding::share(&mut stages, &params, &mut facts, &mut sources.planned);
        let plan = Plan::new(self.name(), seed, sources.planned, stages).ok()?;
        let files = self.loaded.files.clone();
        Some(Compiled { plan, files, params, facts, sources: sources.facts, warnings: Report::default() })
    }

    fn name(&self) -> String {
        let stem = self.loaded.files.first().and_then(|file| file.path.file_stem());
        let named = self.loaded.root.get("name").and_then(Node::text).map(ToOwned::to_owned);
        named.or_else(|| Some(stem?.to_string_lossy().into_owned())).unwrap_or_else(|| "recipe".to_owned())
    }

    /// Names of stages as they stand in the text: a recipe's after those of the one it extends, variants by their
    /// values.
    fn written_order<'n>(&self, root: &'n Node) -> Vec<&'n str> {
        let stages = root.get("stages").and_then(Node::table).into_iter().flatten();
        let mut names: Vec<_> = stages
            .map(|(name, node)| {
                let written = node.key.as_ref().map(|key| (Reverse(key.file), key.start));
                ((written, self.axes.assignment(name)), name)
            })
            .collect();
        names.sort();
        names.into_iter().map(|(_, name)| name.as_str()).collect()
    }

    /// Sources that decode.
    pub(crate) fn declared_sources(&mut self) -> BTreeMap<String, Source> {
        let mut sources = BTreeMap::new();
        for (name, node) in self.loaded.root.get("data").and_then(Node::table).into_iter().flatten() {
            let place = Place::source(name);
            self.check_name(name, &place);
            let validation = validate::source(node, &place);
            if validation.sound() {
                match serde_json::from_value::<Source>(node.to_json()) {
                    Ok(mut source) => {
                        source.name_by_url();
                        sources.insert(name.clone(), source);
                    }
                    Err(error) => self.diagnostics.push(Diagnostic::new("source", place, error.to_string())),
                }
            }
            self.diagnostics.extend(validation.diagnostics);
        }
        sources
    }

    /// Stages that decode.
    fn decoded_stages(&mut self) -> BTreeMap<String, Params> {
        let mut stages = BTreeMap::new();
        let declared = self.loaded.root.get("stages");
        if declared.is_none_or(|node| node.table().is_some_and(BTreeMap::is_empty)) {
            let place = Place(vec!["stages".into()]);
            let hint = "add one: [stages.NAME] with a `kind`";
            self.diagnostics.push(Diagnostic::new("no-stages", place, "the recipe has no stages").hint(hint));
        }
        for (name, node) in declared.and_then(Node::table).into_iter().flatten() {
            let place = Place::stage(name);
            self.check_name(name, &place);
            let validation = validate::stage(node, &place);
            if validation.sound() {
                match decoded(node) {
                    Ok(params) => drop(stages.insert(name.clone(), params)),
                    Err(message) => self.diagnostics.push(Diagnostic::new("stage", place, message)),
                }
            }
            self.diagnostics.extend(validation.diagnostics);
        }
        stages
    }

    fn check_name(&mut self, name: &str, place: &Place) {
        let good = |char: char| char.is_alphanumeric() || matches!(char, '-' | '_' | '.');
        let name = Variant::parse(name).of;
        if name.is_empty() || name.starts_with(['-', '.']) || !name.chars().all(good) {
            let message = format!("`{name}` cannot name a stage or source");
            let hint = "use letters, digits, `-`, `_` and `.`, with a letter or digit first";
            self.diagnostics.push(Diagnostic::new("name", place.clone(), message).at_key().hint(hint));
        }
    }

    fn sources(
        &mut self,
        declared: BTreeMap<String, Source>,
        params: &BTreeMap<String, Params>,
        seed: u64,
    ) -> Sources {
        let loaded = self.loaded;
        let search = Search { root: &loaded.root, files: &loaded.files, options: self.options };
        let mut sources = Sources::default();
        for (name, source) in declared {
            let (fact, paths) = search.source(&name, source, seed, self.diagnostics);
            if let Some(paths) = paths {
                match sources::planned(&name, &fact, paths) {
                    Ok(planned) => drop(sources.planned.insert(name.clone(), planned)),
                    Err(error) => {
                        let place = Place::source(&name);
                        self.diagnostics.push(Diagnostic::new("source", place, error.to_string()));
                    }
                }
            }
            sources.facts.insert(name, fact);
        }
        for (name, params) in params {
            if params.stage().outside().is_empty() {
                continue;
            }
            if loaded.root.get("data").is_some_and(|data| data.get(name).is_some()) {
                let message = format!(
                    "`{name}` is already a source, and what the stage takes in is a source of its own"
                );
                let place = Place::stage(name);
                let hint = "give one of them another name";
                self.diagnostics.push(Diagnostic::new("name", place, message).at_key().hint(hint));
                continue;
            }
            match search.outside(name, params) {
                Ok((outside, paths)) => {
                    let reading = serde_json::Value::Null;
                    let source = plan::Source { name: name.clone(), paths, reading, seed: None };
                    sources.planned.insert(name.clone(), source);
                    sources.outside.insert(name.clone(), outside);
                }
                Err(mut diagnostics) => self.diagnostics.append(&mut diagnostics),
            }
        }
        sources
    }

    fn references(&mut self, params: &BTreeMap<String, Params>) -> BTreeMap<String, Vec<Reference>> {
        let keys = |key: &str| -> BTreeSet<&str> {
            let table = self.loaded.root.get(key).and_then(Node::table);
            table.into_iter().flatten().map(|(name, _)| name.as_str()).collect()
        };
        let names = Names { stages: keys("stages"), sources: keys("data"), params };
        let mut references = BTreeMap::new();
        for (name, node) in self.loaded.root.get("stages").and_then(Node::table).into_iter().flatten() {
            let Some(params) = names.params.get(name) else {
                names.check_undecoded(name, node, self.diagnostics);
                continue;
            };
            let mut of_stage = params.stage().references(names.params);
            let takes_in = !params.stage().outside().is_empty();
            for reference in &mut of_stage {
                if takes_in && reference.port == OUTSIDE {
                    reference.name.clone_from(name);
                } else {
                    names.check(name, reference, self.diagnostics);
                }
            }
            references.insert(name.clone(), of_stage);
        }
        references
    }

    /// What is known of each stage's outputs. What a stage of a folder learns of it there is put into its params.
    fn facts(
        &mut self,
        order: &[String],
        params: &mut BTreeMap<String, Params>,
        references: &BTreeMap<String, Vec<Reference>>,
        sources: &Sources,
    ) -> (Facts, BTreeMap<String, Vec<Need>>) {
        let (mut facts, mut needs) = (Facts::new(), BTreeMap::new());
        for name in order {
            for reference in &references[name] {
                references::check_kind(name, reference, params, &facts, self.diagnostics);
            }
            let mut context = Context {
                stage: name,
                inputs: inputs(&references[name]),
                facts: &facts,
                sources: &sources.facts,
                outside: &sources.outside,
                diagnostics: vec![],
                warnings: vec![],
                needs: vec![],
            };
            let outputs = params[name].stage().check(&mut context);
            self.diagnostics.append(&mut context.diagnostics);
            self.warnings.append(&mut context.warnings);
            let own = context.needs.into_iter().map(|(place, need)| self.located(&place, need)).collect();
            needs.insert(name.clone(), own);
            if let (Params::LoadNetwork(load), Some(Outside::Weights { shapes, .. })) =
                (&params[name], sources.outside.get(name))
            {
                pretrained::check(name, load, &outputs, shapes, self.diagnostics);
                if let Some(network) = network_of(&outputs) {
                    let named = load.clone().naming(network);
                    params.insert(name.clone(), Params::LoadNetwork(named));
                }
            }
            facts.insert(name.clone(), outputs);
        }
        (facts, needs)
    }

    /// A need whose error says where the recipe has it.
    fn located(&self, place: &Place, mut need: Need) -> Need {
        let files = &self.loaded.files;
        let span = self.loaded.root.locate(place, Anchor::Value, files);
        need.error.location = files.get(span.file).map(|file| {
            let (line, column) = file.position(span.start);
            Location { file: file.path.clone(), line, column }
        });
        need
    }
}

/// The stages with what they have to know of others.
fn learnt(params: BTreeMap<String, Params>) -> BTreeMap<String, Params> {
    let with = |(name, stage): (&String, &Params)| {
        let stage = match stage {
            Params::Preprocess(stage) => Params::Preprocess(stage.clone().with_learnt(&params)),
            other => other.clone(),
        };
        (name.clone(), stage)
    };
    params.iter().map(with).collect()
}

/// Inputs as a check sees them.
pub(crate) fn inputs(references: &[Reference]) -> Vec<(&'static str, String)> {
    references.iter().map(|reference| (reference.port, reference.name.clone())).collect()
}

fn decoded(node: &Node) -> Result<Params, String> {
    let mut params = node.to_json();
    let kind = params.as_object_mut().and_then(|params| params.remove("kind"));
    let declaration = kind.as_ref().and_then(serde_json::Value::as_str).and_then(stages::declaration);
    let declaration = declaration.ok_or_else(|| "the stage has no kind".to_owned())?;
    declaration.decode(params).map_err(|error| error.to_string())
}

/// A stage as the plan has it; `None` when an input is not known, which has been reported.
pub(crate) fn planned(
    name: &str,
    params: &Params,
    references: &[Reference],
    facts: &Facts,
    seed: u64,
) -> Option<Stage> {
    let declaration = stages::declaration(params.kind())?;
    let document = |params: &Params| {
        let mut document = params.to_json().ok()?;
        if let Some(document) = document.as_object_mut() {
            document.retain(|key, _| key != "seed" && !declaration.references.contains(&key.as_str()));
        }
        for outside in params.stage().outside() {
            if let Some(name) = nested(&mut document, &outside.keys) {
                // The content of the file stands in for its name.
                *name = String::new().into();
            }
        }
        Some(document)
    };
    let extent = match params.stage().extent() {
        Some(stages::Extent { epochs, way, bound }) => Some(Extent { epochs, way: document(&way)?, bound }),
        None => None,
    };
    let mut has_network = false;
    let inputs: Option<Vec<Input>> = references
        .iter()
        .map(|reference| {
            let origin = if reference.accepts.is_empty() {
                Origin::Source(reference.name.clone())
            } else {
                let (port, fact) = references::output(reference, facts.get(&reference.name)?)?;
                has_network |= fact.kind() == ArtifactKind::Network;
                Origin::Stage { stage: reference.name.clone(), port: (*port).to_owned() }
            };
            Some(Input { port: reference.port.to_owned(), origin })
        })
        .collect();
    let inputs = inputs?;
    let outputs = facts.get(name)?.iter();
    Some(Stage {
        name: name.to_owned(),
        kind: declaration.kind.to_owned(),
        version: declaration.version,
        params: document(params)?,
        inputs,
        needs: vec![],
        outputs: outputs.map(|(port, fact)| Port { name: (*port).to_owned(), kind: fact.kind() }).collect(),
        seed: declaration.draws.then(|| params.stage().seed().unwrap_or(seed)),
        numeric: match declaration.numeric {
            Numeric::Always => true,
            Numeric::OfNetworks => has_network,
            Numeric::Never => false,
        },
        extent,
        note: None,
    })
}

/// The value that keys lead to, where it is there.
fn nested<'a>(document: &'a mut serde_json::Value, keys: &[Segment]) -> Option<&'a mut serde_json::Value> {
    keys.iter().try_fold(document, |value, key| match key {
        Segment::Key(key) => value.get_mut(key),
        Segment::Index(at) => value.get_mut(at),
    })
}

/// Findings with their bytes, sorted. Beside wrong syntax, what is missing or stands on the same line may be an
/// echo of it, and is left out.
fn report(loaded: Loaded, diagnostics: Vec<Diagnostic>, axes: &Axes) -> Report {
    let Loaded { root, files, mut findings, syntax } = loaded;
    let mut diagnostics = sweep::told_once(diagnostics, &root, axes);
    if !syntax.is_empty() {
        diagnostics.retain(|diagnostic| !matches!(diagnostic.code, "missing-key" | "no-stages"));
    }
    let echo = |finding: &Finding| {
        syntax.iter().any(|wrong| {
            let text = files.get(wrong.file).map_or("", |file| file.text.as_str());
            let line = |at: usize| text.bytes().take(at).filter(|byte| *byte == b'\n').count();
            wrong.file == finding.span.file
                && line(wrong.start) <= line(finding.span.end)
                && line(finding.span.start) <= line(wrong.end)
        })
    };
    let mut seen = Seen::default();
    for diagnostic in diagnostics {
        let uses = root.uses(&diagnostic.place);
        let span = root.locate(&diagnostic.place, diagnostic.anchor, &files);
        let related = diagnostic.related.iter();
        let related: Vec<(Span, String)> = related
            .map(|(place, words)| (root.locate(place, plan::Anchor::Value, &files), words.clone()))
            .collect();
        let mut finding = Finding::within(diagnostic, span, uses);
        finding.related.splice(0..0, related);
        if !echo(&finding) && seen.is_new(&finding, uses) {
            let finding = finding.at_use(&files);
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
    }
    findings.sort_by(|a, b| a.span.cmp(&b.span));
    Report { files, findings }
}
