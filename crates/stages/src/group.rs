//! Chains that several columns of a `preprocess` stage share.

use std::collections::{BTreeMap, BTreeSet};

use data::{CellType, Step};
use plan::Diagnostic;
use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::{Context, SourceFact};
use crate::preprocess::{Chain, Preprocess};

/// Columns that share a chain of steps: those of a list, or those that a pattern matches and that are of a type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Group {
    /// The columns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// A regular expression that matches the columns' names as a whole: `num_.*`. The label, the column that names
    /// the rows, that of the split and columns that have a chain already are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// Columns of this type, with a `pattern` only those that it matches too; the same are left out as there. Parquet
    /// and Arrow files say the type; elsewhere the first 100 rows of the source's first file do, where a column may not
    /// be empty.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub cells: Option<CellType>,
    /// The chain of steps, fitted for each column by itself.
    pub steps: Vec<Step>,
}

/// A column of a group.
struct Member<'a> {
    group: usize,
    name: &'a str,
    /// Its place in the group's list; none where it was found by its name or type.
    listed: Option<usize>,
}

/// A pattern that matches whole names.
fn whole(pattern: &str) -> Result<Regex, regex::Error> {
    // By itself first: `a)(b` is no expression, `^(?:a)(b)$` is one.
    Regex::new(pattern)?;
    Regex::new(&format!("^(?:{pattern})$"))
}

impl Group {
    /// Whether columns are found by their names or types.
    fn finds(&self) -> bool {
        self.pattern.is_some() || self.cells.is_some()
    }

    /// The key by which columns are found.
    fn key(&self) -> &'static str {
        if self.pattern.is_some() { "pattern" } else { "type" }
    }
}

impl Preprocess {
    /// Whether a group finds its columns by their type.
    pub fn needs_types(&self) -> bool {
        self.group.iter().any(|group| group.cells.is_some())
    }

    /// The chain of every column that this stage encodes itself, of a table with these columns (under their new names)
    /// and these types (under the old ones).
    pub fn chains(
        &self,
        header: &[String],
        types: &BTreeMap<String, CellType>,
        taken: &BTreeSet<String>,
    ) -> BTreeMap<String, Vec<Step>> {
        let of_groups = self.members(header, types, taken).into_iter();
        let mut chains: BTreeMap<_, _> = of_groups
            .map(|member| (member.name.to_owned(), self.group[member.group].steps.clone()))
            .collect();
        chains.extend(self.columns.clone());
        chains
    }

    /// The columns of the groups. What is found by name or type has no chain and is in no earlier group.
    fn members<'a>(
        &'a self,
        header: &'a [String],
        types: &BTreeMap<String, CellType>,
        taken: &BTreeSet<String>,
    ) -> Vec<Member<'a>> {
        let mut members: Vec<Member<'a>> = vec![];
        for (group, of) in self.group.iter().enumerate() {
            let listed = of.columns.iter().enumerate();
            members.extend(listed.map(|(at, name)| Member { group, name, listed: Some(at) }));
            let pattern = match of.pattern.as_deref().map(whole) {
                Some(Ok(pattern)) => Some(pattern),
                None if of.cells.is_some() => None,
                Some(Err(_)) | None => continue,
            };
            for name in header.iter().filter(|name| pattern.as_ref().is_none_or(|own| own.is_match(name))) {
                let is_of_type = of.cells.is_none_or(|cells| types.get(self.original(name)) == Some(&cells));
                let has = self.columns.contains_key(name) || members.iter().any(|member| member.name == name);
                if is_of_type && !has && !taken.contains(name) {
                    members.push(Member { group, name, listed: None });
                }
            }
        }
        members
    }

    /// Adds the groups' chains to those of single columns, each by its column; reports groups that name no columns, or
    /// some that have a chain.
    pub(crate) fn add_groups<'a>(
        &'a self,
        own: &mut BTreeMap<String, Chain<'a>>,
        source: &SourceFact,
        taken: &BTreeSet<String>,
        context: &mut Context<'_>,
    ) {
        let header = self.header(source);
        let members = self.members(&header, &source.types, taken);
        let mut typed = BTreeSet::new();
        for member in &members {
            let group = &self.group[member.group];
            let place = context.inside(["group".into(), member.group.into()]);
            let named = match member.listed {
                Some(at) => place.join("columns").join(at),
                None => place.join(group.key()),
            };
            if own.contains_key(member.name) {
                let message = format!("`{}` has a chain already", member.name);
                let hint = "a column has one chain: name it once";
                context.report(Diagnostic::new("column-twice", named, message).hint(hint));
                continue;
            }
            let first = typed.insert(member.group);
            let chain = Chain { steps: &group.steps, named, key: false, place: place.join("steps"), first };
            own.insert(member.name.to_owned(), chain);
        }
        for (at, group) in self.group.iter().enumerate() {
            let is_empty = !members.iter().any(|member| member.group == at);
            self.check_group(at, group, is_empty && source.columns.is_some(), &header, context);
        }
    }

    /// Reports a group that does not say its columns, or, where it `is_empty`, has found none.
    fn check_group(
        &self,
        at: usize,
        group: &Group,
        is_empty: bool,
        header: &[String],
        context: &mut Context<'_>,
    ) {
        let place = context.inside(["group".into(), at.into()]);
        let wrong = group.pattern.as_deref().and_then(|pattern| Some((pattern, whole(pattern).err()?)));
        let (message, hint, place) = if group.finds() && !group.columns.is_empty() {
            let message = format!("the group has both `columns` and `{}`", group.key());
            (message, "keep one of them; a second group can have the same steps".to_owned(), place)
        } else if !group.finds() && group.columns.is_empty() {
            let hint =
                "say which: columns = [\"size\", \"weight\"], pattern = \"num_.*\" or type = \"number\"";
            ("the group names no columns".to_owned(), hint.to_owned(), place)
        } else if let Some((pattern, error)) = wrong {
            let text = error.to_string();
            let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
            let message = format!("`{pattern}` is not a regular expression: {reason}");
            let hint = "the syntax is that of the regex crate: no look-around, no back-references";
            (message, hint.to_owned(), place.join("pattern"))
        } else if group.finds() && is_empty {
            let matches = group.pattern.iter().map(|own| format!("that `{own}` matches as a whole"));
            let holds = group.cells.iter().map(|cells| format!("that holds {}", cells.in_words()));
            let which: Vec<String> = matches.chain(holds).collect();
            let message = format!("no column is left {}", which.join(" and "));
            (message, format!("`{}` has {}", self.data, header.join(", ")), place.join(group.key()))
        } else {
            return;
        };
        context.report(Diagnostic::new("group-columns", place, message).hint(hint));
    }
}
