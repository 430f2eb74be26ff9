//! What a model says of the words of texts, as tables show it.

use data::{Words, words};
use metrics::TagSet;
use plan::{Blame, StageError};

use crate::scores::{Said, Scored, Scores};

/// The tags of each row with a blank between, as a label's cell holds them.
pub(crate) fn cells(set: &TagSet, words: &Words, tags: &[u32]) -> Vec<String> {
    let rows = words.offsets.windows(2).map(|ends| &tags[ends[0]..ends[1]]);
    rows.map(|tags| tags.iter().map(|tag| set.tag(*tag)).collect::<Vec<_>>().join(" ")).collect()
}

/// Header and lines of the entities that a model finds in texts, or of all words where its tags spell none: the row's id,
/// the type or tag, the text, its first character and the one behind its last, and the mean probability of its words'
/// tags. A word that no token stands for has no tag and no line.
///
/// # Errors
/// When the data does not hold the texts.
pub(crate) fn found(scored: &Scored, said: &Said) -> Result<(Vec<String>, Vec<Vec<String>>), StageError> {
    let Scores::Tags { width, logits, column, words: steps } = &said.scores else {
        return Err(StageError::new(Blame::Bug, "the model tells no tags"));
    };
    let set = TagSet::new(&said.classes);
    let chosen = metrics::choose(logits, *width, &set, steps);
    let mut probabilities = vec![None; chosen.len()];
    for ((_, word, _), logits) in steps.standing().zip(logits.chunks_exact((*width).max(1))) {
        let all = metrics::softmax(logits.iter().map(|&logit| f64::from(logit)));
        probabilities[word] = all.get(chosen[word] as usize).copied();
    }
    let [what, _] = set.counted();
    let header = ["id", what, "text", "start", "end", "score"].map(str::to_owned).to_vec();
    let mut lines = vec![];
    for (&row, ends) in scored.rows.iter().zip(steps.offsets.windows(2)) {
        let text = scored.data.text(column, row).unwrap_or_default();
        let (words, first) = (words(text), ends[0]);
        for entity in set.entities(&chosen[first..ends[1]]) {
            let scores: Vec<f64> =
                entity.words.clone().filter_map(|word| probabilities[first + word]).collect();
            let (Some(from), Some(to)) = (words.get(entity.words.start), words.get(entity.words.end - 1))
            else {
                continue;
            };
            if scores.is_empty() {
                continue;
            }
            let (start, end) = (from.characters.0, to.characters.1);
            let kind = set.names().get(entity.kind).cloned().unwrap_or_else(|| entity.kind.to_string());
            let score = scores.iter().sum::<f64>() / scores.len() as f64;
            let own = text.chars().skip(start).take(end - start).collect();
            lines.push(vec![
                scored.id(row),
                kind,
                own,
                start.to_string(),
                end.to_string(),
                score.to_string(),
            ]);
        }
    }
    Ok((header, lines))
}
