//! `[matrix]` and `[folds]` as axes: names with the values that each takes.

use std::collections::{BTreeMap, BTreeSet};

use plan::{Diagnostic, Place, Segment, Variant};

use crate::tree::{Data, Node};
use crate::vars::{self, MATRIX, Vars};

/// Most values of an axis.
pub(crate) const MOST_VALUES: usize = 1000;
/// The axis that `[folds]` makes.
pub(crate) const FOLD: &str = "fold";
/// The axis that is the recipe's seed where nothing else takes it.
pub(crate) const SEED: &str = "seed";
/// The key of `[matrix]` that is no axis.
const EXCLUDE: &str = "exclude";

/// Everything that a sweep goes over, in the order of the recipe, folds last.
#[derive(Debug, Default)]
pub(crate) struct Axes {
    axes: Vec<Axis>,
    excluded: Vec<Assignment>,
}

#[derive(Debug)]
pub(crate) struct Axis {
    pub(crate) name: String,
    pub(crate) values: Vec<Value>,
    pub(crate) place: Place,
}

#[derive(Debug)]
pub(crate) struct Value {
    /// What names say: `0.01`.
    pub(crate) label: String,
    data: Data,
    pub(crate) place: Place,
}

impl Axis {
    /// The value that has this label.
    pub(crate) fn value(&self, label: &str) -> Option<usize> {
        self.values.iter().position(|value| value.label == label)
    }
}

/// A value for each of some axes, by their positions.
pub(crate) type Assignment = BTreeMap<usize, usize>;

impl Axes {
    /// The axes that a recipe declares. What is not of the right type is reported with the recipe's other keys, and
    /// stands here as a value that is not known.
    pub(crate) fn declared(root: &Node, vars: &Vars, diagnostics: &mut Vec<Diagnostic>) -> Self {
        let mut axes = Axes::default();
        let matrix = Place(vec!["matrix".into()]);
        let mut entries: Vec<(&String, &Node)> =
            root.get("matrix").and_then(Node::table).into_iter().flatten().collect();
        entries.sort_by_key(|(_, node)| node.key.as_ref().map(|key| (key.file, key.start)));
        for (name, node) in entries.into_iter().filter(|(name, _)| *name != EXCLUDE) {
            let place = matrix.join(name.as_str());
            if let Some((message, hint)) = unfit(name, vars, root) {
                diagnostics.push(Diagnostic::new("axis", place, message).at_key().hint(hint));
                continue;
            }
            let values = values(name, node, &place, diagnostics);
            axes.axes.push(Axis { name: name.clone(), values, place });
        }
        if let Some(folds) = root.get("folds").and_then(Node::table) {
            let place = Place(vec!["folds".into()]);
            let count = match folds.get("k").map(|k| &k.data) {
                Some(Data::Integer(k @ 2..)) => usize::try_from(*k).unwrap_or(usize::MAX),
                _ => 1,
            };
            let count = fitting(count, &place.join("k"), diagnostics);
            let value = |fold: usize| Value {
                label: fold.to_string(),
                data: Data::Integer(fold as i128),
                place: place.join("k"),
            };
            axes.axes.push(Axis { name: FOLD.to_owned(), values: (0..count).map(value).collect(), place });
        }
        if let Some(exclude) = root.get("matrix").and_then(|matrix| matrix.get(EXCLUDE)) {
            axes.exclude(exclude, &matrix.join(EXCLUDE), diagnostics);
        }
        axes
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Axis> {
        self.axes.iter()
    }

    pub(crate) fn axis(&self, position: usize) -> &Axis {
        &self.axes[position]
    }

    /// The position of an axis by its name, or by what names it in strings.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        let name = name.strip_prefix(MATRIX).unwrap_or(name);
        self.axes.iter().position(|axis| axis.name == name)
    }

    /// Axes that the strings of a value name.
    pub(crate) fn mentioned(&self, node: &Node) -> BTreeSet<usize> {
        vars::mentioned(node).iter().filter_map(|name| self.position(name)).collect()
    }

    /// Whether a combination was excluded.
    pub(crate) fn excludes(&self, assignment: &Assignment) -> bool {
        let holds =
            |excluded: &Assignment| excluded.iter().all(|(axis, value)| assignment.get(axis) == Some(value));
        self.excluded.iter().any(holds)
    }

    /// How many combinations of values these axes have.
    pub(crate) fn combinations(&self, axes: &BTreeSet<usize>) -> usize {
        axes.iter().map(|&axis| self.axes[axis].values.len()).fold(1, usize::saturating_mul)
    }

    /// All values of these axes with each other, the last axis first to change.
    pub(crate) fn product(&self, axes: &BTreeSet<usize>) -> impl Iterator<Item = Assignment> {
        let mut radices: Vec<(usize, usize)> =
            axes.iter().map(|&axis| (axis, self.axes[axis].values.len())).collect();
        let count = self.combinations(axes);
        radices.reverse();
        (0..count).map(move |mut number| {
            let digit = |&(axis, values): &(usize, usize)| {
                let value = number % values;
                number /= values;
                (axis, value)
            };
            radices.iter().map(digit).collect()
        })
    }

    /// `train@lr=0.01@fold=2`.
    pub(crate) fn name(&self, of: &str, assignment: &Assignment) -> String {
        let axes = assignment.iter().map(|(&axis, &value)| {
            let axis = &self.axes[axis];
            (axis.name.as_str(), axis.values[value].label.as_str())
        });
        Variant { of, axes: axes.collect() }.to_string()
    }

    /// What a name says of axes; nothing of those that are not known.
    pub(crate) fn assignment(&self, name: &str) -> Assignment {
        let axes = Variant::parse(name).axes.into_iter();
        axes.filter_map(|(axis, label)| {
            let axis = self.position(axis)?;
            Some((axis, self.axes[axis].value(label)?))
        })
        .collect()
    }

    /// The recipe's variables and the values of these axes.
    pub(crate) fn vars(&self, vars: &Vars, assignment: &Assignment) -> Vars {
        let mut vars = vars.clone();
        for (&axis, &value) in assignment {
            let axis = &self.axes[axis];
            let data = &axis.values[value].data;
            vars.insert(axis.name.clone(), data.clone());
            vars.insert(format!("{MATRIX}{}", axis.name), data.clone());
        }
        vars
    }

    /// The recipe's variables, and the axes with a value that is not known.
    pub(crate) fn vars_without_value(&self, vars: &Vars) -> Vars {
        let names = self.axes.iter().flat_map(|axis| [axis.name.clone(), format!("{MATRIX}{}", axis.name)]);
        vars.clone().into_iter().chain(names.map(|name| (name, Data::Broken))).collect()
    }

    fn exclude(&mut self, node: &Node, place: &Place, diagnostics: &mut Vec<Diagnostic>) {
        let Data::Array(elements) = &node.data else { return };
        for (at, element) in elements.iter().enumerate() {
            let mut excluded = Assignment::new();
            for (name, node) in element.table().into_iter().flatten() {
                let place = place.join(at).join(name.as_str());
                let Some(axis) = self.position(name).filter(|_| !name.starts_with(MATRIX)) else {
                    let near = network::nearest(name, self.axes.iter().map(|axis| axis.name.as_str()));
                    let message = format!("there is no axis `{name}`");
                    let mut diagnostic = Diagnostic::new("axis", place, message).at_key();
                    diagnostic.hint = near.map(|near| format!("did you mean `{near}`?"));
                    diagnostics.push(diagnostic);
                    continue;
                };
                match self.axes[axis].value(&label(&node.data)) {
                    Some(value) => drop(excluded.insert(axis, value)),
                    None => {
                        let labels: Vec<&str> =
                            self.axes[axis].values.iter().map(|value| value.label.as_str()).collect();
                        let message = format!("`{name}` does not take this value");
                        let hint = format!("it takes {}", labels.join(", "));
                        diagnostics.push(Diagnostic::new("axis", place, message).hint(hint));
                    }
                }
            }
            // An empty table excludes nothing rather than all.
            if !excluded.is_empty() {
                self.excluded.push(excluded);
            }
        }
    }
}

/// Why an axis cannot be called so, and what to do.
fn unfit(name: &str, vars: &Vars, root: &Node) -> Option<(String, &'static str)> {
    if !vars::is_name(name) {
        let hint = "use letters, digits, `-` and `_`, with a letter first";
        return Some((format!("`{name}` cannot name an axis"), hint));
    }
    if vars.contains_key(name) {
        return Some((format!("`{name}` is already a variable"), "take it out of [vars]"));
    }
    if name == FOLD && root.get("folds").is_some() {
        return Some((format!("`{FOLD}` is already the axis of [folds]"), "give this axis another name"));
    }
    None
}

fn values(name: &str, node: &Node, place: &Place, diagnostics: &mut Vec<Diagnostic>) -> Vec<Value> {
    let unknown = || vec![Value { label: "?".to_owned(), data: Data::Broken, place: place.clone() }];
    let Data::Array(elements) = &node.data else { return unknown() };
    if elements.is_empty() {
        return unknown();
    }
    let count = fitting(elements.len(), place, diagnostics);
    let mut values: Vec<Value> = vec![];
    for (at, element) in elements.iter().enumerate().take(count) {
        let place = place.join(Segment::Index(at));
        let label = label(&element.data);
        if let Some(same) = values.iter().find(|value| value.label == label && label != "?") {
            let message = format!("`{name}` has two values that are called {label}");
            let diagnostic = Diagnostic::new("axis", place.clone(), message);
            diagnostics.push(diagnostic.related(same.place.clone(), "the first"));
            continue;
        }
        values.push(Value { label, data: scalar(&element.data), place });
    }
    values
}

/// As many values as an axis may have; one where there are too many, which is reported.
fn fitting(count: usize, place: &Place, diagnostics: &mut Vec<Diagnostic>) -> usize {
    if count <= MOST_VALUES {
        return count;
    }
    let message = format!("an axis has at most {MOST_VALUES} values, and this has {count}");
    let hint = "split the sweep: run a coarse one first, then one around its best";
    diagnostics.push(Diagnostic::new("sweep-size", place.clone(), message).hint(hint));
    1
}

fn scalar(data: &Data) -> Data {
    match data {
        Data::String(_) | Data::Integer(_) | Data::Float(_) | Data::Boolean(_) => data.clone(),
        _ => Data::Broken,
    }
}

/// What names say of a value: numbers in their shortest form, of texts what a name can hold.
fn label(data: &Data) -> String {
    let text = match data {
        Data::Float(float) if *float != 0.0 && !(1e-4..1e6).contains(&float.abs()) => format!("{float:e}"),
        other => vars::plain(other),
    };
    let fits = |char: char| char.is_alphanumeric() || matches!(char, '.' | '-' | '_' | '+');
    let label: String = text.chars().map(|char| if fits(char) { char } else { '-' }).collect();
    if label.is_empty() { "?".to_owned() } else { label }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_short_and_fit_names() {
        let cases = [
            (Data::Float(0.01), "0.01"),
            (Data::Float(1e-5), "1e-5"),
            (Data::Float(-2.5e7), "-2.5e7"),
            (Data::Float(0.0), "0"),
            (Data::Integer(64), "64"),
            (Data::Boolean(true), "true"),
            (Data::String("a b/c@d".into()), "a-b-c-d"),
            (Data::Broken, "?"),
        ];
        for (data, wanted) in cases {
            assert_eq!(label(&data), wanted);
        }
    }

    #[test]
    fn a_product_has_every_combination_once() {
        let axis = |name: &str, values: usize| Axis {
            name: name.into(),
            values: (0..values)
                .map(|value| Value { label: value.to_string(), data: Data::Broken, place: Place::default() })
                .collect(),
            place: Place::default(),
        };
        let axes = Axes { axes: vec![axis("a", 2), axis("b", 3), axis("c", 4)], excluded: vec![] };
        let names = |of: &[usize]| -> Vec<String> {
            axes.product(&of.iter().copied().collect())
                .map(|assignment| axes.name("s", &assignment))
                .collect()
        };
        assert_eq!(names(&[]), ["s"]);
        assert_eq!(names(&[0, 1])[..4], ["s@a=0@b=0", "s@a=0@b=1", "s@a=0@b=2", "s@a=1@b=0"]);
        let all: BTreeSet<String> = names(&[0, 1, 2]).into_iter().collect();
        assert_eq!(all.len(), 24);
    }
}
