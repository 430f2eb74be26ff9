//! What is wrong with the declaration of a source, before any of its files is opened.

use regex::Regex;

use super::{FileContent, Format, OnError, Source, file_name, is_archive};
use crate::decode;
use crate::part::Split;
use crate::paths::Paths;
use crate::pictures;

/// Something wrong with a declaration: where, what, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The field, as the recipe spells it: `train`, `split.column`; elements of lists by number.
    pub field: String,
    /// What is wrong, a lower-case fragment.
    pub message: String,
    /// What would put it right.
    pub hint: Option<String>,
}

impl Problem {
    pub(crate) fn new(field: &str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into(), hint: Some(hint.into()) }
    }

    pub(crate) fn within(self, outer: &str) -> Self {
        Self { field: format!("{outer}.{}", self.field), ..self }
    }
}

impl Source {
    /// Everything wrong with the declaration itself, with the field's path: `split.train`, `where.0.above`.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = self.address_problems();
        if !problems.is_empty() {
            // What its name says of it is not known.
        } else if self.path.is_absent() {
            let hint = "name a file, such as path = \"reviews.csv\"";
            problems.push(Problem::new("path", "the source has neither a `path` nor a `url`", hint));
        } else if self.path.is_empty() {
            problems.push(Problem::new("path", "the path is empty", "name a .csv or .tsv file"));
        } else {
            problems.extend(self.format_problems());
        }
        problems.extend(self.dialect_problems());
        for problem in self.split.iter().flat_map(Split::problems) {
            problems.push(problem.within("split"));
        }
        if let Some(files) = self.files.as_ref().filter(|files| files.folder.trim().is_empty()) {
            let message = format!("the folder of the files in `{}` is empty", files.column);
            problems.push(Problem::new("files.folder", message, "name the folder that holds them"));
        }
        if self.on_error == OnError::Skip
            && self.declared_format().is_some()
            && self.picture_column().is_none()
        {
            let hint = "it is for format = \"pictures\", and for `files` with content = \"picture\"";
            problems.push(Problem::new("on-error", "the source has no pictures", hint));
        }
        if let Some(pixels) = &self.pixels {
            if let Err(error) = Regex::new(&pixels.columns) {
                let text = error.to_string();
                let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
                let message = format!("`{}` is not a regular expression: {reason}", pixels.columns);
                problems.push(Problem::new("pixels.columns", message, "for example \"pixel\\\\d+\""));
            }
            if !matches!(pixels.channels, 1 | 3) {
                let message = format!("a picture has 1 channel or 3, not {}", pixels.channels);
                problems.push(Problem::new("pixels.channels", message, "1 is grey, 3 is RGB"));
            }
            if self.files.as_ref().is_some_and(|files| files.content == FileContent::Picture) {
                let message = "a source has pictures of files or of pixels, not both";
                problems.push(Problem::new("pixels", message, "remove `pixels` or `files`"));
            }
        }
        if let Some(Err(message)) = self.label_pattern.as_deref().map(pictures::label_pattern) {
            let hint = "for example \"(\\\\w+)\\\\.\\\\d+\\\\.jpg$\"; the syntax is that of the regex crate";
            problems.push(Problem::new("label-pattern", message, hint));
        }
        for (name, condition) in &self.derive {
            problems
                .extend(condition.problems().into_iter().map(|own| own.within(&format!("derive.{name}"))));
        }
        for (at, condition) in self.filter.iter().enumerate() {
            problems.extend(condition.problems().into_iter().map(|own| own.within(&format!("where.{at}"))));
        }
        problems
    }

    fn address_problems(&self) -> Vec<Problem> {
        let mut problems = vec![];
        let Some(url) = &self.url else {
            if self.sha256.is_some() {
                let message = "`sha256` is for the file at a `url`";
                problems.push(Problem::new("sha256", message, "remove it, or name the file by `url`"));
            }
            return problems;
        };
        match file_name(url) {
            None => {
                let message = format!("`{url}` is no address of a file");
                let hint = "for example url = \"https://example.org/reviews.csv\"";
                problems.push(Problem::new("url", message, hint));
            }
            Some(name) if self.path != Paths::from(name) => {
                problems.push(Problem::new(
                    "path",
                    "the source has both a `path` and a `url`",
                    "keep one of them",
                ));
            }
            Some(_) => {}
        }
        let is_digest = |text: &String| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !self.sha256.as_ref().is_some_and(is_digest) {
            let message = match &self.sha256 {
                None => "a file by `url` needs its `sha256`",
                Some(_) => "a SHA-256 is 64 hexadecimal digits",
            };
            let field = if self.sha256.is_some() { "sha256" } else { "url" };
            problems.push(Problem::new(field, message, "`sha256sum FILE` prints it"));
        }
        problems
    }

    fn format_problems(&self) -> Vec<Problem> {
        let hint = "add format = \"csv\" or format = \"tsv\"";
        let mut seen: Option<Format> = None;
        for (at, path) in self.path.iter().enumerate() {
            let field = if self.path.len() == 1 { "path".to_owned() } else { format!("path.{at}") };
            let format =
                self.format.or_else(|| Source { path: path.into(), ..self.clone() }.declared_format());
            if format.is_none() && !is_archive(path) {
                return vec![Problem::new(&field, format!("`{path}` does not say its format"), hint)];
            }
            if let (Some(seen), Some(format)) = (seen, format)
                && seen != format
            {
                let message = format!("`{path}` is {}, the files before it {}", format.name(), seen.name());
                return vec![Problem::new(&field, message, "declare two sources")];
            }
            seen = seen.or(format);
        }
        let archive = self.path.iter().any(is_archive);
        match &self.member {
            Some(_) if !archive => {
                let hint = "`member` names a file of a .zip, .tar, .tar.gz or .tar.zst";
                vec![Problem::new("member", format!("`{}` is no archive", self.path), hint)]
            }
            _ => vec![],
        }
    }

    fn dialect_problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if let Some(format) = self.declared_format() {
            let delimited = matches!(format, Format::Csv | Format::Tsv);
            let text = delimited || matches!(format, Format::Jsonl | Format::Conll | Format::Texts);
            let archive = self.path.iter().any(is_archive);
            let whole = matches!(format, Format::Texts | Format::Pictures | Format::Idx);
            for (field, given, fits) in [
                ("header", self.header.is_some(), delimited),
                ("columns", self.columns.is_some(), !whole),
                ("delimiter", self.delimiter.is_some(), delimited),
                ("quote", self.quote.is_some(), delimited),
                ("encoding", self.encoding.is_some(), text),
                ("label-pattern", self.label_pattern.is_some(), format == Format::Pictures),
                (
                    "member",
                    self.member.is_some() && archive,
                    !matches!(format, Format::Pictures | Format::Idx),
                ),
                ("pixels", self.pixels.is_some(), !whole),
                ("files", self.files.is_some(), !whole),
            ] {
                if given && !fits {
                    let message = format!("`{field}` means nothing for {}", format.name());
                    problems.push(Problem::new(field, message, format!("remove `{field}`")));
                }
            }
        }
        if self.header == Some(false) && self.columns.is_none() {
            problems.push(Problem::new(
                "header",
                "without a header the columns have no names",
                "name them in order: columns = [\"text\", \"label\"]",
            ));
        }
        for (at, name) in self.columns.iter().flatten().enumerate() {
            if self.columns.iter().flatten().take(at).any(|before| before == name) {
                let message = format!("the column `{name}` is there twice");
                problems.push(Problem::new(&format!("columns.{at}"), message, "rename one of the two"));
            }
        }
        if let Some(delimiter) = &self.delimiter {
            let bytes = delimiter.as_bytes();
            if bytes.len() != 1 || !bytes.is_ascii() || matches!(bytes[0], b'"' | b'\n' | b'\r' | 0) {
                let message = format!("{delimiter:?} cannot separate fields");
                problems.push(Problem::new(
                    "delimiter",
                    message,
                    "one ASCII character, such as \";\" or \"|\"",
                ));
            }
        }
        if let Some(label) = self.encoding.as_ref().filter(|label| !decode::is_known(label)) {
            let message = format!("unknown encoding `{label}`");
            problems.push(Problem::new("encoding", message, "for example latin-1, windows-1252 or utf-16"));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Vec<String> {
        let source: Source = serde_json::from_str(text).unwrap();
        source.problems().into_iter().map(|problem| problem.field).collect()
    }

    #[test]
    fn a_source_says_all_that_is_wrong() {
        let good = r#"{"path":["a.csv","b-*.csv"],"header":false,"columns":["a","b"],"delimiter":";",
            "na":["NA"],"encoding":"Latin-1","derive":{"p":{"column":"a","above":5}},
            "where":[{"column":"p","one-of":["1"]}]}"#;
        assert!(fields(good).is_empty());
        assert!(fields(r#"{"path":"a.zip"}"#).is_empty());
        assert!(fields(r#"{"path":"a.zip","member":"*.csv"}"#).is_empty());
        assert_eq!(fields(r#"{"path":["a.csv","b.tsv"]}"#), ["path.1"]);
        assert_eq!(fields(r#"{"path":[]}"#), ["path"]);
        assert_eq!(fields(r#"{"path":"a.csv","member":"b.csv"}"#), ["member"]);
        assert_eq!(fields(r#"{"path":"a.csv","header":false,"delimiter":"::"}"#), ["header", "delimiter"]);
        assert_eq!(fields(r#"{"path":"a.jsonl","header":true,"quote":false}"#), ["header", "quote"]);
        assert_eq!(
            fields(r#"{"path":"a.csv","columns":["a","b","a"],"encoding":"x"}"#),
            ["columns.2", "encoding"]
        );
        assert_eq!(
            fields(r#"{"path":"a.csv","where":[{"column":"a"}],"split":{}}"#),
            ["split.train", "where.0.column"]
        );
        assert_eq!(fields(r#"{"path":"a.csv","files":{"column":"a","folder":""}}"#), ["files.folder"]);
    }
}
