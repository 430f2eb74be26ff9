//! Files of tokenizers, each as the `tokenizer.json` that says the same.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::Tokenizer;
use crate::error::Error;

/// How padding is spelled, where a file does not say.
pub(super) const PADS: [&str; 2] = ["[PAD]", "<pad>"];
/// How an unknown token is spelled.
pub(super) const UNKNOWNS: [&str; 2] = ["[UNK]", "<unk>"];

/// The document of a tokenizer without its padding and truncation, and the index that it pads with where it says one.
pub(super) fn read(tokenizer: &Tokenizer) -> Result<(Value, Option<u32>), Error> {
    let path = Path::new(&tokenizer.path);
    let wrong = |reason: &str| Error::Tokenizer { path: path.into(), reason: reason.to_owned() };
    let text = text(path)?;
    if !text.trim_start().starts_with('{') {
        if tokenizer.merges.is_some() {
            return Err(wrong("`merges` belongs to a `vocab.json`, and this is none"));
        }
        return Ok((word_piece(path, &text, tokenizer.lowercase.unwrap_or(true))?, None));
    }
    if tokenizer.lowercase.is_some() {
        return Err(wrong("`lowercase` is for a `vocab.txt`, and this is none"));
    }
    let document: Value =
        serde_json::from_str(&text).map_err(|error| wrong(&format!("it is no JSON: {error}")))?;
    let Value::Object(mut document) = document else { return Err(wrong("it is no object of JSON")) };
    match &tokenizer.merges {
        Some(merges) => Ok((byte_level(path, document, Path::new(merges))?, None)),
        None if document.contains_key("model") => {
            let padding = document.insert("padding".to_owned(), Value::Null);
            document.insert("truncation".to_owned(), Value::Null);
            if let Some(dropout) = document.get_mut("model").and_then(|model| model.get_mut("dropout")) {
                *dropout = Value::Null;
            }
            let pad = padding.and_then(|padding| u32::try_from(padding.get("pad_id")?.as_u64()?).ok());
            Ok((Value::Object(document), pad))
        }
        None if document.values().all(Value::is_u64) => {
            Err(wrong("it is the vocabulary of a BPE: say where its merges are"))
        }
        None => Err(wrong("it has no `model`, so it is no `tokenizer.json`")),
    }
}

fn text(path: &Path) -> Result<String, Error> {
    let bytes = std::fs::read(path).map_err(|error| Error::io(path, error))?;
    let wrong = |reason: &str| Error::Tokenizer { path: path.into(), reason: reason.to_owned() };
    let text = String::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8"))?;
    match text.trim().is_empty() {
        true => Err(wrong("it is empty")),
        false => Ok(text),
    }
}

/// A token that is never cut.
fn special(token: &str, index: u64, takes_space: bool) -> Value {
    json!({
        "id": index, "content": token, "single_word": false, "lstrip": takes_space, "rstrip": false,
        "normalized": false, "special": true,
    })
}

/// A WordPiece with one token a line, as the `transformers` library reads BERT's `vocab.txt`.
fn word_piece(path: &Path, text: &str, lowercase: bool) -> Result<Value, Error> {
    let wrong = |reason: String| Error::Tokenizer { path: path.into(), reason };
    let mut vocabulary = Map::new();
    for (at, line) in text.lines().enumerate() {
        if vocabulary.insert(line.trim_end().to_owned(), at.into()).is_some() {
            return Err(wrong(format!("line {} has a token that it had before", at + 1)));
        }
    }
    let index = |token: &str| vocabulary.get(token).and_then(Value::as_u64);
    let needed = |token: &str| {
        index(token)
            .ok_or_else(|| wrong(format!("it has no `{token}`, so it is no `vocab.txt` of a WordPiece")))
    };
    let (unknown, start, end) = (needed("[UNK]")?, needed("[CLS]")?, needed("[SEP]")?);
    let mut added = vec![special("[UNK]", unknown, false), special("[CLS]", start, false)];
    added.push(special("[SEP]", end, false));
    added.extend(
        ["[PAD]", "[MASK]"].into_iter().filter_map(|token| Some(special(token, index(token)?, false))),
    );
    added.sort_by_key(|token| token["id"].as_u64());
    let token = |token: &str, kind: u8| json!({"SpecialToken": {"id": token, "type_id": kind}});
    let sequence = |name: &str, kind: u8| json!({"Sequence": {"id": name, "type_id": kind}});
    let named = |token: &str, index: u64| json!({"id": token, "ids": [index], "tokens": [token]});
    let single = [token("[CLS]", 0), sequence("A", 0), token("[SEP]", 0)];
    let pair: Vec<Value> = single.iter().cloned().chain([sequence("B", 1), token("[SEP]", 1)]).collect();
    Ok(json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added,
        "normalizer": {
            "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null,
            "lowercase": lowercase,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing", "single": single, "pair": pair,
            "special_tokens": {"[CLS]": named("[CLS]", start), "[SEP]": named("[SEP]", end)},
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
        "model": {
            "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": vocabulary,
        },
    }))
}

/// A byte-level BPE, as the `transformers` library reads the files of GPT-2, and those of RoBERTa, which has `<s>` and
/// `</s>` around a text.
fn byte_level(path: &Path, vocabulary: Map<String, Value>, merges: &Path) -> Result<Value, Error> {
    let wrong = |reason: String| Error::Tokenizer { path: path.into(), reason };
    if let Some((token, _)) = vocabulary.iter().find(|(_, index)| !index.is_u64()) {
        return Err(wrong(format!("`{token}` has no index in it, so it is no `vocab.json` of a BPE")));
    }
    if vocabulary.keys().any(|token| token.ends_with("</w>")) {
        let reason = "its tokens end in `</w>`, so it is no byte-level BPE: it needs a `tokenizer.json`";
        return Err(wrong(reason.to_owned()));
    }
    let mut pairs = vec![];
    for (at, line) in text(merges)?.lines().enumerate() {
        if line.trim().is_empty() || (at == 0 && line.starts_with("#version")) {
            continue;
        }
        match line.split(' ').collect::<Vec<_>>()[..] {
            [left, right] => pairs.push(json!([left, right])),
            _ => {
                let reason = format!("line {} is no pair of tokens", at + 1);
                return Err(Error::Tokenizer { path: merges.into(), reason });
            }
        }
    }
    let index = |token: &str| vocabulary.get(token).and_then(Value::as_u64);
    let (added, post): (Vec<Value>, Value) = match (index("<s>"), index("</s>")) {
        (Some(start), Some(end)) => {
            let tokens = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"].into_iter();
            let tokens = tokens.filter_map(|token| Some(special(token, index(token)?, token == "<mask>")));
            let post = json!({
                "type": "RobertaProcessing", "sep": ["</s>", end], "cls": ["<s>", start], "trim_offsets": true,
                "add_prefix_space": false,
            });
            (tokens.collect(), post)
        }
        _ => {
            let tokens = index("<|endoftext|>").map(|index| special("<|endoftext|>", index, false));
            let post = json!({"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": false, "use_regex": true});
            (tokens.into_iter().collect(), post)
        }
    };
    Ok(json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added, "normalizer": null,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
        "post_processor": post,
        "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
        "model": {
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": "",
            "end_of_word_suffix": "", "fuse_unk": false, "vocab": vocabulary, "merges": pairs,
        },
    }))
}
