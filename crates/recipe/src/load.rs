//! From files to one tree: parsing, `extends`, `--set`.

use std::path::{Path, PathBuf};

use plan::{Diagnostic, Place};
use toml::de::DeTable;

use crate::report::{Failure, File, Finding, Report, Span};
use crate::set;
use crate::tree::{Data, Node};

/// The recipe as one tree.
pub(crate) struct Loaded {
    pub(crate) root: Node,
    pub(crate) files: Vec<File>,
    /// Mistakes of the text itself: syntax, `extends`, `--set`.
    pub(crate) findings: Vec<Finding>,
    /// Bytes where the syntax is wrong: what stands near them may not be what was meant.
    pub(crate) syntax: Vec<Span>,
}

/// Reads the text of a recipe, what it extends, and what is set over it.
///
/// # Errors
/// None of the recipe itself: everything that is wrong is a finding.
pub(crate) fn load(path: &Path, text: String, sets: &[String]) -> Loaded {
    let root = Node { key: None, span: Span::default(), data: Data::Table([].into()) };
    let mut loaded = Loaded { root, files: vec![], findings: vec![], syntax: vec![] };
    let mut chain = vec![];
    let mut layers = vec![];
    let mut next = Some((path.to_owned(), text));
    while let Some((path, text)) = next.take() {
        chain.push(path.canonicalize().unwrap_or_else(|_| path.clone()));
        let mut node = loaded.parse(path.clone(), text);
        next = loaded.base(&mut node, &path, &chain);
        layers.push(node);
    }
    // The last one read is the base of all.
    let merged = layers.into_iter().rev().reduce(|base, child| named_anew(base).merge(child));
    loaded.root = merged.unwrap_or(loaded.root);
    set::apply(&mut loaded, sets);
    loaded
}

/// A recipe that extends another has its own name.
fn named_anew(mut base: Node) -> Node {
    if let Data::Table(entries) = &mut base.data {
        entries.remove("name");
    }
    base
}

/// Reads a recipe's text.
///
/// # Errors
/// [`Failure::Io`]; text that is not UTF-8 is a mistake at its first wrong byte.
pub(crate) fn read(path: &Path) -> Result<String, Failure> {
    let bytes = std::fs::read(path).map_err(|source| Failure::Io { path: path.to_owned(), source })?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
        let wrong = text[at..].chars().next().map_or(0, char::len_utf8);
        let diagnostic = Diagnostic::new("syntax", Place::default(), "this is not UTF-8 text");
        let finding = Finding {
            diagnostic: diagnostic.hint("save the recipe as UTF-8"),
            span: Span::new(0, at..at + wrong),
            related: vec![],
        };
        let file = File { path: path.to_owned(), text };
        Failure::Diagnostics(Report { files: vec![file], findings: vec![finding] })
    })
}

/// The parser's message; where it names one reading of many, what is meant by most who write so.
fn words(message: &str, found: &str) -> String {
    let word = found.starts_with(|first: char| first.is_alphabetic());
    if message.starts_with("string values must be quoted") || message.starts_with("invalid float") && word {
        return if found.trim().is_empty() { "the value is missing" } else { "text must be in quotes" }
            .to_owned();
    }
    let mut chars = message.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

/// After a bracket that does not close, the parser takes the next lines for what should stand inside it.
#[derive(Default)]
struct Echoes {
    /// The last line of errors that began at a bracket.
    last: Option<usize>,
}

impl Echoes {
    /// Errors come in the order of the text.
    fn is_echo(&mut self, line: usize, message: &str) -> bool {
        let near = self.last.is_some_and(|last| line <= last + 2);
        let bracket =
            ["between", "inline table", "array", "unclosed"].iter().any(|word| message.contains(word));
        if near || bracket {
            self.last = Some(line);
        }
        near
    }
}

impl Loaded {
    pub(crate) fn report(&mut self, span: Span, diagnostic: Diagnostic) {
        self.findings.push(Finding { diagnostic, span, related: vec![] });
    }

    fn parse(&mut self, path: PathBuf, text: String) -> Node {
        let file = self.files.len();
        let (table, mut errors) = DeTable::parse_recoverable(&text);
        errors.sort_by_key(|error| error.span().map(|span| span.start));
        let node = Node::document(file, &table);
        let mut echoes = Echoes::default();
        for error in errors {
            let span = Span::new(file, error.span().unwrap_or_default());
            let line = text.bytes().take(span.start).filter(|byte| *byte == b'\n').count();
            let message = words(error.message(), text.get(span.range()).unwrap_or_default());
            if !echoes.is_echo(line, &message) {
                self.report(span.clone(), Diagnostic::new("syntax", Place::default(), message));
            }
            // Keys after a header that is not closed belong to nobody knows what, up to the next header.
            let end = match error.message().contains("nclosed table") {
                true => text[span.start..].find("\n[").map_or(text.len(), |length| span.start + length),
                false => span.end,
            };
            self.syntax.push(Span { end, ..span });
        }
        self.files.push(File { path, text });
        node
    }

    /// Takes `extends` out of a recipe; gives the path and text that it names.
    fn base(&mut self, node: &mut Node, path: &Path, chain: &[PathBuf]) -> Option<(PathBuf, String)> {
        let Data::Table(entries) = &mut node.data else { return None };
        let extends = entries.remove("extends")?;
        let place = Place(vec!["extends".into()]);
        let Some(name) = extends.text() else {
            let diagnostic = Diagnostic::new("wrong-type", place, "expected the path of a recipe, in quotes");
            self.report(extends.span, diagnostic.hint("for example extends = \"base.toml\""));
            return None;
        };
        let base = path.parent().unwrap_or(Path::new("")).join(name);
        if base.canonicalize().is_ok_and(|base| chain.contains(&base)) {
            let names: Vec<String> = chain.iter().map(|path| file_name(path)).collect();
            let message = format!("this extends itself: {} -> {}", names.join(" -> "), file_name(&base));
            self.report(extends.span, Diagnostic::new("extends-cycle", place, message));
            return None;
        }
        match std::fs::read_to_string(&base) {
            Ok(text) => Some((base, text)),
            Err(error) => {
                let message = format!("cannot read `{}`: {}", base.display(), reason(&error));
                let hint = "the path is relative to this recipe";
                self.report(extends.span, Diagnostic::new("extends-not-found", place, message).hint(hint));
                None
            }
        }
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// Why a file cannot be read, in the same words on every system.
pub(crate) fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        std::io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        std::io::ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
        _ => error.to_string(),
    }
}
