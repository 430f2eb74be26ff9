//! From files to one tree: parsing, `extends`, `include`, `--set`.

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
    let root = Node { key: None, span: Span::default(), data: Data::Table([].into()), via: vec![] };
    let mut loaded = Loaded { root, files: vec![], findings: vec![], syntax: vec![] };
    let mut chain = vec![];
    let mut layers = vec![];
    let mut next = Some((path.to_owned(), text));
    while let Some((path, text)) = next.take() {
        chain.push(canonical(&path));
        let mut node = loaded.parse(path.clone(), text);
        next = loaded.base(&mut node, &path, &chain);
        loaded.include(&mut node, &path, &mut vec![canonical(&path)]);
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
        let file = File { path: path.to_owned(), text, is_built_in: false };
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
        self.files.push(File { path, text, is_built_in: false });
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

impl Loaded {
    /// Takes `include` out of a recipe, or of a file that it includes, and puts in the blocks of the files that it names;
    /// those of the text itself go before them.
    fn include(&mut self, node: &mut Node, path: &Path, chain: &mut Vec<PathBuf>) {
        let Some(include) = node.table_mut().and_then(|entries| entries.remove("include")) else { return };
        let place = Place(vec!["include".into()]);
        let Data::Array(names) = include.data else {
            let diagnostic = Diagnostic::new("wrong-type", place, "expected a list of files, in quotes");
            return self.report(include.span, diagnostic.hint("for example include = [\"blocks.toml\"]"));
        };
        for name in names {
            let Some(mut blocks) = self.included(&name, path, chain) else { continue };
            if let Some(own) = node.table_mut().and_then(|entries| entries.remove("blocks")) {
                blocks = blocks.merge(own);
            }
            node.table_mut().map(|entries| entries.insert("blocks".to_owned(), blocks));
        }
    }

    /// The blocks of one file, and of those that it includes.
    fn included(&mut self, name: &Node, from: &Path, chain: &mut Vec<PathBuf>) -> Option<Node> {
        let place = || Place(vec!["include".into()]);
        let Some(text) = name.text() else {
            let diagnostic = Diagnostic::new("wrong-type", place(), "expected the path of a file, in quotes");
            self.report(name.span.clone(), diagnostic);
            return None;
        };
        let path = from.parent().unwrap_or(Path::new("")).join(text);
        if let Some(at) = chain.iter().position(|known| *known == canonical(&path)) {
            let names: Vec<String> = chain[at..].iter().map(|path| file_name(path)).collect();
            let message = format!("this includes itself: {} -> {}", names.join(" -> "), file_name(&path));
            self.report(name.span.clone(), Diagnostic::new("include-cycle", place(), message));
            return None;
        }
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => {
                let message = format!("cannot read `{}`: {}", path.display(), reason(&error));
                let diagnostic = Diagnostic::new("include-not-found", place(), message);
                self.report(name.span.clone(), diagnostic.hint("the path is relative to this file"));
                return None;
            }
        };
        let mut node = self.parse(path.clone(), text);
        chain.push(canonical(&path));
        self.include(&mut node, &path, chain);
        chain.pop();
        let Data::Table(mut entries) = node.data else { return None };
        let blocks = entries.remove("blocks");
        for (key, other) in entries {
            let message = format!("unknown key `{key}`");
            let diagnostic = Diagnostic::new("unknown-key", Place::default(), message);
            let hint = "a file that is included has [blocks.NAME] and perhaps `include`, nothing else";
            self.report(other.key.unwrap_or(other.span), diagnostic.hint(hint));
        }
        blocks
    }
}

fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
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
