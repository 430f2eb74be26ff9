//! Tokens that are runs of characters of one class, cut without a regular expression's machine.
//!
//! Most patterns that cut text say no more than that: `\b\w\w+\b`, `\w+`, `[a-z']+`, `.`. Invariant: the tokens are
//! those that the `regex` crate finds.

use regex_syntax::hir::{Class, ClassUnicode, Hir, HirKind, Look};

/// Runs of at least `least` characters of a class, cut after each `most`.
#[derive(Debug)]
pub(crate) struct Runs {
    least: usize,
    most: usize,
    /// A bit for each character of the basic multilingual plane.
    plane: Box<[u64]>,
    ascii: [bool; 128],
    /// The ranges of the class, rising.
    ranges: Vec<(char, char)>,
}

/// The characters of the basic multilingual plane: all but those of rare scripts and pictographs.
const PLANE: usize = 1 << 16;

impl Runs {
    /// What a pattern says, where it says no more than runs of one class.
    pub(crate) fn of(pattern: &str) -> Option<Self> {
        let pattern = regex_syntax::parse(pattern).ok()?;
        let items = match without_groups(&pattern).kind() {
            HirKind::Concat(items) => items.as_slice(),
            _ => std::slice::from_ref(&pattern),
        };
        let at_boundary = |item: Option<&Hir>, one_sided: Look| {
            item.is_some_and(|item| matches!(item.kind(), HirKind::Look(look) if *look == Look::WordUnicode || *look == one_sided))
        };
        let starts = at_boundary(items.first(), Look::WordStartUnicode);
        let ends = at_boundary(items.last(), Look::WordEndUnicode);
        let items = items.get(usize::from(starts)..items.len() - usize::from(ends))?;

        let mut class: Option<&ClassUnicode> = None;
        let (mut least, mut most) = (0usize, 0usize);
        for item in items {
            let (own, min, max) = repeated(without_groups(item))?;
            if class.is_some_and(|class| class != own) {
                return None;
            }
            class = Some(own);
            least = least.checked_add(min)?;
            most = most.saturating_add(max);
        }
        let class = class?;
        // A boundary cuts nothing off a whole run of word characters, and is elsewhere in the middle of other runs.
        if (starts || ends) && (most != usize::MAX || !is_word(class)) {
            return None;
        }
        Some(Self::new(class, least.max(1), most))
    }

    fn new(class: &ClassUnicode, least: usize, most: usize) -> Self {
        let ranges: Vec<(char, char)> = class.iter().map(|range| (range.start(), range.end())).collect();
        let mut plane = vec![0u64; PLANE / 64].into_boxed_slice();
        for (start, end) in &ranges {
            for code in *start as usize..=(*end as usize).min(PLANE - 1) {
                plane[code / 64] |= 1 << (code % 64);
            }
        }
        let ascii = std::array::from_fn(|code| plane[code / 64] >> (code % 64) & 1 == 1);
        Self { least, most, plane, ascii, ranges }
    }

    fn holds(&self, character: char) -> bool {
        let code = character as usize;
        if code < PLANE {
            return self.plane[code / 64] >> (code % 64) & 1 == 1;
        }
        let after = self.ranges.partition_point(|(start, _)| *start <= character);
        after > 0 && character <= self.ranges[after - 1].1
    }

    /// Whether the character at a byte is of the class, and its length in bytes; none at the text's end.
    #[inline]
    fn at(&self, text: &str, at: usize) -> Option<(bool, usize)> {
        let byte = *text.as_bytes().get(at)?;
        if byte < 128 {
            return Some((self.ascii[usize::from(byte)], 1));
        }
        text[at..].chars().next().map(|character| (self.holds(character), character.len_utf8()))
    }

    /// Calls `each` with the first `limit` tokens of the text.
    #[inline]
    pub(crate) fn tokens(&self, text: &str, limit: usize, mut each: impl FnMut(&str)) {
        let (mut start, mut count) = (0, 0);
        while count < limit {
            let (mut end, mut characters) = (start, 0);
            while characters < self.most
                && let Some((true, length)) = self.at(text, end)
            {
                end += length;
                characters += 1;
            }
            if characters >= self.least {
                each(&text[start..end]);
                count += 1;
                start = end;
                continue;
            }
            // Too short a run, or none, ends before a character that is not of the class.
            match self.at(text, end) {
                Some((_, length)) => start = end + length,
                None => return,
            }
        }
    }
}

fn without_groups(pattern: &Hir) -> &Hir {
    match pattern.kind() {
        HirKind::Capture(group) => without_groups(&group.sub),
        _ => pattern,
    }
}

/// A class, and how often it comes at least and at most.
fn repeated(item: &Hir) -> Option<(&ClassUnicode, usize, usize)> {
    match item.kind() {
        HirKind::Class(Class::Unicode(class)) => Some((class, 1, 1)),
        HirKind::Repetition(of) if of.greedy => {
            let HirKind::Class(Class::Unicode(class)) = without_groups(&of.sub).kind() else { return None };
            Some((class, of.min as usize, of.max.map_or(usize::MAX, |max| max as usize)))
        }
        _ => None,
    }
}

/// Whether a class is that of word characters, by which boundaries go.
fn is_word(class: &ClassUnicode) -> bool {
    let word = regex_syntax::parse(r"\w");
    word.is_ok_and(|word| matches!(word.kind(), HirKind::Class(Class::Unicode(word)) if word == class))
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;
    use regex::Regex;

    use super::*;

    const RUNS: [&str; 14] = [
        r"\b\w\w+\b",
        r"(?u)\b\w\w+\b",
        r"\b(\w+)\b",
        r"\w+",
        r"\w*",
        r"\w{3,}",
        r"\w{2,3}",
        r"\w\w",
        r".",
        r"\S+",
        r"(?i)[a-c']+",
        r"[^\s\p{P}]+",
        r"\p{L}+",
        r"\b{start}\w+\b{end}",
    ];

    const OTHERS: [&str; 9] =
        ["a+", r"\w+?", r"\b\S+\b", r"\b\w\b", r"\w+|\d", r"\w+\s", "[a-z]+$", r"\w\d+", "("];

    static BOTH: LazyLock<Vec<(Runs, Regex)>> = LazyLock::new(|| {
        RUNS.iter().map(|pattern| (Runs::of(pattern).unwrap(), Regex::new(pattern).unwrap())).collect()
    });

    fn tokens(runs: &Runs, text: &str, limit: usize) -> Vec<String> {
        let mut tokens = Vec::new();
        runs.tokens(text, limit, |token| tokens.push(token.to_owned()));
        tokens
    }

    fn found(regex: &Regex, text: &str, limit: usize) -> Vec<String> {
        let found = regex.find_iter(text).filter(|found| !found.is_empty());
        found.take(limit).map(|found| found.as_str().to_owned()).collect()
    }

    #[test]
    fn other_patterns_are_left_to_the_regex() {
        for pattern in OTHERS {
            assert!(Runs::of(pattern).is_none(), "{pattern}");
        }
    }

    #[test]
    fn every_word_character_is_one() {
        let text: String = ('\0'..=char::MAX).flat_map(|character| ['a', character, ' ']).collect();
        let (runs, regex) = &BOTH[0];
        assert!(tokens(runs, &text, usize::MAX) == found(regex, &text, usize::MAX));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]
        #[test]
        fn tokens_are_those_of_the_regex(
            text in r"(\PC|[a-eA-E'_0-9 .\n\u{301}\u{200d}\u{1c}é中🙂𐍈]){0,60}",
            limit in 0usize..40,
        ) {
            for (runs, regex) in BOTH.iter() {
                prop_assert_eq!(tokens(runs, &text, limit), found(regex, &text, limit), "{}", regex);
            }
        }
    }
}
