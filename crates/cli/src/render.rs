//! Failures on standard error: a recipe's mistakes with file, line, column and the excerpt, others as a sentence.

use std::fmt;
use std::io::{self, Write};

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, Severity, SourceCode};
use plan::{Blame, StageError};
use recipe::{File, Finding, Report};
use serde_json::json;

use crate::failure::Failure;
use crate::words;

/// Columns that a rendered mistake takes at most.
const WIDTH: usize = 110;

/// Says what of a recipe is likely not meant.
pub(crate) fn warnings(report: &Report) -> io::Result<()> {
    match report.findings.is_empty() {
        true => Ok(()),
        false => write!(io::stderr(), "{}", text(report, "warning")),
    }
}

/// Says why a command failed.
pub(crate) fn failure(failure: &Failure, as_json: bool) -> io::Result<()> {
    match failure {
        Failure::Recipe(report) if as_json => {
            writeln!(io::stdout(), "{}", json!({ "mistakes": findings_json(report) }))
        }
        Failure::Recipe(report) => write!(io::stderr(), "{}", text(report, "mistake")),
        Failure::Said { blame, message, hint } => {
            let mut text = format!("{}: {}\n", head(*blame), words::visible(message));
            if let Some(hint) = hint {
                text += &hint_line(hint);
            }
            write!(io::stderr(), "{text}")
        }
        Failure::Silent(_) => Ok(()),
    }
}

/// An error of a stage, over as many lines as it needs.
pub(crate) fn stage_error(stage: &str, error: &StageError) -> String {
    let mut text = format!("{}: stage `{stage}`: {}\n", head(error.blame), words::visible(&error.message));
    if let Some(place) = unsaid_place(error) {
        text += &format!("  at {place}\n");
    }
    if let Some(hint) = &error.hint {
        text += &hint_line(hint);
    }
    text
}

/// Where in the data an error is, as `file:line:column`, unless its message says so.
pub(crate) fn unsaid_place(error: &StageError) -> Option<String> {
    let place = error.location.as_ref()?;
    let mut text = place.file.display().to_string();
    for number in [place.line, place.column].into_iter().take_while(|number| *number > 0) {
        text += &format!(":{number}");
    }
    (!error.message.contains(&text)).then_some(text)
}

fn head(blame: Blame) -> String {
    let word = if blame == Blame::Bug { "bug" } else { "error" };
    console::style(word).for_stderr().red().bold().to_string()
}

fn hint_line(hint: &str) -> String {
    format!("{}: {}\n", console::style("hint").for_stderr().cyan(), words::visible(hint))
}

/// All findings of a report, each of them a `noun`.
fn text(report: &Report, noun: &str) -> String {
    let theme = if console::colors_enabled_stderr() {
        GraphicalTheme::unicode()
    } else {
        GraphicalTheme::unicode_nocolor()
    };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(WIDTH).with_links(false);
    let mut text = String::new();
    for finding in &report.findings {
        let severity = if noun == "warning" { Severity::Warning } else { Severity::Error };
        let mistake = Mistake::new(report, finding, severity);
        // Writing into a string does not fail.
        let _ = handler.render_report(&mut text, &mistake);
        text.push('\n');
    }
    let name = report.files.first().map_or_else(String::new, |file| format!(" in {}", file.path.display()));
    text + &format!("{}{name}\n", words::count(report.findings.len(), noun))
}

/// A finding in the form that miette draws.
#[derive(Debug)]
struct Mistake {
    severity: Severity,
    message: String,
    code: &'static str,
    hint: Option<String>,
    source: NamedSource<String>,
    labels: Vec<LabeledSpan>,
    /// Places in other files.
    elsewhere: Vec<Mistake>,
}

impl Mistake {
    fn new(report: &Report, finding: &Finding, severity: Severity) -> Self {
        let diagnostic = &finding.diagnostic;
        let at = |span: &recipe::Span| (span.start, span.end - span.start);
        let mut labels = vec![LabeledSpan::new_primary_with_span(None, at(&finding.span))];
        let mut elsewhere = vec![];
        for (span, words) in &finding.related {
            if span.file == finding.span.file {
                labels.push(LabeledSpan::new_with_span(Some(words.clone()), at(span)));
            } else {
                elsewhere.push(Mistake {
                    severity,
                    message: words.clone(),
                    code: "related",
                    hint: None,
                    source: named(&report.files[span.file]),
                    labels: vec![LabeledSpan::new_primary_with_span(None, at(span))],
                    elsewhere: vec![],
                });
            }
        }
        Mistake {
            severity,
            message: words::visible(&diagnostic.message),
            code: diagnostic.code,
            hint: diagnostic.hint.as_deref().map(words::visible),
            source: named(&report.files[finding.span.file]),
            labels,
            elsewhere,
        }
    }
}

fn named(file: &File) -> NamedSource<String> {
    // Byte for byte, so that spans stay where they are.
    let mut text = String::with_capacity(file.text.len());
    for char in file.text.chars() {
        match char {
            '\n' | '\r' | '\t' => text.push(char),
            _ if char.is_control() => text += &"?".repeat(char.len_utf8()),
            _ => text.push(char),
        }
    }
    NamedSource::new(file.path.display().to_string(), text)
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Mistake {}

impl miette::Diagnostic for Mistake {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.code))
    }

    fn severity(&self) -> Option<Severity> {
        Some(self.severity)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.hint.as_ref().map(|hint| Box::new(hint) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn miette::Diagnostic> + 'a>> {
        if self.elsewhere.is_empty() {
            return None;
        }
        Some(Box::new(self.elsewhere.iter().map(|mistake| mistake as &dyn miette::Diagnostic)))
    }
}

/// All findings for programs: lines and columns count from 1, columns in characters.
pub(crate) fn findings_json(report: &Report) -> Vec<serde_json::Value> {
    let place = |span: &recipe::Span| {
        let file = &report.files[span.file];
        let (line, column) = file.position(span.start);
        json!({
            "file": file.path,
            "line": line,
            "column": column,
            "start": span.start,
            "end": span.end,
        })
    };
    report
        .findings
        .iter()
        .map(|finding| {
            let related: Vec<serde_json::Value> = finding
                .related
                .iter()
                .map(|(span, words)| json!({ "message": words, "at": place(span) }))
                .collect();
            json!({
                "code": finding.diagnostic.code,
                "message": finding.diagnostic.message,
                "hint": finding.diagnostic.hint,
                "place": finding.diagnostic.place.to_string(),
                "at": place(&finding.span),
                "related": related,
            })
        })
        .collect()
}
