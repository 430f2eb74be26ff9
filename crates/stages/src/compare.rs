//! `compare`: evaluations side by side.

use std::collections::BTreeMap;

use plan::{ArtifactKind, Diagnostic};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::Context;
use crate::fact::Fact;
use crate::metric::{Measure, Metric};
use crate::table::{Params, Reference, Stage};

/// Puts evaluations side by side: `comparison.csv`, `comparison.json`, and a bar plot as SVG and PNG.
///
/// Of a stage that a sweep multiplies it takes all variants, and says in `spreads.csv` what they have together: mean,
/// standard deviation (by n - 1) and the best of each metric. Folds and seeds are repetitions: they are averaged for
/// each choice of the other axes, and the best is found by the mean.
///
/// Output: `comparison`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Compare {
    /// The `evaluate` stages, in the order of the table.
    #[schemars(length(min = 1))]
    pub stages: Vec<String>,
    /// What each is called in the table; by default the stages' names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<Vec<String>>,
    /// The output that `metric` and `metrics` are of, where the evaluations are of several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// The metric that the plot shows and the best is found by; by default the first that all have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<Metric>,
    /// What the table shows beside it, in order; by default all that was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<Vec<Metric>>,
}

impl Stage for Compare {
    fn references(&self, _: &BTreeMap<String, Params>) -> Vec<Reference> {
        Reference::list("stages", &self.stages, &[ArtifactKind::Metrics]).collect()
    }

    fn check(&self, context: &mut Context<'_>) -> Vec<(&'static str, Fact)> {
        if let Some(labels) = self.labels.as_ref().filter(|labels| labels.len() != self.stages.len()) {
            let message = format!("{} labels for {} stages", labels.len(), self.stages.len());
            let hint = "give one label for each stage, in the same order";
            context.report(Diagnostic::new("label-count", context.place("labels"), message).hint(hint));
        }
        let measured: Option<Vec<Vec<Measure>>> =
            self.stages.iter().map(|stage| context.metrics(stage)).collect();
        let Some(measured) = measured else { return vec![] };
        let common: Vec<&Measure> = measured
            .first()
            .map(|first| first.iter().filter(|m| measured.iter().all(|of| of.contains(m))).collect())
            .unwrap_or_default();
        if common.is_empty() {
            let hint = "give the evaluations the same `metrics`";
            context.report(
                Diagnostic::new(
                    "no-common-metric",
                    context.place("stages"),
                    "these evaluations share no metric",
                )
                .hint(hint),
            );
        } else if let Some(metric) = self.metric.map(|metric| self.measure(metric))
            && !common.contains(&&metric)
        {
            let names: Vec<String> = common.iter().map(ToString::to_string).collect();
            let message = format!("not every evaluation measures {metric}");
            let hint = format!("all measure {}", names.join(", "));
            context.report(Diagnostic::new("no-common-metric", context.place("metric"), message).hint(hint));
        }
        for (index, metric) in self.metrics.iter().flatten().enumerate() {
            let metric = self.measure(*metric);
            if !measured.iter().any(|of| of.contains(&metric)) {
                let place = context.inside(["metrics".into(), index.into()]);
                let message = format!("no evaluation here measures {metric}");
                let hint = "add it to the `metrics` of the evaluations";
                context.report(Diagnostic::new("no-common-metric", place, message).hint(hint));
            }
        }
        vec![("comparison", Fact::Plain(ArtifactKind::Comparison))]
    }
}

impl Compare {
    /// A metric of the output that is compared.
    pub fn measure(&self, metric: Metric) -> Measure {
        Measure { output: self.output.clone().unwrap_or_default(), metric }
    }
}
