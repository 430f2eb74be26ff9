//! What was learnt, looked at: whether it belongs to the chain, and what each number is called.

use super::{Chain, End, Head};
use crate::numbers::{Learnt, width};
use crate::step::{Impute, Step};
use crate::transform::{Fitted, FittedColumn, FittedText, LearntSteps};

impl Chain<'_> {
    /// What is wrong with something learnt that was read, if anything.
    pub(crate) fn problem(&self, fitted: &FittedColumn) -> Option<&'static str> {
        const FOREIGN: &str = "what was fitted does not belong to the chain";
        let learns = |step: &&Step| matches!(step, Step::Impute(Impute::Fitted(_)) | Step::Frequent(_));
        let text: Vec<&Step> = self.text.iter().filter(learns).collect();
        let sound = text.len() == fitted.text.len()
            && text.iter().zip(&fitted.text).all(|(step, learnt)| match (step, learnt) {
                (Step::Impute(_), FittedText::Impute(_)) => true,
                (Step::Frequent(_), FittedText::Frequent(cells)) => sorted(cells),
                _ => false,
            });
        if !sound {
            return Some(FOREIGN);
        }
        match (&self.end, &fitted.fitted) {
            (End::Sequence(_), Fitted::Vocabulary(vocabulary)) => vocabulary.problem(),
            (End::Category, Fitted::Dictionary(values)) => {
                (!sorted(values)).then_some("the dictionary is not sorted")
            }
            (End::Hash(buckets), Fitted::Hash(stored)) if buckets == stored => None,
            (End::Number, Fitted::Number) | (End::Picture, Fitted::Picture) => None,
            (End::Subwords(..), Fitted::Subwords(subwords)) => subwords.problem(),
            (End::Block(head, tail), Fitted::Numbers(LearntSteps(learnt)))
                if learnt.len() == tail.len() + 1 =>
            {
                let first = match (head, &learnt[0]) {
                    (Head::Number(_), Learnt::Nothing) => Some(1),
                    (Head::Date(date, ..), Learnt::Nothing) => Some(date.parts.len()),
                    (Head::Ordinal, Learnt::Categories(cells)) if sorted(cells) => Some(1),
                    (Head::OneHot, Learnt::Categories(cells)) if sorted(cells) && !cells.is_empty() => {
                        Some(cells.len())
                    }
                    (Head::Target(_), Learnt::Means(means)) if means.sound() => Some(means.width()),
                    (Head::NaiveBayes { .. }, Learnt::Evidence(evidence)) if evidence.sound() => {
                        Some(evidence.width())
                    }
                    (Head::Terms { tf_idf, .. }, Learnt::Terms(terms))
                        if terms.sound(tf_idf.is_some_and(|tf_idf| tf_idf.idf)) =>
                    {
                        Some(terms.words().len())
                    }
                    _ => None,
                };
                let steps = tail.iter().zip(&learnt[1..]);
                let last = steps.fold(first, |before, (step, learnt)| width(step, learnt, before?));
                last.is_none().then_some(FOREIGN)
            }
            _ => Some(FOREIGN),
        }
    }

    /// What each number of a vector is; none where the chain makes no vector.
    pub(crate) fn names(&self, learnt: &[Learnt]) -> Option<Vec<String>> {
        let End::Block(head, tail) = &self.end else { return None };
        if self.makes_a_number() {
            return None;
        }
        let places = |count: usize| (0..count).map(|place| place.to_string()).collect();
        let mut names: Vec<String> = match (head, learnt.first()) {
            (Head::Date(date, ..), _) => date.parts.iter().map(|part| part.name().to_owned()).collect(),
            (_, Some(Learnt::Categories(cells))) if matches!(head, Head::OneHot) => cells.clone(),
            (_, Some(Learnt::Terms(terms))) => terms.words().to_vec(),
            (_, Some(Learnt::Means(means))) => places(means.width()),
            (_, Some(Learnt::Evidence(evidence))) => places(evidence.width()),
            _ => places(1),
        };
        for step in *tail {
            match step {
                Step::Impute(Impute::Fitted(impute)) if impute.indicator => {
                    let missing: Vec<String> = names.iter().map(|name| format!("{name} missing")).collect();
                    names.extend(missing);
                }
                Step::Pca(pca) => names = places(pca.components),
                _ => {}
            }
        }
        Some(names)
    }
}

fn sorted(cells: &[String]) -> bool {
    cells.is_sorted_by(|left, right| left < right)
}
