//! A checked chain of transforms.
//!
//! Invariant: a chain that was made runs on every picture; only a picture that would pass the limit of pixels fails.

use draws::Draws;

use crate::affine;
use crate::colour;
use crate::decode::Limits;
use crate::error::Error;
use crate::numbers::Numbers;
use crate::picture::Picture;
use crate::resample;
use crate::size;
use crate::transform::{Normalise, Resize, Transform};

/// The place of a draw: equal places draw alike, whatever was drawn before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The seed of the stage.
    pub seed: u64,
    /// The epoch, or the number of the view.
    pub epoch: u64,
    /// The row.
    pub row: u64,
}

/// What is known of a picture before it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// 1 or 3, where every picture has as many.
    pub channels: Option<usize>,
    /// Height and width, where all pictures have the same.
    pub size: Option<(usize, usize)>,
}

/// A transform that cannot be, or cannot be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Its place in the chain, from 0.
    pub at: usize,
    /// What is wrong.
    pub reason: String,
}

/// A chain whose transforms were checked: those of pictures, then those of numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Chain {
    transforms: Vec<Transform>,
    numbers: Numbers,
}

impl Chain {
    /// Checks a chain.
    ///
    /// # Errors
    /// The first transform that has impossible parameters, or that stands where it has no meaning.
    pub fn new(transforms: &[Transform]) -> Result<Self, Problem> {
        let mut chain = Self { transforms: Vec::new(), numbers: Numbers::default() };
        for (at, transform) in transforms.iter().enumerate() {
            let problem = |reason: &str| Problem { at, reason: reason.to_owned() };
            transform.check().map_err(|reason| problem(&reason))?;
            let Numbers { rescale, normalise } = &mut chain.numbers;
            match transform {
                Transform::Rescale(_) if rescale.is_some() || normalise.is_some() => {
                    return Err(problem("rescale comes once, and before normalise"));
                }
                Transform::Rescale(own) => *rescale = Some(own.clone()),
                Transform::Normalise(_) if normalise.is_some() => {
                    return Err(problem("normalise comes once"));
                }
                Transform::Normalise(own) => *normalise = Some(own.clone()),
                _ if rescale.is_some() || normalise.is_some() => {
                    return Err(problem("transforms of pictures come before rescale and normalise"));
                }
                other => chain.transforms.push(other.clone()),
            }
        }
        Ok(chain)
    }

    /// Whether some transform draws.
    pub fn is_random(&self) -> bool {
        self.transforms.iter().any(Transform::is_random)
    }

    /// The shape of what comes out.
    ///
    /// # Errors
    /// A normalisation with other channels than the picture's.
    pub fn shape(&self, shape: Shape) -> Result<Shape, String> {
        let shape = self.transforms.iter().fold(shape, |shape, transform| transform.shape(shape));
        if let (Some(normalise), Some(channels)) = (&self.numbers.normalise, shape.channels) {
            let count = normalise.statistics().0.len();
            if count != channels && count != 1 {
                return Err(format!("normalise has {count} means for {channels} channels"));
            }
        }
        Ok(shape)
    }

    /// The transformed picture. `name` is for messages.
    ///
    /// # Errors
    /// [`Error::Limit`] where a resize would make more pixels than `limits` allow.
    pub fn apply(
        &self,
        picture: Picture,
        sample: Sample,
        name: &str,
        limits: &Limits,
    ) -> Result<Picture, Error> {
        self.transforms.iter().enumerate().try_fold(picture, |picture, (at, transform)| {
            let shape = Shape { channels: None, size: Some((picture.height(), picture.width())) };
            if let Some((height, width)) = transform.shape(shape).size {
                let found = (height as u64).saturating_mul(width as u64);
                if found > limits.pixels {
                    let name = name.to_owned();
                    return Err(Error::Limit {
                        name,
                        found,
                        unit: "pixels after resizing",
                        limit: limits.pixels,
                    });
                }
            }
            let mut draws = Draws::new(sample.seed, "augmentation", &[sample.epoch, sample.row, at as u64]);
            Ok(transform.apply(picture, &mut draws))
        })
    }

    /// A picture as numbers, `[channels, height, width]`.
    pub fn numbers(&self, picture: &Picture) -> Vec<f32> {
        let mut numbers = vec![0.0; picture.bytes().len()];
        self.write_numbers(picture, &mut numbers);
        numbers
    }

    /// Writes a picture as numbers, `[channels, height, width]`, into as many.
    pub fn write_numbers(&self, picture: &Picture, into: &mut [f32]) {
        self.numbers.write(picture, into);
    }
}

impl Transform {
    /// The transformed picture; transforms of numbers leave it as it is.
    pub fn apply(&self, mut picture: Picture, draws: &mut Draws) -> Picture {
        let (width, height) = (picture.width(), picture.height());
        match self {
            Self::Resize(own) => {
                let own = own.table();
                let (width, height) = size::resized(&own, width, height);
                resample::resize(&picture, width, height, own.interpolation)
            }
            Self::CenterCrop(own) => {
                let own = own.table();
                size::center_crop(&picture, own.width as usize, own.height as usize)
            }
            Self::Grey => picture.to_grey(),
            Self::Rgb => picture.to_rgb(),
            Self::RandomResizedCrop(own) => size::random_resized_crop(&picture, &own.table(), draws),
            Self::HorizontalFlip(share) if draws.unit() < *share => affine::flip_horizontally(&picture),
            Self::VerticalFlip(share) if draws.unit() < *share => affine::flip_vertically(&picture),
            Self::Rotate(own) => {
                let own = own.table();
                let degrees = size::between(draws, [-own.degrees, own.degrees]);
                affine::warp(&picture, &affine::rotation(degrees, width, height), own.fill)
            }
            Self::Zoom(own) => {
                let own = own.table();
                let factor = size::between(draws, own.factor);
                affine::warp(&picture, &affine::scaled(factor, (0.0, 0.0), width, height), own.fill)
            }
            Self::Shift(own) => {
                let own = own.table();
                let mut pixels = |share: f64, side: usize| {
                    let most = share * side as f64;
                    size::between(draws, [-most, most]).round_ties_even()
                };
                let by = (pixels(own.x, width), pixels(own.y, height));
                affine::warp(&picture, &affine::scaled(1.0, by, width, height), own.fill)
            }
            Self::Brightness(by) => {
                colour::brightness(&mut picture, factor(*by, draws));
                picture
            }
            Self::Contrast(by) => {
                colour::contrast(&mut picture, factor(*by, draws));
                picture
            }
            Self::Saturation(by) => {
                colour::saturation(&mut picture, factor(*by, draws));
                picture
            }
            Self::Hue(by) => {
                colour::hue(&mut picture, size::between(draws, [-by, *by]));
                picture
            }
            Self::RandomGrey(share) if draws.unit() < *share => {
                colour::grey(&mut picture);
                picture
            }
            Self::Erase(own) => {
                let own = own.table();
                if draws.unit() < own.probability {
                    size::erase(&mut picture, &own, draws);
                }
                picture
            }
            Self::HorizontalFlip(_)
            | Self::VerticalFlip(_)
            | Self::RandomGrey(_)
            | Self::Rescale(_)
            | Self::Normalise(_) => picture,
        }
    }

    /// The name in recipes.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Resize(_) => "resize",
            Self::CenterCrop(_) => "center-crop",
            Self::Grey => "grey",
            Self::Rgb => "rgb",
            Self::RandomResizedCrop(_) => "random-resized-crop",
            Self::HorizontalFlip(_) => "horizontal-flip",
            Self::VerticalFlip(_) => "vertical-flip",
            Self::Rotate(_) => "rotate",
            Self::Zoom(_) => "zoom",
            Self::Shift(_) => "shift",
            Self::Brightness(_) => "brightness",
            Self::Contrast(_) => "contrast",
            Self::Saturation(_) => "saturation",
            Self::Hue(_) => "hue",
            Self::RandomGrey(_) => "random-grey",
            Self::Erase(_) => "erase",
            Self::Rescale(_) => "rescale",
            Self::Normalise(_) => "normalise",
        }
    }

    /// Whether the result is drawn.
    pub fn is_random(&self) -> bool {
        !matches!(
            self,
            Self::Resize(_)
                | Self::CenterCrop(_)
                | Self::Grey
                | Self::Rgb
                | Self::Rescale(_)
                | Self::Normalise(_)
        )
    }

    /// The shape of what comes out.
    pub fn shape(&self, shape: Shape) -> Shape {
        let size = match self {
            Self::Resize(own) => {
                let own = own.table();
                match (own.height, own.width) {
                    (Some(height), Some(width)) => Some((height as usize, width as usize)),
                    _ => shape.size.map(|(height, width)| {
                        let (width, height) = size::resized(&own, width, height);
                        (height, width)
                    }),
                }
            }
            Self::CenterCrop(own) => {
                let own = own.table();
                Some((own.height as usize, own.width as usize))
            }
            Self::RandomResizedCrop(own) => {
                let own = own.table();
                Some((own.height as usize, own.width as usize))
            }
            _ => shape.size,
        };
        let channels = match self {
            Self::Grey => Some(1),
            Self::Rgb => Some(3),
            _ => shape.channels,
        };
        Shape { channels, size }
    }

    /// Whether the parameters can be; the reason where they cannot.
    fn check(&self) -> Result<(), String> {
        let range = |[low, high]: [f64; 2], least: f64, what: &str| {
            let is_one = low.is_finite() && high.is_finite() && least <= low && low <= high && high > 0.0;
            if is_one { Ok(()) } else { Err(format!("{what} is [smallest, largest], both at least {least}")) }
        };
        let within = |number: f64, most: f64, what: &str| {
            let is_in = (0.0..=most).contains(&number);
            if is_in { Ok(()) } else { Err(format!("{what} is {number}, and must be 0 to {most}")) }
        };
        let sides = |height: u32, width: u32| {
            let fit = [height, width].iter().all(|side| (1..=MOST_SIDE).contains(side));
            if fit { Ok(()) } else { Err(format!("a side has 1 to {MOST_SIDE} pixels")) }
        };
        match self {
            Self::Resize(own) => match own.table() {
                Resize { shorter: Some(side), height: None, width: None, .. } => sides(side, side),
                Resize { shorter: None, height: Some(height), width: Some(width), .. } => {
                    sides(height, width)
                }
                _ => Err("resize takes either `shorter`, or `height` and `width`".to_owned()),
            },
            Self::CenterCrop(own) => {
                let own = own.table();
                sides(own.height, own.width)
            }
            Self::RandomResizedCrop(own) => {
                let own = own.table();
                sides(own.height, own.width)?;
                range(own.scale, 0.0, "scale")?;
                range(own.ratio, f64::MIN_POSITIVE, "ratio")
            }
            Self::HorizontalFlip(share) | Self::VerticalFlip(share) | Self::RandomGrey(share) => {
                within(*share, 1.0, "the share of samples")
            }
            Self::Rotate(own) => within(own.table().degrees, 180.0, "the angle"),
            Self::Zoom(own) => range(own.table().factor, 0.01, "factor"),
            Self::Shift(own) => {
                let own = own.table();
                within(own.x, 1.0, "the share of the width")?;
                within(own.y, 1.0, "the share of the height")
            }
            Self::Brightness(by) | Self::Contrast(by) | Self::Saturation(by) => {
                within(*by, 1e6, "the change")
            }
            Self::Hue(by) => within(*by, 0.5, "the change"),
            Self::Erase(own) => {
                let own = own.table();
                within(own.probability, 1.0, "the share of samples")?;
                range(own.scale, 0.0, "scale")?;
                range(own.ratio, f64::MIN_POSITIVE, "ratio")
            }
            Self::Rescale(own) if !own.scale.is_finite() || !own.offset.is_finite() || own.scale == 0.0 => {
                Err("scale and offset are numbers, and scale is not 0".to_owned())
            }
            Self::Normalise(own) => check_statistics(own),
            Self::Grey | Self::Rgb | Self::Rescale(_) => Ok(()),
        }
    }
}

/// The longest side that a transform may be asked for.
const MOST_SIDE: u32 = 16384;

fn check_statistics(normalise: &Normalise) -> Result<(), String> {
    let (mean, std) = normalise.statistics();
    if mean.len() != std.len() || !matches!(mean.len(), 1 | 3) {
        return Err("mean and std have one number, or one a channel".to_owned());
    }
    if std.iter().any(|&std| !(std.is_finite() && std > 0.0)) || mean.iter().any(|mean| !mean.is_finite()) {
        return Err("every mean is a number, and every std is above 0".to_owned());
    }
    Ok(())
}

/// A factor of `[1 - by, 1 + by]`, not below 0.
fn factor(by: f64, draws: &mut Draws) -> f64 {
    size::between(draws, [(1.0 - by).max(0.0), 1.0 + by])
}
