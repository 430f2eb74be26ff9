//! What stages cannot do without, looked up as soon as their inputs are there and before anything else is started.

use std::collections::BTreeSet;

use plan::{Need, Origin, Stage};

use super::{Engine, State};

impl Engine<'_> {
    /// Ends stages whose inputs lack what they need, and with them the stages that have not begun and lead there: they
    /// would run in vain. Says whether there were any.
    pub(super) fn end_unmet(&mut self) -> bool {
        let mut ended = false;
        for number in 0..self.stages.len() {
            let stage = self.stages[number];
            let waits = matches!(self.states[number], State::Pending | State::Ready { .. });
            if stage.needs.is_empty() || !waits || self.looked_at.contains(&number) {
                continue;
            }
            let known: Option<Vec<bool>> = stage.needs.iter().map(|need| self.is_met(stage, need)).collect();
            let Some(met) = known else { continue };
            self.looked_at.insert(number);
            if let Some((need, _)) = stage.needs.iter().zip(met).find(|(_, met)| !met) {
                self.fail(number, need.error.clone());
                self.skip_before(&stage.name);
                ended = true;
            }
        }
        ended
    }

    /// Whether an input has what is needed; `None` as long as it is not made. What cannot be read is left to the stage
    /// itself, which tells of it.
    fn is_met(&self, stage: &Stage, need: &Need) -> Option<bool> {
        let input = stage.inputs.iter().find(|input| input.port == need.port)?;
        let Origin::Stage { stage: from, port } = &input.origin else { return Some(true) };
        let digest = self.outputs(from)?.get(port)?;
        let content = || -> Option<serde_json::Value> {
            let files = self.store.verified(&self.store.artifact(digest).ok()?).ok()?;
            serde_json::from_slice(&std::fs::read(files.get(&need.file)?).ok()?).ok()
        };
        Some(content().is_none_or(|content| need.is_met(&content)))
    }

    /// Skips the stages before one that cannot run, where they have not begun.
    fn skip_before(&mut self, name: &str) {
        let before: BTreeSet<String> = self.plan.upstream(&[name.to_owned()]);
        for number in 0..self.stages.len() {
            let waits = matches!(self.states[number], State::Pending | State::Ready { .. });
            if waits && before.contains(&self.stages[number].name) {
                self.skip(number, name.to_owned());
            }
        }
    }
}
