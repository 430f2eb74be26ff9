//! Levels to numbers.

use crate::picture::Picture;
use crate::transform::{Normalise, Preset, Rescale};

/// What a level becomes: rescaled, then normalised.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Numbers {
    pub(crate) rescale: Option<Rescale>,
    pub(crate) normalise: Option<Normalise>,
}

impl Normalise {
    /// Means and standard deviations, one a channel.
    pub fn statistics(&self) -> (Vec<f64>, Vec<f64>) {
        match self {
            Self::Preset(Preset::Imagenet) => (vec![0.485, 0.456, 0.406], vec![0.229, 0.224, 0.225]),
            Self::Statistics(own) => (own.mean.clone(), own.std.clone()),
        }
    }
}

impl Numbers {
    /// Writes the picture as `[channels, height, width]`, in float32 as torchvision computes it. One mean serves all
    /// channels; of several, those of the channels that there are.
    pub(crate) fn write(&self, picture: &Picture, into: &mut [f32]) {
        let channels = picture.channels();
        let size = picture.width() * picture.height();
        for (channel, into) in into.chunks_exact_mut(size).enumerate().take(channels) {
            let table = self.table(channel);
            let levels = picture.bytes().iter().skip(channel).step_by(channels);
            into.iter_mut().zip(levels).for_each(|(into, &level)| *into = table[usize::from(level)]);
        }
    }

    /// The number of each level of a channel.
    fn table(&self, channel: usize) -> [f32; 256] {
        let statistics = self.normalise.as_ref().map(|normalise| {
            let (mean, std) = normalise.statistics();
            let own = |numbers: &[f64]| {
                numbers.get(channel).or(numbers.first()).map_or(0.0, |&number| number as f32)
            };
            (own(&mean), own(&std))
        });
        std::array::from_fn(|level| {
            let number = match &self.rescale {
                None => level as f32 / 255.0,
                Some(rescale) => level as f32 * rescale.scale as f32 + rescale.offset as f32,
            };
            statistics.map_or(number, |(mean, std)| (number - mean) / std)
        })
    }
}
