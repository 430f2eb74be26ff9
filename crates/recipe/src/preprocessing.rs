//! Warnings about pictures that come otherwise than those that a backbone's weights were trained on.

use std::collections::{BTreeMap, BTreeSet};

use data::{ColumnType, Step};
use images::{Chain, Picture};
use network::Input;
use plan::{Diagnostic, Place};
use stages::{Fact, Group, LoadNetwork, Params, Preprocess};

use crate::blocks;
use crate::compile::{Facts, network_of};

/// Numbers that differ by less than this are the same normalisation, written otherwise.
const CLOSE: f32 = 1e-3;

/// A warning for each column of pictures that a backbone with weights of a file reads in another size or normalisation
/// than its own. `backbones` has the backbone of each stage that names one.
pub(crate) fn mismatches(
    params: &BTreeMap<String, Params>,
    facts: &Facts,
    backbones: &BTreeMap<String, String>,
) -> Vec<Diagnostic> {
    let recipe = Recipe { params, facts };
    let (mut warnings, mut seen) = (vec![], BTreeSet::new());
    for stage in params.values() {
        let (network, data) = match stage {
            Params::Finetune(own) => (&own.network, Some(&own.data)),
            Params::ExtractFeatures(own) => (&own.network, Some(&own.data)),
            Params::Evaluate(own) => (&own.model, own.data.as_ref()),
            Params::Predict(own) => (&own.model, own.data.as_ref()),
            _ => continue,
        };
        let Some(data) = data else { continue };
        let loaded = recipe.loaded(network).into_iter();
        let known = loaded.filter_map(|(loaded, load)| {
            Some((loaded, backbones.get(loaded).filter(|_| load.path.is_some())?))
        });
        let columns = known.flat_map(|(loaded, backbone)| {
            recipe.pictures(loaded).into_iter().map(move |column| (loaded, backbone, column))
        });
        for (loaded, backbone, column) in columns {
            let Some((place, steps)) = recipe.chain(data, &column) else { continue };
            let Some(message) = recipe.mismatch(backbone, data, &column, steps) else { continue };
            if seen.insert((place.clone(), backbone)) {
                let chain = blocks::preprocessing(backbone).map_or("", |(_, text)| text);
                let hint =
                    format!("its own chain is [{{ backbone = \"{backbone}\" }}], which stands for {chain}");
                let warning = Diagnostic::new("backbone-preprocessing", place, message).hint(hint);
                let network = Place::stage(loaded).join("network");
                warnings.push(warning.related(network, "these weights read them"));
            }
        }
    }
    warnings
}

struct Recipe<'a> {
    params: &'a BTreeMap<String, Params>,
    facts: &'a Facts,
}

impl<'a> Recipe<'a> {
    /// The stages that load what a stage's network was made of.
    fn loaded(&self, stage: &'a str) -> Vec<(&'a str, &'a LoadNetwork)> {
        match self.params.get(stage) {
            Some(Params::LoadNetwork(load)) => vec![(stage, load)],
            Some(params) => params.made_of().into_iter().flat_map(|network| self.loaded(network)).collect(),
            None => vec![],
        }
    }

    /// The columns of pictures that a stage's network reads.
    fn pictures(&self, stage: &str) -> Vec<String> {
        let network = network_of(self.facts.get(stage).into_iter().flatten());
        let Some((network, graph)) = network.and_then(|network| Some((network, network.lower().ok()?)))
        else {
            return vec![];
        };
        let pictures =
            graph.columns().filter(|column| matches!(network.inputs.get(*column), Some(Input::Image { .. })));
        pictures.map(str::to_owned).collect()
    }

    /// A column's chain in the stage that declares it, and its place.
    fn chain(&self, mut stage: &'a str, column: &str) -> Option<(Place, &'a [Step])> {
        loop {
            let Params::Preprocess(Preprocess { columns, group, fitted, .. }) = self.params.get(stage)?
            else {
                return None;
            };
            if let Some(steps) = columns.get(column) {
                return Some((Place::stage(stage).join("columns").join(column), steps));
            }
            let of = |group: &Group| group.columns.iter().any(|name| name == column);
            if let Some(at) = group.iter().position(of) {
                return Some((Place::stage(stage).join("group").join(at).join("steps"), &group[at].steps));
            }
            stage = fitted.as_ref()?;
        }
    }

    /// What differs between a column and the pictures of a backbone's weights, in words.
    fn mismatch(&self, backbone: &str, data: &str, column: &str, steps: &[Step]) -> Option<String> {
        let (own, _) = blocks::preprocessing(backbone)?;
        let own = own.iter().map(|step| serde_json::from_value(step.to_json()).ok());
        let own: Vec<Step> = own.collect::<Option<_>>()?;
        let side = own.iter().find_map(|step| match step {
            Step::CenterCrop(crop) => Some(crop.table()),
            _ => None,
        })?;
        let (expected, found) = (pictures(&own)?, pictures(steps)?);
        let (mut theirs, mut these) = (vec![], vec![]);
        let wanted = (side.height as usize, side.width as usize);
        if let Some(size) = self.size(data, column).filter(|size| *size != wanted) {
            theirs.push(format!("of {} x {}", wanted.0, wanted.1));
            these.push(format!("of {} x {}", size.0, size.1));
        }
        let differ = |(one, other): (&f32, &f32)| (one - other).abs() > CLOSE;
        let [low, high] = ends(&expected);
        let [own_low, own_high] = ends(&found);
        if low.iter().zip(&own_low).any(differ) || high.iter().zip(&own_high).any(differ) {
            theirs.push(format!("with numbers {}", range(&low, &high)));
            these.push(format!("with numbers {}", range(&own_low, &own_high)));
        }
        let (theirs, these) = (theirs.join(" "), these.join(" "));
        (!theirs.is_empty()).then(|| {
            format!(
                "the weights of `{backbone}` were trained on pictures {theirs}, and `{column}` has them {these}"
            )
        })
    }

    /// Height and width of a column's pictures, where they are known.
    fn size(&self, data: &str, column: &str) -> Option<(usize, usize)> {
        let column = self.facts.get(data)?.iter().find_map(|(_, fact)| match fact {
            Fact::Dataset(fact) => fact.columns.get(column),
            _ => None,
        });
        match column? {
            ColumnType::Image { height, width, .. } => Some(((*height)?, (*width)?)),
            _ => None,
        }
    }
}

fn pictures(steps: &[Step]) -> Option<Chain> {
    let transforms: Option<Vec<_>> = steps.iter().map(Step::of_picture).collect();
    Chain::new(&transforms?).ok()
}

/// The numbers of black and of white by channel: all others lie evenly between them.
fn ends(chain: &Chain) -> [Vec<f32>; 2] {
    [0, 255].map(|level| {
        let picture = Picture::new(1, 1, 3, vec![level; 3]);
        picture.map_or_else(Vec::new, |picture| chain.numbers(&picture))
    })
}

fn range(low: &[f32], high: &[f32]) -> String {
    let least = low.iter().chain(high).copied().fold(f32::INFINITY, f32::min);
    let most = low.iter().chain(high).copied().fold(f32::NEG_INFINITY, f32::max);
    let round = |number: f32| (f64::from(number) * 100.0).round() / 100.0;
    format!("from {} to {}", round(least), round(most))
}
