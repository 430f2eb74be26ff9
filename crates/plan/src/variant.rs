//! Names of what a sweep multiplies: `train@lr=0.01@fold=2` is the stage `train` with `lr` 0.01 on fold 2.
//!
//! Declared names hold no `@`, so that a name says by itself what it is a variant of.

use std::collections::BTreeMap;
use std::fmt;

/// A name taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Variant<'n> {
    /// The name as declared.
    pub of: &'n str,
    /// Axes and their values in the order of the name; none for what no sweep multiplies.
    pub axes: Vec<(&'n str, &'n str)>,
}

impl<'n> Variant<'n> {
    /// Takes a name apart; what has not the form of an axis stays with the declared name.
    pub fn parse(name: &'n str) -> Self {
        let (mut of, mut axes) = (name, vec![]);
        while let Some((before, axis)) = of.rsplit_once('@') {
            let Some((axis, value)) = axis.split_once('=') else { break };
            axes.insert(0, (axis, value));
            of = before;
        }
        Variant { of, axes }
    }

    /// Whether `other` is of the same declaration and has all of these values.
    pub fn covers(&self, other: &Variant<'_>) -> bool {
        self.of == other.of && self.axes.iter().all(|axis| other.axes.contains(axis))
    }
}

impl fmt::Display for Variant<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.of)?;
        self.axes.iter().try_for_each(|(axis, value)| write!(f, "@{axis}={value}"))
    }
}

/// All variants of one declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group<'n> {
    /// The name as declared.
    pub of: &'n str,
    /// The variants' names; the declared one alone where no sweep multiplies it.
    pub names: Vec<&'n str>,
    /// Axes with the values that they take, each in the order in which the names have them.
    pub axes: Vec<(&'n str, Vec<&'n str>)>,
}

impl<'n> Group<'n> {
    /// Names by declaration, in the order of the first of each.
    pub fn of_names(names: impl IntoIterator<Item = &'n str>) -> Vec<Self> {
        let mut groups: Vec<Group<'n>> = vec![];
        let mut known: BTreeMap<&str, usize> = BTreeMap::new();
        for name in names {
            let Variant { of, axes } = Variant::parse(name);
            let at = *known.entry(of).or_insert(groups.len());
            if at == groups.len() {
                groups.push(Group { of, names: vec![], axes: vec![] });
            }
            let group = &mut groups[at];
            group.names.push(name);
            for (axis, value) in axes {
                match group.axes.iter_mut().find(|(known, _)| *known == axis) {
                    Some((_, values)) if values.contains(&value) => {}
                    Some((_, values)) => values.push(value),
                    None => group.axes.push((axis, vec![value])),
                }
            }
        }
        groups
    }

    /// Whether a sweep has made this.
    pub fn is_swept(&self) -> bool {
        !self.axes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_grouped_by_declaration() {
        let groups = Group::of_names(["a", "b@x=1@y=1", "c@y=1", "b@x=1@y=2", "b@x=2@y=1"]);
        let of: Vec<&str> = groups.iter().map(|group| group.of).collect();
        assert_eq!(of, ["a", "b", "c"]);
        assert_eq!(groups[1].names.len(), 3);
        assert_eq!(groups[1].axes, [("x", vec!["1", "2"]), ("y", vec!["1", "2"])]);
        assert!(!groups[0].is_swept() && groups[2].is_swept());
    }

    #[test]
    fn names_are_taken_apart_and_put_together() {
        let variant = Variant::parse("train@lr=0.01@fold=2");
        assert_eq!((variant.of, &variant.axes[..]), ("train", &[("lr", "0.01"), ("fold", "2")][..]));
        assert_eq!(variant.to_string(), "train@lr=0.01@fold=2");
        assert_eq!(Variant::parse("me@home").of, "me@home");
        assert!(Variant::parse("train").covers(&variant) && Variant::parse("train@fold=2").covers(&variant));
        assert!(!Variant::parse("train@fold=1").covers(&variant) && !Variant::parse("test").covers(&variant));
    }
}
