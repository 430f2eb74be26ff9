//! The table of stage kinds.

use std::collections::BTreeMap;

use plan::{ArtifactKind, Segment};
use schemars::{JsonSchema, Schema, schema_for};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::check::Context;
use crate::fact::Fact;
use crate::{
    Cluster, Compare, DecodePictures, Evaluate, Export, ExtractFeatures, ExtractFrozen, Finetune, Freeze,
    GradientBoosting, Import, Inputs, IsolateFrozen, JoinNetworks, Knn, Linear, LoadNetwork, LoadSubnet,
    Predict, Preprocess, Project, Train, Tsne, Unfreeze, WordVectors,
};

/// What every kind's params can do.
pub trait Stage {
    /// Inputs in port order. `stages` are the recipe's other stages: some inputs follow from them.
    fn references(&self, stages: &BTreeMap<String, Params>) -> Vec<Reference>;

    /// Reports mistakes and says what is known of each output, in port order. No facts means that an input is
    /// wrong in a way that has been reported.
    fn check(&self, context: &mut Context<'_>) -> Vec<(&'static str, Fact)>;

    /// For kinds that work in epochs: how far the stage goes.
    fn extent(&self) -> Option<Extent> {
        None
    }

    /// Files or folders of others that the stage takes in: together they are a source that has the stage's name, at
    /// the port `path`.
    fn outside(&self) -> Vec<OutsidePath<'_>> {
        vec![]
    }

    /// A seed of the stage's own.
    fn seed(&self) -> Option<u64> {
        None
    }
}

/// A file or folder of others, as a stage names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutsidePath<'a> {
    /// The keys of the params that lead to its name.
    pub keys: Vec<Segment>,
    /// Its name.
    pub path: &'a str,
}

impl<'a> OutsidePath<'a> {
    /// What the key `path` names.
    pub(crate) fn new(path: &'a str) -> Self {
        Self { keys: vec!["path".into()], path }
    }
}

/// How far a stage goes, as [`plan::Extent`].
#[derive(Clone, Debug, PartialEq)]
pub struct Extent {
    /// Epochs, at most.
    pub epochs: usize,
    /// The params without what only says how far the stage goes.
    pub way: Params,
    /// Why a stage of more epochs goes another way from the start, where it does.
    pub bound: Option<String>,
}

/// An input that names a stage or a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The input port.
    pub port: &'static str,
    /// The key of the params that holds the name, and the index in it where the key holds a list; for an input
    /// that follows from another stage, the key that led there.
    pub key: (&'static str, Option<usize>),
    /// The name.
    pub name: String,
    /// Kinds of output that fit; empty for a source.
    pub accepts: &'static [ArtifactKind],
}

impl Reference {
    /// A reference in the key of the same name as the port.
    pub(crate) fn new(port: &'static str, name: &str, accepts: &'static [ArtifactKind]) -> Self {
        Reference { port, key: (port, None), name: name.to_owned(), accepts }
    }

    /// References in a list.
    pub(crate) fn list<'a>(
        port: &'static str,
        names: &'a [String],
        accepts: &'static [ArtifactKind],
    ) -> impl Iterator<Item = Reference> + 'a {
        names.iter().enumerate().map(move |(index, name)| Reference {
            port,
            key: (port, Some(index)),
            name: name.clone(),
            accepts,
        })
    }
}

/// What the value of a key names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// A source, or several.
    Source,
    /// A stage, or several; where a sweep multiplies them, it multiplies the stage that names them.
    Stage,
    /// Stages, each with all variants that a sweep makes of it.
    EveryVariant {
        /// The key whose list has a text for each of them.
        beside: &'static str,
    },
}

/// The params of one stage, by kind.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each kind is documented at its params")]
pub enum Params {
    Preprocess(Preprocess),
    Train(Train),
    Finetune(Finetune),
    Export(Export),
    Import(Import),
    WordVectors(WordVectors),
    LoadNetwork(LoadNetwork),
    LoadSubnet(LoadSubnet),
    JoinNetworks(JoinNetworks),
    Freeze(Freeze),
    Unfreeze(Unfreeze),
    ExtractFeatures(ExtractFeatures),
    DecodePictures(DecodePictures),
    IsolateFrozen(IsolateFrozen),
    ExtractFrozen(ExtractFrozen),
    GradientBoosting(GradientBoosting),
    Linear(Linear),
    Knn(Knn),
    Cluster(Cluster),
    Project(Project),
    Tsne(Tsne),
    Evaluate(Evaluate),
    Predict(Predict),
    Compare(Compare),
}

/// A line of the table.
pub struct Declaration {
    /// The value of `kind`.
    pub kind: &'static str,
    /// Version of the implementation: raised whenever the same params and inputs would give other bytes.
    pub version: u32,
    /// One line for the reference.
    pub summary: &'static str,
    /// Whether the implementation draws at random: the seed is then part of the key.
    pub draws: bool,
    /// Whether the result depends on libtorch and the device: the numerics class is then part of the key.
    pub numeric: Numeric,
    /// Keys that name other stages or sources; content stands in for them in the result's key.
    pub references: &'static [&'static str],
    /// The schema of the params; `kind` is common to all.
    pub schema: fn() -> Schema,
    decode: fn(serde_json::Value) -> Result<Params, serde_json::Error>,
}

/// When a result depends on libtorch and the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numeric {
    /// Whatever it is made of.
    Always,
    /// Where an input is a network; heads compute without libtorch.
    OfNetworks,
    /// The bytes are the same everywhere.
    Never,
}

/// Every stage kind that a recipe can declare.
pub const KINDS: &[Declaration] = &[
    Declaration {
        kind: "preprocess",
        // 2: rows that parts share are in `leaks.json`. 3: each fold validates on rows of its own.
        // 4: lists are values with blanks between.
        version: 4,
        summary: "encodes columns by chains of steps fitted on the training rows",
        draws: false,
        numeric: Numeric::Never,
        references: &["data", "fitted"],
        schema: schema::<Preprocess>,
        decode: |params| decode(params, Params::Preprocess),
    },
    Declaration {
        kind: "train",
        version: 1,
        summary: "trains a declared network from the start",
        draws: true,
        numeric: Numeric::Always,
        references: &["data"],
        schema: schema::<Train>,
        decode: |params| decode(params, Params::Train),
    },
    Declaration {
        kind: "finetune",
        // 2: a head that tells the label's classes starts in the label's order.
        version: 2,
        summary: "trains a network on from its weights, perhaps with some layers replaced",
        draws: true,
        numeric: Numeric::Always,
        references: &["network", "data"],
        schema: schema::<Finetune>,
        decode: |params| decode(params, Params::Finetune),
    },
    Declaration {
        kind: "export",
        version: 1,
        summary: "writes a network as network.json, weights.safetensors and transform.json",
        draws: false,
        numeric: Numeric::Never,
        references: &["network"],
        schema: schema::<Export>,
        decode: |params| decode(params, Params::Export),
    },
    Declaration {
        kind: "import",
        version: 1,
        summary: "takes in a network that was exported",
        draws: false,
        numeric: Numeric::Never,
        references: &["path"],
        schema: schema::<Import>,
        decode: |params| decode(params, Params::Import),
    },
    Declaration {
        kind: "word-vectors",
        version: 1,
        summary: "reads word vectors of others as an embedding layer",
        draws: true,
        numeric: Numeric::Never,
        references: &["path", "data"],
        schema: schema::<WordVectors>,
        decode: |params| decode(params, Params::WordVectors),
    },
    Declaration {
        kind: "load-network",
        version: 1,
        summary: "makes a network from layers or a backbone, with weights from a file",
        draws: true,
        numeric: Numeric::Never,
        references: &["path", "data"],
        schema: schema::<LoadNetwork>,
        decode: |params| decode(params, Params::LoadNetwork),
    },
    Declaration {
        kind: "load-subnet",
        version: 1,
        summary: "cuts a network at a named node",
        draws: false,
        numeric: Numeric::Never,
        references: &["network"],
        schema: schema::<LoadSubnet>,
        decode: |params| decode(params, Params::LoadSubnet),
    },
    Declaration {
        kind: "join-networks",
        version: 1,
        summary: "puts networks side by side in one, with layers behind them",
        draws: true,
        numeric: Numeric::Never,
        references: &["networks", "data"],
        schema: schema::<JoinNetworks>,
        decode: |params| decode(params, Params::JoinNetworks),
    },
    Declaration {
        kind: "freeze",
        version: 1,
        summary: "keeps parameters as they are in later training",
        draws: false,
        numeric: Numeric::Never,
        references: &["network"],
        schema: schema::<Freeze>,
        decode: |params| decode(params, Params::Freeze),
    },
    Declaration {
        kind: "unfreeze",
        version: 1,
        summary: "lets frozen parameters train again",
        draws: false,
        numeric: Numeric::Never,
        references: &["network"],
        schema: schema::<Unfreeze>,
        decode: |params| decode(params, Params::Unfreeze),
    },
    Declaration {
        kind: "extract-features",
        version: 1,
        summary: "runs a network over every row and keeps the values of a node",
        draws: false,
        numeric: Numeric::Always,
        references: &["network", "data"],
        schema: schema::<ExtractFeatures>,
        decode: |params| decode(params, Params::ExtractFeatures),
    },
    Declaration {
        kind: "gradient-boosting",
        // 2: its output is called `head`.
        version: 2,
        summary: "boosts trees on features and columns",
        draws: true,
        numeric: Numeric::Never,
        references: &["features", "data"],
        schema: schema::<GradientBoosting>,
        decode: |params| decode(params, Params::GradientBoosting),
    },
    Declaration {
        kind: "linear",
        // 2: sums go in lanes.
        version: 3,
        summary: "fits logistic regression, ridge or elastic net on features and columns",
        draws: false,
        numeric: Numeric::Never,
        references: &["features", "data"],
        schema: schema::<Linear>,
        decode: |params| decode(params, Params::Linear),
    },
    Declaration {
        kind: "knn",
        version: 1,
        summary: "asks the nearest training rows",
        draws: false,
        numeric: Numeric::Never,
        references: &["features", "data"],
        schema: schema::<Knn>,
        decode: |params| decode(params, Params::Knn),
    },
    Declaration {
        kind: "cluster",
        // 2: pictures are drawn at their points and by cluster.
        version: 2,
        summary: "finds clusters of rows by k-means",
        draws: true,
        numeric: Numeric::Never,
        references: &["features", "data"],
        schema: schema::<Cluster>,
        decode: |params| decode(params, Params::Cluster),
    },
    Declaration {
        kind: "project",
        // 2: pictures are drawn at their points.
        version: 2,
        summary: "draws rows in the plane of their principal components",
        draws: false,
        numeric: Numeric::Never,
        references: &["features", "data"],
        schema: schema::<Project>,
        decode: |params| decode(params, Params::Project),
    },
    Declaration {
        kind: "tsne",
        version: 1,
        summary: "draws an embedding table or features in the plane",
        draws: true,
        numeric: Numeric::Never,
        references: &["network", "features", "data"],
        schema: schema::<Tsne>,
        decode: |params| decode(params, Params::Tsne),
    },
    Declaration {
        kind: "evaluate",
        // 4: classes are found by their names.
        version: 4,
        summary: "measures a network or a head on rows that it has not seen",
        draws: true,
        numeric: Numeric::OfNetworks,
        references: &["model", "data", "features"],
        schema: schema::<Evaluate>,
        decode: |params| decode(params, Params::Evaluate),
    },
    Declaration {
        kind: "predict",
        // 3: classes are found by their names.
        version: 3,
        summary: "writes a score and a class for every row",
        draws: false,
        numeric: Numeric::OfNetworks,
        references: &["model", "data", "features", "evaluation"],
        schema: schema::<Predict>,
        decode: |params| decode(params, Params::Predict),
    },
    Declaration {
        kind: "compare",
        version: 2,
        summary: "puts evaluations side by side in a table and a plot",
        draws: false,
        numeric: Numeric::Never,
        // The names of the stages are printed in the table, so they stay in the key.
        references: &[],
        schema: schema::<Compare>,
        decode: |params| decode(params, Params::Compare),
    },
];

/// Stage kinds that only the compiler makes.
const MADE: &[Declaration] = &[
    Declaration {
        kind: "decode-pictures",
        version: 1,
        summary: "decodes pictures once for all stages that read them",
        draws: false,
        numeric: Numeric::Never,
        references: &["data"],
        schema: schema::<DecodePictures>,
        decode: |params| decode(params, Params::DecodePictures),
    },
    Declaration {
        kind: "isolate-frozen",
        version: 1,
        summary: "takes the frozen part of a network and its columns out of what differs by fold and seed",
        draws: false,
        numeric: Numeric::Never,
        references: &["network", "data"],
        schema: schema::<IsolateFrozen>,
        decode: |params| decode(params, Params::IsolateFrozen),
    },
    Declaration {
        kind: "extract-frozen",
        version: 1,
        summary: "runs the frozen part of a network over every row and keeps what it gives",
        draws: false,
        numeric: Numeric::Always,
        references: &["network", "data"],
        schema: schema::<ExtractFrozen>,
        decode: |params| decode(params, Params::ExtractFrozen),
    },
];

/// The declaration of a kind.
pub fn declaration(kind: &str) -> Option<&'static Declaration> {
    KINDS.iter().chain(MADE).find(|declaration| declaration.kind == kind)
}

impl Declaration {
    /// What a key's value names, if it names others.
    pub fn names(&self, key: &str) -> Option<Names> {
        match (self.kind, key) {
            ("preprocess", "data") => Some(Names::Source),
            ("compare", "stages") => Some(Names::EveryVariant { beside: "labels" }),
            // Its folder is no stage.
            ("import", _) => None,
            _ => self.references.contains(&key).then_some(Names::Stage),
        }
    }

    /// Decodes params that the schema has accepted.
    ///
    /// # Errors
    /// Serde's, when they do not fit after all.
    pub fn decode(&self, params: serde_json::Value) -> Result<Params, serde_json::Error> {
        (self.decode)(params)
    }
}

impl Params {
    /// The kind's name.
    pub fn kind(&self) -> &'static str {
        match self {
            Params::Preprocess(_) => "preprocess",
            Params::Train(_) => "train",
            Params::Finetune(_) => "finetune",
            Params::Export(_) => "export",
            Params::Import(_) => "import",
            Params::WordVectors(_) => "word-vectors",
            Params::LoadNetwork(_) => "load-network",
            Params::LoadSubnet(_) => "load-subnet",
            Params::JoinNetworks(_) => "join-networks",
            Params::Freeze(_) => "freeze",
            Params::Unfreeze(_) => "unfreeze",
            Params::ExtractFeatures(_) => "extract-features",
            Params::DecodePictures(_) => "decode-pictures",
            Params::IsolateFrozen(_) => "isolate-frozen",
            Params::ExtractFrozen(_) => "extract-frozen",
            Params::GradientBoosting(_) => "gradient-boosting",
            Params::Linear(_) => "linear",
            Params::Knn(_) => "knn",
            Params::Cluster(_) => "cluster",
            Params::Project(_) => "project",
            Params::Tsne(_) => "tsne",
            Params::Evaluate(_) => "evaluate",
            Params::Predict(_) => "predict",
            Params::Compare(_) => "compare",
        }
    }

    /// What every kind can do.
    pub fn stage(&self) -> &dyn Stage {
        match self {
            Params::Preprocess(params) => params,
            Params::Train(params) => params,
            Params::Finetune(params) => params,
            Params::Export(params) => params,
            Params::Import(params) => params,
            Params::WordVectors(params) => params,
            Params::LoadNetwork(params) => params,
            Params::LoadSubnet(params) => params,
            Params::JoinNetworks(params) => params,
            Params::Freeze(params) => params,
            Params::Unfreeze(params) => params,
            Params::ExtractFeatures(params) => params,
            Params::DecodePictures(params) => params,
            Params::IsolateFrozen(params) => params,
            Params::ExtractFrozen(params) => params,
            Params::GradientBoosting(params) => params,
            Params::Linear(params) => params,
            Params::Knn(params) => params,
            Params::Cluster(params) => params,
            Params::Project(params) => params,
            Params::Tsne(params) => params,
            Params::Evaluate(params) => params,
            Params::Predict(params) => params,
            Params::Compare(params) => params,
        }
    }

    /// The stages whose networks this one's is made of; none for kinds that make no network, or one of their own.
    pub fn made_of(&self) -> Vec<&str> {
        match self {
            Params::Finetune(params) => vec![&params.network],
            Params::LoadSubnet(params) => vec![&params.network],
            Params::Freeze(params) => vec![&params.network],
            Params::Unfreeze(params) => vec![&params.0.network],
            Params::JoinNetworks(params) => params.networks.iter().map(String::as_str).collect(),
            _ => vec![],
        }
    }

    /// What a head is fitted on; none for other kinds.
    pub fn head(&self) -> Option<Inputs<'_>> {
        match self {
            Params::GradientBoosting(params) => Some(params.inputs()),
            Params::Linear(params) => Some(params.inputs()),
            Params::Knn(params) => Some(params.inputs()),
            _ => None,
        }
    }

    /// The params as JSON with every default filled in.
    ///
    /// # Errors
    /// Serde's; a number that is not finite.
    pub fn to_json(&self) -> Result<serde_json::Value, serde_json::Error> {
        match self {
            Params::Preprocess(params) => serde_json::to_value(params),
            Params::Train(params) => serde_json::to_value(params),
            Params::Finetune(params) => serde_json::to_value(params),
            Params::Export(params) => serde_json::to_value(params),
            Params::Import(params) => serde_json::to_value(params),
            Params::WordVectors(params) => serde_json::to_value(params),
            Params::LoadNetwork(params) => serde_json::to_value(params),
            Params::LoadSubnet(params) => serde_json::to_value(params),
            Params::JoinNetworks(params) => serde_json::to_value(params),
            Params::Freeze(params) => serde_json::to_value(params),
            Params::Unfreeze(params) => serde_json::to_value(params),
            Params::ExtractFeatures(params) => serde_json::to_value(params),
            Params::DecodePictures(params) => serde_json::to_value(params),
            Params::IsolateFrozen(params) => serde_json::to_value(params),
            Params::ExtractFrozen(params) => serde_json::to_value(params),
            Params::GradientBoosting(params) => serde_json::to_value(params),
            Params::Linear(params) => serde_json::to_value(params),
            Params::Knn(params) => serde_json::to_value(params),
            Params::Cluster(params) => serde_json::to_value(params),
            Params::Project(params) => serde_json::to_value(params),
            Params::Tsne(params) => serde_json::to_value(params),
            Params::Evaluate(params) => serde_json::to_value(params),
            Params::Predict(params) => serde_json::to_value(params),
            Params::Compare(params) => serde_json::to_value(params),
        }
    }
}

fn schema<T: JsonSchema + Serialize>() -> Schema {
    schema_for!(T)
}

fn decode<T: DeserializeOwned>(
    params: serde_json::Value,
    wrap: fn(T) -> Params,
) -> Result<Params, serde_json::Error> {
    serde_json::from_value(params).map(wrap)
}
