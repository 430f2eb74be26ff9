//! What the text steps and the tokenizers do to one cell.
//!
//! Pure functions of the cell; the expected results are those of Python's `str` and `re`.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

use crate::category::place;
use crate::runs::Runs;
use crate::step::{Impute, Step, Tokenize};

/// A text step that is ready to run.
#[derive(Debug)]
pub(crate) enum TextStep {
    Nothing,
    Impute(String),
    Lowercase,
    StripHtml,
    Replace(Regex, String),
    /// Cells, sorted by their bytes; every other becomes `<unk>`.
    Frequent(Vec<String>),
}

/// A tokenizer that is ready to run.
#[derive(Debug)]
pub(crate) enum Tokenizer {
    Whitespace,
    Punctuation,
    Runs(Runs),
    Regex(Regex),
}

impl TextStep {
    /// The runnable form of a step on text that learns nothing; other steps do nothing to text.
    pub(crate) fn new(step: &Step) -> Result<Self, regex::Error> {
        Ok(match step {
            Step::Impute(Impute::Text(with)) => Self::Impute(with.clone()),
            Step::Lowercase => Self::Lowercase,
            Step::StripHtml => Self::StripHtml,
            Step::Replace(replace) => Self::Replace(Regex::new(&replace.pattern)?, replace.with.clone()),
            _ => Self::Nothing,
        })
    }

    fn run<'a>(&'a self, text: Cow<'a, str>) -> Cow<'a, str> {
        match self {
            Self::Nothing => text,
            Self::Frequent(cells) if place(cells, &text).is_some() => text,
            Self::Frequent(_) => Cow::Borrowed("<unk>"),
            Self::Impute(with) if text.is_empty() => Cow::Borrowed(with),
            Self::Impute(_) => text,
            Self::Lowercase if text.is_ascii() => {
                if !text.bytes().any(|byte| byte.is_ascii_uppercase()) {
                    return text;
                }
                let mut text = text.into_owned();
                text.make_ascii_lowercase();
                Cow::Owned(text)
            }
            Self::Lowercase => Cow::Owned(text.to_lowercase()),
            Self::StripHtml if memchr::memchr2(b'<', b'&', text.as_bytes()).is_none() => text,
            Self::StripHtml => Cow::Owned(strip_html(&text)),
            Self::Replace(pattern, with) => match pattern.replace_all(&text, with) {
                Cow::Borrowed(_) => text,
                Cow::Owned(text) => Cow::Owned(text),
            },
        }
    }
}

/// The cell after all the steps, in order.
pub(crate) fn clean<'a>(steps: &'a [TextStep], cell: &'a str) -> Cow<'a, str> {
    steps.iter().fold(Cow::Borrowed(cell), |text, step| step.run(text))
}

impl Tokenizer {
    pub(crate) fn new(tokenize: &Tokenize) -> Result<Self, regex::Error> {
        Ok(match tokenize {
            Tokenize::Whitespace => Self::Whitespace,
            Tokenize::Punctuation => Self::Punctuation,
            Tokenize::Regex(pattern) => match Runs::of(pattern) {
                Some(runs) => Self::Runs(runs),
                None => Self::Regex(Regex::new(pattern)?),
            },
        })
    }

    /// Calls `each` with the first `limit` tokens of the text.
    pub(crate) fn tokens(&self, text: &str, limit: usize, mut each: impl FnMut(&str)) {
        match self {
            Self::Whitespace => {
                text.split(is_space).filter(|token| !token.is_empty()).take(limit).for_each(each);
            }
            Self::Runs(runs) => runs.tokens(text, limit, each),
            Self::Regex(pattern) => pattern
                .find_iter(text)
                .filter(|found| !found.is_empty())
                .take(limit)
                .for_each(|found| each(found.as_str())),
            Self::Punctuation => {
                let (mut rest, mut count) = (text, 0);
                while count < limit {
                    let (kind, length) = class(rest);
                    let end = match kind {
                        Class::End => return,
                        Class::Space => {
                            rest = &rest[length..];
                            continue;
                        }
                        Class::Mark => length,
                        Class::Word => word_end(rest, length),
                    };
                    let (token, after) = rest.split_at(end);
                    each(token);
                    (rest, count) = (after, count + 1);
                }
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Space,
    Word,
    Mark,
    End,
}

const ASCII: [Class; 128] = {
    let mut classes = [Class::Mark; 128];
    let mut at = 0;
    while at < 128 {
        let byte = at as u8;
        if byte.is_ascii_alphanumeric() || byte == b'_' {
            classes[at] = Class::Word;
        } else if matches!(byte, 9..=13 | 28..=32) {
            classes[at] = Class::Space;
        }
        at += 1;
    }
    classes
};

/// The class of the text's first character and its length in bytes.
#[inline]
fn class(text: &str) -> (Class, usize) {
    match text.as_bytes().first() {
        None => (Class::End, 0),
        Some(&byte) if byte < 128 => (ASCII[usize::from(byte)], 1),
        Some(_) => text.chars().next().map_or((Class::End, 0), |first| (wide_class(first), first.len_utf8())),
    }
}

#[inline]
fn word_end(text: &str, from: usize) -> usize {
    let bytes = text.as_bytes();
    let mut at = from;
    while at < bytes.len() {
        if bytes[at] < 128 {
            if ASCII[usize::from(bytes[at])] != Class::Word {
                break;
            }
            at += 1;
        } else {
            match class(&text[at..]) {
                (Class::Word, length) => at += length,
                _ => break,
            }
        }
    }
    at
}

fn wide_class(character: char) -> Class {
    if is_space(character) {
        Class::Space
    } else if is_word(character) {
        Class::Word
    } else {
        Class::Mark
    }
}

/// Python's `str.isspace`: Unicode white space and the four information separators.
pub(crate) fn is_space(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{1c}'..='\u{1f}')
}

/// Python's `\w`: letters and numbers of every kind, not the combining marks that Rust counts as alphanumeric.
fn is_word(character: char) -> bool {
    static WORD: LazyLock<Vec<(char, char)>> = LazyLock::new(|| {
        let class = regex_syntax::parse(r"[\p{L}\p{N}_]").map(regex_syntax::hir::Hir::into_kind);
        match class {
            Ok(regex_syntax::hir::HirKind::Class(regex_syntax::hir::Class::Unicode(class))) => {
                class.iter().map(|range| (range.start(), range.end())).collect()
            }
            _ => Vec::new(),
        }
    });
    let after = WORD.partition_point(|(start, _)| *start <= character);
    after > 0 && character <= WORD[after - 1].1
}

/// Tags, comments and declarations become a space; the common character references become their characters. A
/// `<` that starts no tag stays.
fn strip_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    // Once nothing closes a tag any more, nothing does later: without this, `<a<a<a...` would take forever.
    let (mut tags_close, mut comments_close) = (true, true);
    while let Some(at) = memchr::memchr2(b'<', b'&', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some((character, length)) = reference(rest) {
            out.push(character);
            rest = &rest[length..];
            continue;
        }
        let end = if rest.starts_with("<!--") {
            let end = comments_close.then(|| rest.find("-->")).flatten().map(|end| end + 3);
            comments_close = end.is_some();
            end
        } else if rest.starts_with('<')
            && rest[1..].starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?'))
        {
            let end = tags_close.then(|| rest.find('>')).flatten().map(|end| end + 1);
            tags_close = end.is_some();
            end
        } else {
            None
        };
        match end {
            Some(end) => {
                out.push(' ');
                rest = &rest[end..];
            }
            None => {
                out.push_str(&rest[..1]);
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// The character that a reference at the text's start stands for, and the reference's length.
fn reference(text: &str) -> Option<(char, usize)> {
    let body = text.strip_prefix('&')?;
    let end = body.bytes().take(10).position(|byte| byte == b';')?;
    let name = &body[..end];
    let character = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)?
        }
    };
    Some((character, end + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(tokenize: &Tokenize, text: &str) -> Vec<String> {
        let mut tokens = Vec::new();
        Tokenizer::new(tokenize).unwrap().tokens(text, usize::MAX, |token| tokens.push(token.to_owned()));
        tokens
    }

    /// Made by CPython 3.11: `re.findall(r"\w+|[^\w\s]", text)`.
    #[test]
    fn punctuation_as_python_finds_it() {
        let cases: &[(&str, &[&str])] = &[
            ("Hello, world! It's 3.14.", &["Hello", ",", "world", "!", "It", "'", "s", "3", ".", "14", "."]),
            ("naïve café—déjà vu…", &["naïve", "café", "—", "déjà", "vu", "…"]),
            ("snake_case x__y _", &["snake_case", "x__y", "_"]),
            ("日本語テキスト。東京", &["日本語テキスト", "。", "東京"]),
            ("Привет, мир!", &["Привет", ",", "мир", "!"]),
            ("हिन्दी शब्द", &["ह", "ि", "न", "्", "द", "ी", "शब", "्", "द"]),
            ("a\u{301}b e\u{301}", &["a", "\u{301}", "b", "e", "\u{301}"]),
            ("Ⅻ ² ½ ①", &["Ⅻ", "²", "½", "①"]),
            ("Ⓐ ☃ 🙂👍🏽", &["Ⓐ", "☃", "🙂", "👍", "🏽"]),
            ("x\u{200b}y\u{a0}z\u{3000}w\u{1c}v\u{85}u", &["x", "\u{200b}", "y", "z", "w", "v", "u"]),
            ("İstanbul ǅ ß", &["İstanbul", "ǅ", "ß"]),
            ("١٢٣ ४५", &["١٢٣", "४५"]),
            ("rock'n'roll -- \"q\"", &["rock", "'", "n", "'", "roll", "-", "-", "\"", "q", "\""]),
            ("#tag http://a.b?c=d", &["#", "tag", "http", ":", "/", "/", "a", ".", "b", "?", "c", "=", "d"]),
            ("ª º µ ·", &["ª", "º", "µ", "·"]),
            ("\u{203f}\u{2040}", &["\u{203f}", "\u{2040}"]),
            ("𝟙𝟚 𐍈", &["𝟙𝟚", "𐍈"]),
            (" ", &[]),
            ("", &[]),
            ("a\n\tb\r\nc", &["a", "b", "c"]),
        ];
        for (text, expected) in cases {
            assert_eq!(tokens(&Tokenize::Punctuation, text), *expected, "{text}");
        }
    }

    #[test]
    fn other_tokenizers() {
        assert_eq!(tokens(&Tokenize::Whitespace, " a  b\u{1c}c\u{a0}d,e\n"), ["a", "b", "c", "d,e"]);
        assert_eq!(tokens(&Tokenize::Regex("[a-z]+".into()), "ab1c"), ["ab", "c"]);
        let mut count = 0;
        Tokenizer::Punctuation.tokens("a.b.c", 3, |_| count += 1);
        assert_eq!(count, 3);
    }

    #[test]
    fn html_goes() {
        assert_eq!(strip_html("a<br />b<!-- x > y -->c"), "a b c");
        assert_eq!(strip_html("1 < 2 <3 &amp; R&D &#39;x&#x27; <b"), "1 < 2 <3 & R&D 'x' <b");
        assert_eq!(strip_html("&lt;b&gt; é&é;<i>"), "<b> é&é; ");
        assert_eq!(strip_html(&"<a".repeat(100_000)).len(), 200_000);
    }

    #[test]
    fn steps_run_in_order() {
        let steps = [TextStep::Impute("NULL".into()), TextStep::Lowercase];
        assert_eq!(clean(&steps, ""), "null");
        assert_eq!(clean(&steps, "ÀB ΟΔΟΣ"), "àb οδος");
        let replace = [TextStep::Replace(Regex::new("(a)b").unwrap(), "$1-".into())];
        assert_eq!(clean(&replace, "xabab"), "xa-a-");
    }
}
