//! How a recipe declares what happens to a picture: a chain of transforms.
//!
//! Each has torchvision's semantics on PIL pictures; `chain` knows which follow which.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One transform of a picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Transform {
    /// Resize: the shorter side to so many pixels, keeping the proportions; a table says more.
    Resize(Short<u32, Resize>),
    /// Cut out the middle, so many pixels each way; a smaller picture gets a black border.
    CenterCrop(Short<u32, CenterCrop>),
    /// Make the picture grey, with one channel.
    Grey,
    /// Make three channels of a grey picture.
    Rgb,
    /// Draw a part of random area and proportions, and resize it to so many pixels each way (Szegedy et al., 2015).
    RandomResizedCrop(Short<u32, RandomResizedCrop>),
    /// Swap left and right in this share of the samples.
    HorizontalFlip(f64),
    /// Swap top and bottom in this share of the samples.
    VerticalFlip(f64),
    /// Rotate about the middle by a random angle, at most so many degrees either way.
    Rotate(Short<f64, Rotate>),
    /// Enlarge or shrink about the middle by a random factor between two; the picture's size stays.
    Zoom(Short<[f64; 2], Zoom>),
    /// Move by a random part of the sides, at most this share of each.
    Shift(Short<f64, Shift>),
    /// Multiply the levels by a random factor of `[1 - x, 1 + x]`.
    Brightness(f64),
    /// Move the levels away from the picture's mean, or towards it, by a random factor of `[1 - x, 1 + x]`.
    Contrast(f64),
    /// Move the colours away from grey, or towards it, by a random factor of `[1 - x, 1 + x]`.
    Saturation(f64),
    /// Turn the hue by a random part of the colour circle of `[-x, x]`; x is at most 0.5.
    Hue(f64),
    /// Take the colours out of this share of the samples; the channels stay as many.
    RandomGrey(f64),
    /// Fill a random rectangle in this share of the samples (Zhong et al., 2017).
    Erase(Short<f64, Erase>),
    /// Make numbers of the levels: level * scale + offset. Without it a number is its level / 255.
    Rescale(Rescale),
    /// Subtract each channel's mean from the numbers, and divide by its standard deviation.
    Normalise(Normalise),
}

/// The one setting that matters, or a table of all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum Short<N, T> {
    /// The setting; all others have their defaults.
    One(N),
    /// Every setting.
    Table(T),
}

impl<N: Copy, T: Clone + From<N>> Short<N, T> {
    /// All settings.
    pub fn table(&self) -> T {
        match self {
            Self::One(one) => T::from(*one),
            Self::Table(table) => table.clone(),
        }
    }
}

/// How a picture is resized.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Resize {
    /// Pixels of the shorter side; the longer one keeps the proportions, rounded down. Excludes `height` and `width`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 16384))]
    pub shorter: Option<u32>,
    /// Pixels from top to bottom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 16384))]
    pub height: Option<u32>,
    /// Pixels from left to right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 16384))]
    pub width: Option<u32>,
    /// The filter; it spans more pixels where the picture shrinks (antialias).
    #[serde(default)]
    pub interpolation: Interpolation,
}

/// A filter of resizing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Interpolation {
    /// The triangle.
    #[default]
    Bilinear,
    /// The cubic of Keys (1981) with a = -0.5.
    Bicubic,
}

/// The size of what is cut out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CenterCrop {
    /// Pixels from top to bottom.
    #[schemars(range(min = 1, max = 16384))]
    pub height: u32,
    /// Pixels from left to right.
    #[schemars(range(min = 1, max = 16384))]
    pub width: u32,
}

/// A random part of a picture, resized.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RandomResizedCrop {
    /// Pixels from top to bottom of the result.
    #[schemars(range(min = 1, max = 16384))]
    pub height: u32,
    /// Pixels from left to right of the result.
    #[schemars(range(min = 1, max = 16384))]
    pub width: u32,
    /// The part's area, as a share of the picture's: smallest and largest.
    #[serde(default = "crop_scale")]
    pub scale: [f64; 2],
    /// The part's width / height: smallest and largest.
    #[serde(default = "crop_ratio")]
    pub ratio: [f64; 2],
    /// The filter of resizing.
    #[serde(default)]
    pub interpolation: Interpolation,
}

/// A random rotation (bilinear).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Rotate {
    /// The largest angle either way, in degrees.
    #[schemars(range(min = 0.0, max = 180.0))]
    pub degrees: f64,
    /// The level of what comes in from outside.
    #[serde(default)]
    pub fill: u8,
}

/// A random zoom (bilinear).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Zoom {
    /// Smallest and largest factor; above 1 enlarges.
    pub factor: [f64; 2],
    /// The level of what comes in from outside.
    #[serde(default)]
    pub fill: u8,
}

/// A random shift by whole pixels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Shift {
    /// The largest shift to either side, as a share of the width.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub x: f64,
    /// The largest shift up or down, as a share of the height.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub y: f64,
    /// The level of what comes in from outside.
    #[serde(default)]
    pub fill: u8,
}

/// A random rectangle that is filled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Erase {
    /// The share of the samples.
    #[serde(default = "half")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub probability: f64,
    /// The rectangle's area, as a share of the picture's: smallest and largest.
    #[serde(default = "erase_scale")]
    pub scale: [f64; 2],
    /// The rectangle's height / width: smallest and largest.
    #[serde(default = "erase_ratio")]
    pub ratio: [f64; 2],
    /// The level that it is filled with.
    #[serde(default)]
    pub fill: u8,
}

/// Levels to numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Rescale {
    /// What a level of 0 to 255 is multiplied by.
    pub scale: f64,
    /// What is added then.
    #[serde(default)]
    pub offset: f64,
}

/// Means and standard deviations of the channels: a preset's name, or both.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Normalise {
    /// Those of a well-known data set.
    Preset(Preset),
    /// These.
    Statistics(Statistics),
}

/// A data set whose channels' statistics are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// Means 0.485, 0.456, 0.406 and deviations 0.229, 0.224, 0.225: what torchvision's networks expect.
    Imagenet,
}

/// Statistics of numbers of 0 to 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Statistics {
    /// One mean a channel.
    #[schemars(length(min = 1, max = 3))]
    pub mean: Vec<f64>,
    /// One standard deviation a channel.
    #[schemars(length(min = 1, max = 3))]
    pub std: Vec<f64>,
}

fn half() -> f64 {
    0.5
}

fn crop_scale() -> [f64; 2] {
    [0.08, 1.0]
}

fn crop_ratio() -> [f64; 2] {
    [3.0 / 4.0, 4.0 / 3.0]
}

fn erase_scale() -> [f64; 2] {
    [0.02, 0.33]
}

fn erase_ratio() -> [f64; 2] {
    [0.3, 3.3]
}

impl From<u32> for Resize {
    fn from(shorter: u32) -> Self {
        Self { shorter: Some(shorter), height: None, width: None, interpolation: Interpolation::default() }
    }
}

impl From<u32> for CenterCrop {
    fn from(side: u32) -> Self {
        Self { height: side, width: side }
    }
}

impl From<u32> for RandomResizedCrop {
    fn from(side: u32) -> Self {
        Self {
            height: side,
            width: side,
            scale: crop_scale(),
            ratio: crop_ratio(),
            interpolation: Interpolation::default(),
        }
    }
}

impl From<f64> for Rotate {
    fn from(degrees: f64) -> Self {
        Self { degrees, fill: 0 }
    }
}

impl From<[f64; 2]> for Zoom {
    fn from(factor: [f64; 2]) -> Self {
        Self { factor, fill: 0 }
    }
}

impl From<f64> for Shift {
    fn from(share: f64) -> Self {
        Self { x: share, y: share, fill: 0 }
    }
}

impl From<f64> for Erase {
    fn from(probability: f64) -> Self {
        Self { probability, scale: erase_scale(), ratio: erase_ratio(), fill: 0 }
    }
}
