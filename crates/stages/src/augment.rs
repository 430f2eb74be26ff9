//! Checks of `augment`: what training does to pictures.

use data::ColumnType;
use images::{Chain, Transform};
use plan::Diagnostic;

use crate::check::Context;
use crate::fact::DatasetFact;
use crate::training::Training;

/// Reports what is wrong with the augmentation of rows of `data`.
pub(crate) fn check_augment(training: &Training, data: &DatasetFact, context: &mut Context<'_>) {
    let augment = &training.augment;
    if augment.is_empty() {
        if training.views.is_some() {
            let message = "`views` counts what `augment` draws, and nothing is augmented";
            let hint = "add `augment`, such as augment = [{ horizontal-flip = 0.5 }], or remove `views`";
            context.report(Diagnostic::new("augment", context.place("views"), message).hint(hint));
        }
        return;
    }
    if !data.columns.values().any(|column| matches!(column, ColumnType::Image { .. })) {
        let message = "`augment` is for pictures, and the data has none";
        let hint =
            "encode a column of pictures: columns.image = [{ resize = 256 }, { center-crop = 224 }, \"rgb\"]";
        context.report(Diagnostic::new("augment", context.place("augment"), message).hint(hint));
        return;
    }
    let of_numbers =
        |transform: &Transform| matches!(transform, Transform::Rescale(_) | Transform::Normalise(_));
    if let Some(at) = augment.iter().position(of_numbers) {
        let place = context.inside(["augment".into(), at.into()]);
        let message = format!("`{}` makes numbers, and `augment` works on pictures", augment[at].name());
        let hint = "put it into the column's chain, where every part sees it";
        context.report(Diagnostic::new("augment", place, message).hint(hint));
        return;
    }
    let chain = match Chain::new(augment) {
        Ok(chain) => chain,
        Err(problem) => {
            let place = context.inside(["augment".into(), problem.at.into()]);
            context.report(Diagnostic::new("augment", place, problem.reason));
            return;
        }
    };
    if !chain.is_random() {
        let message = "nothing here is drawn, so every epoch sees the same pictures";
        let hint = "put it into the column's chain, where every part sees it";
        context.report(Diagnostic::new("augment", context.place("augment"), message).hint(hint));
    }
}
