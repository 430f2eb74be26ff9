//! Folders of Hugging Face's `transformers`: the backbone that their `config.json` is of, and its sizes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use network::nearest;
use serde_json::{Map, Value};

use super::Shapes;
use crate::tree::Data;
use crate::words::list;

/// What such a folder calls its declaration.
pub(crate) const CONFIG: &str = "config.json";

/// What such a folder may call its weights.
const WEIGHTS: [&str; 2] = ["model.safetensors", "pytorch_model.bin"];

/// A backbone with the values of its variables.
#[derive(Clone, Debug)]
pub(crate) struct Architecture {
    pub(crate) backbone: &'static str,
    pub(crate) vars: BTreeMap<&'static str, Data>,
    /// Whether its head makes classes of each token.
    pub(crate) of_tokens: bool,
}

/// What the names of models end in whose head makes classes of each token.
const OF_TOKENS: &str = "ForTokenClassification";

/// What values of `model_type` mean.
struct Family {
    types: &'static [&'static str],
    backbone: &'static str,
    keys: &'static [Keys],
}

/// Keys of the configuration with the variables that they set; a key that is not there leaves the backbone's own value.
type Keys = &'static [(&'static str, &'static str, Form)];

/// What a key holds.
#[derive(Clone, Copy)]
enum Form {
    /// A size, at least 1.
    Size,
    /// A row of a table; the variable is the row behind it.
    RowBefore,
    /// A share of dropout.
    Share,
    /// A small positive number.
    Number,
    /// The name of an activation.
    Activation,
    /// A table with an entry a class.
    Classes,
}

/// Keys that BERT and what is built like it have in common.
const ENCODER: Keys = &[
    ("vocab_size", "vocabulary", Form::Size),
    ("hidden_size", "hidden", Form::Size),
    ("num_hidden_layers", "layers", Form::Size),
    ("num_attention_heads", "heads", Form::Size),
    ("intermediate_size", "intermediate", Form::Size),
    ("hidden_act", "activation", Form::Activation),
    ("hidden_dropout_prob", "dropout", Form::Share),
    ("attention_probs_dropout_prob", "attention-dropout", Form::Share),
    ("max_position_embeddings", "positions", Form::Size),
    ("type_vocab_size", "segments", Form::Size),
    ("layer_norm_eps", "epsilon", Form::Number),
    ("id2label", "classes", Form::Classes),
];

const FAMILIES: &[Family] = &[
    Family { types: &["bert"], backbone: "bert", keys: &[ENCODER] },
    Family {
        types: &["roberta", "xlm-roberta", "camembert"],
        backbone: "roberta",
        keys: &[ENCODER, &[("pad_token_id", "offset", Form::RowBefore)]],
    },
    Family {
        types: &["distilbert"],
        backbone: "distilbert",
        keys: &[&[
            ("vocab_size", "vocabulary", Form::Size),
            ("dim", "hidden", Form::Size),
            ("n_layers", "layers", Form::Size),
            ("n_heads", "heads", Form::Size),
            ("hidden_dim", "intermediate", Form::Size),
            ("activation", "activation", Form::Activation),
            ("dropout", "dropout", Form::Share),
            ("attention_dropout", "attention-dropout", Form::Share),
            ("seq_classif_dropout", "top-dropout", Form::Share),
            ("max_position_embeddings", "positions", Form::Size),
            ("id2label", "classes", Form::Classes),
        ]],
    },
    Family { types: &["model2vec"], backbone: "model2vec", keys: &[] },
];

/// Activations as `transformers` names them, and as layers do.
const ACTIVATIONS: &[(&str, &str)] = &[
    ("gelu", "gelu"),
    ("gelu_new", "gelu-tanh"),
    ("gelu_fast", "gelu-tanh"),
    ("gelu_pytorch_tanh", "gelu-tanh"),
    ("relu", "relu"),
    ("silu", "silu"),
    ("swish", "silu"),
    ("tanh", "tanh"),
];

/// Settings that change what is computed, with the only values that the backbones compute.
const FIXED: &[(&str, &[&str])] = &[
    ("position_embedding_type", &["\"absolute\"", "null"]),
    ("is_decoder", &["false", "null"]),
    ("add_cross_attention", &["false", "null"]),
    ("pruned_heads", &["{}", "null"]),
];

/// The file of a folder's weights.
///
/// # Errors
/// When there is none, in words.
pub(crate) fn weights_file(folder: &Path) -> Result<PathBuf, String> {
    let found = WEIGHTS.iter().map(|name| folder.join(name)).find(|path| path.is_file());
    found.ok_or_else(|| {
        let parts = WEIGHTS.iter().any(|name| folder.join(format!("{name}.index.json")).is_file());
        let more = if parts { ", and weights in several files are not read" } else { "" };
        format!("the folder has neither {}{more}", WEIGHTS.join(" nor "))
    })
}

/// What the folder calls the classes that its head tells, in the order of its units; nothing where it says no names, or only
/// those that `transformers` makes up of their numbers.
pub(crate) fn classes(folder: &Path) -> Vec<String> {
    let config = std::fs::read(folder.join(CONFIG)).ok();
    let config = config.and_then(|text| serde_json::from_slice::<Value>(&text).ok()).unwrap_or_default();
    let Some(named) = config["id2label"].as_object() else { return vec![] };
    let names = (0..named.len()).map(|class| named.get(&class.to_string())?.as_str().map(str::to_owned));
    let Some(names) = names.collect::<Option<Vec<String>>>() else { return vec![] };
    let made_up = names.iter().enumerate().all(|(class, name)| *name == format!("LABEL_{class}"));
    let distinct = names.iter().collect::<BTreeSet<_>>().len();
    if made_up || distinct < names.len() { vec![] } else { names }
}

/// What the folder declares, where its weights have these `shapes`.
///
/// # Errors
/// A declaration that cannot be read, or that no backbone is of, in words.
pub(crate) fn architecture(folder: &Path, shapes: Option<&Shapes>) -> Result<Architecture, String> {
    let wrong = |what: String| format!("`{CONFIG}` there {what}");
    let text = std::fs::read(folder.join(CONFIG));
    let text = text.map_err(|error| wrong(format!("cannot be read: {}", crate::load::reason(&error))))?;
    let config: Map<String, Value> =
        serde_json::from_slice(&text).map_err(|error| wrong(format!("is no configuration: {error}")))?;
    let known = || FAMILIES.iter().flat_map(|family| family.types).copied();
    let Some(model) = config.get("model_type").and_then(Value::as_str) else {
        return Err(wrong(format!("says no `model_type`; {} are read", list(known()))));
    };
    let Some(family) = FAMILIES.iter().find(|family| family.types.contains(&model)) else {
        let near = nearest(model, known()).map(|near| format!(", did you mean `{near}`?"));
        let rest = near.unwrap_or_else(|| format!("; {} are read", list(known())));
        return Err(wrong(format!("says model_type `{model}`, which no backbone is of{rest}")));
    };
    for (key, computed) in FIXED {
        if let Some(value) = config.get(*key).filter(|value| !computed.contains(&value.to_string().as_str()))
        {
            return Err(wrong(format!("says {key} = {value}; only {} is computed here", computed[0])));
        }
    }
    let mut vars = BTreeMap::new();
    for (key, var, form) in family.keys.iter().copied().flatten() {
        let Some(value) = config.get(*key).filter(|value| !value.is_null()) else { continue };
        let read = form.read(value);
        vars.insert(
            *var,
            read.ok_or_else(|| wrong(format!("says {key} = {value}, expected {}", form.words())))?,
        );
    }
    if family.backbone == "bert"
        && let Some(separator) = separator(folder)
    {
        vars.insert("separator", Data::Integer(separator.into()));
    }
    if family.backbone == "model2vec" {
        // The configuration speaks of the model that it was made of; the table itself tells its sizes.
        if let Some([rows, units]) =
            shapes.and_then(|shapes| shapes.values().find(|shape| shape.len() == 2)).map(|shape| &shape[..])
        {
            vars.insert("vocabulary", Data::Integer(*rows as i128));
            vars.insert("units", Data::Integer(*units as i128));
        }
        let normalize = config.get("normalize").and_then(Value::as_bool).unwrap_or(true);
        vars.insert("normalize", Data::Boolean(normalize));
    }
    let named = config.get("architectures").and_then(|names| names.get(0)?.as_str());
    let of_tokens = named.is_some_and(|named| named.ends_with(OF_TOKENS));
    Ok(Architecture { backbone: family.backbone, vars, of_tokens })
}

impl Form {
    fn read(self, value: &Value) -> Option<Data> {
        let integer = || value.as_u64().filter(|size| *size <= 1_000_000_000).map(i128::from);
        let number = || value.as_f64();
        match self {
            Form::Size => integer().filter(|size| *size > 0).map(Data::Integer),
            Form::RowBefore => integer().map(|row| Data::Integer(row + 1)),
            Form::Share => number().filter(|share| (0.0..=0.99).contains(share)).map(Data::Float),
            Form::Number => number().filter(|number| (0.0..1.0).contains(number)).map(Data::Float),
            Form::Activation => {
                let named = value.as_str()?;
                let known = ACTIVATIONS.iter().find(|(name, _)| *name == named);
                known.map(|(_, layer)| Data::String((*layer).to_owned()))
            }
            Form::Classes => value
                .as_object()
                .filter(|classes| !classes.is_empty())
                .map(|classes| Data::Integer(classes.len() as i128)),
        }
    }

    fn words(self) -> String {
        match self {
            Form::Size => "a whole number from 1 on".to_owned(),
            Form::RowBefore => "a row of the table".to_owned(),
            Form::Share => "a share from 0 to 0.99".to_owned(),
            Form::Number => "a number from 0 to 1".to_owned(),
            Form::Activation => format!("one of {}", list(ACTIVATIONS.iter().map(|(name, _)| *name))),
            Form::Classes => "a table of classes".to_owned(),
        }
    }
}

/// The index of `[SEP]` in the folder's tokenizer, where it has one.
fn separator(folder: &Path) -> Option<u32> {
    const TOKEN: &str = "[SEP]";
    if let Ok(text) = std::fs::read(folder.join("tokenizer.json")) {
        let tokenizer: Value = serde_json::from_slice(&text).ok()?;
        let id = &tokenizer["model"]["vocab"][TOKEN];
        return id.as_u64().and_then(|id| u32::try_from(id).ok());
    }
    let words = std::fs::read_to_string(folder.join("vocab.txt")).ok()?;
    words.lines().position(|word| word == TOKEN).and_then(|line| u32::try_from(line).ok())
}
