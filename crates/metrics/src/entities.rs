//! Entities that tags of words spell.

use std::ops::Range;

/// A set of tags, and what each of them says of its word.
///
/// Where all are `O` or start with `B`, `I`, `E` or `S`, alone or with a type behind `-`, they spell entities: IOB1, IOB2
/// and BIOES. Others, such as parts of speech, speak of one word each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagSet {
    tags: Vec<String>,
    /// By tag, where tags spell entities.
    marks: Option<Vec<Mark>>,
    /// Types of entities, in order.
    types: Vec<String>,
}

/// What a tag says: the place in an entity, and the entity's type; of `O` no type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    place: Place,
    kind: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Outside,
    Begin,
    Inside,
    End,
    Single,
}

/// Words that tags call an entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entity {
    /// Its type, by its place among the names of the set.
    pub kind: usize,
    /// Its words in their text.
    pub words: Range<usize>,
}

const OUTSIDE: &str = "O";
/// The type of tags that say none, as seqeval calls it.
const UNTYPED: &str = "_";

impl TagSet {
    /// The tags by index.
    pub fn new(tags: &[String]) -> Self {
        let spelt: Option<Vec<(Place, Option<&str>)>> = tags.iter().map(|tag| spelt(tag)).collect();
        let spelt =
            spelt.filter(|all| all.iter().any(|(place, _)| matches!(place, Place::Begin | Place::Inside)));
        let mut types: Vec<&str> = spelt.iter().flatten().filter_map(|(_, kind)| *kind).collect();
        types.sort_unstable();
        types.dedup();
        let kind = |name: &str| types.binary_search(&name).ok();
        let mark = |(place, name): (Place, Option<&str>)| Mark { place, kind: name.and_then(kind) };
        let marks = spelt.map(|all| all.into_iter().map(mark).collect());
        Self { tags: tags.to_vec(), marks, types: types.into_iter().map(str::to_owned).collect() }
    }

    /// Whether the tags spell entities.
    pub fn spells_entities(&self) -> bool {
        self.marks.is_some()
    }

    /// The tags by index.
    pub fn tags(&self) -> &[String] {
        &self.tags
    }

    /// What such a name is, and what is counted of it.
    pub fn counted(&self) -> [&'static str; 2] {
        if self.spells_entities() { ["entity", "entities"] } else { ["tag", "words"] }
    }

    /// What precision and recall are of: types of entities, else the tags.
    pub fn names(&self) -> &[String] {
        if self.spells_entities() { &self.types } else { &self.tags }
    }

    /// The name of a tag; its index where it has none.
    pub fn tag(&self, tag: u32) -> String {
        self.tags.get(tag as usize).cloned().unwrap_or_else(|| tag.to_string())
    }

    /// The tag of a word of which nothing is said: `O`, in a set without it the first.
    pub fn outside(&self) -> u32 {
        self.tags.iter().position(|tag| tag == OUTSIDE).unwrap_or_default() as u32
    }

    /// The entities that the tags of a text spell; where they spell none, each word is one of its tag.
    ///
    /// As seqeval 1.2.2 reads tags where it is not strict, which is how `conlleval` of CoNLL 2000 does: an entity starts
    /// with `B` or `S`, and where its type is not that of the word before or that word ended one.
    pub fn entities(&self, tags: &[u32]) -> Vec<Entity> {
        let Some(marks) = &self.marks else {
            let word = |(at, tag): (usize, &u32)| Entity { kind: *tag as usize, words: at..at + 1 };
            return tags.iter().enumerate().map(word).collect();
        };
        let nothing = Mark { place: Place::Outside, kind: None };
        let (mut entities, mut before, mut start) = (vec![], nothing, 0);
        for (at, tag) in tags.iter().map(Some).chain([None]).enumerate() {
            let mark = tag.and_then(|tag| marks.get(*tag as usize)).copied().unwrap_or(nothing);
            if let Some(kind) = before.kind
                && ends(before, mark)
            {
                entities.push(Entity { kind, words: start..at });
            }
            if starts(before, mark) {
                start = at;
            }
            before = mark;
        }
        entities
    }
}

fn spelt(tag: &str) -> Option<(Place, Option<&str>)> {
    let (place, kind) = match tag.split_once('-') {
        Some((place, kind)) => (place, kind),
        None => (tag, UNTYPED),
    };
    let place = match place {
        OUTSIDE if tag == OUTSIDE => return Some((Place::Outside, None)),
        "B" => Place::Begin,
        "I" => Place::Inside,
        "E" => Place::End,
        "S" => Place::Single,
        _ => return None,
    };
    Some((place, Some(if kind.is_empty() { UNTYPED } else { kind })))
}

/// Tags that keep the others from spelling entities, where most tags would: mistyped ones.
pub fn misspelt(tags: &[String]) -> Vec<&str> {
    let (good, odd): (Vec<&str>, Vec<&str>) =
        tags.iter().map(String::as_str).partition(|tag| spelt(tag).is_some());
    let typed = good.iter().filter(|tag| tag.contains('-')).count();
    if typed > odd.len() { odd } else { vec![] }
}

/// Whether the entity of the word before ends there.
fn ends(before: Mark, mark: Mark) -> bool {
    use Place::{Begin, End, Inside, Outside, Single};
    before.kind != mark.kind
        || matches!(before.place, End | Single)
        || matches!((before.place, mark.place), (Begin | Inside, Begin | Single | Outside))
}

/// Whether an entity starts with this word.
fn starts(before: Mark, mark: Mark) -> bool {
    use Place::{Begin, End, Inside, Outside, Single};
    mark.kind.is_some() && before.kind != mark.kind
        || matches!(mark.place, Begin | Single)
        || matches!((before.place, mark.place), (End | Single | Outside, End | Inside))
}
