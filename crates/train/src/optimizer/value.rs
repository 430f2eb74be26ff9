//! What update rules are written in: one element on the CPU, a whole tensor on a device.

use std::ops::{Add, Div, Mul, Sub};

use torch::Tensor;

/// A number, or a tensor of them element by element.
pub(super) trait Value:
    Clone
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Add<f32, Output = Self>
    + Mul<f32, Output = Self>
{
    fn sqrt(self) -> Self;
    fn abs(self) -> Self;
    fn max(self, other: Self) -> Self;
    fn at_least(self, least: f32) -> Self;
    /// 1, -1, or 0 for zeros of both signs.
    fn sign(self) -> Self;
}

impl Value for f32 {
    #[inline(always)]
    fn sqrt(self) -> Self {
        f32::sqrt(self)
    }

    #[inline(always)]
    fn abs(self) -> Self {
        f32::abs(self)
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        f32::max(self, other)
    }

    #[inline(always)]
    fn at_least(self, least: f32) -> Self {
        f32::max(self, least)
    }

    #[inline(always)]
    fn sign(self) -> Self {
        f32::from(i8::from(self > 0.0) - i8::from(self < 0.0))
    }
}

/// All elements of a tensor; a clone shares them.
pub(super) struct Whole(pub(super) Tensor);

impl Clone for Whole {
    fn clone(&self) -> Self {
        Whole(self.0.shallow_clone())
    }
}

impl Value for Whole {
    fn sqrt(self) -> Self {
        Whole(self.0.sqrt())
    }

    fn abs(self) -> Self {
        Whole(self.0.abs())
    }

    fn max(self, other: Self) -> Self {
        Whole(self.0.maximum(&other.0))
    }

    fn at_least(self, least: f32) -> Self {
        Whole(self.0.clamp_min(f64::from(least)))
    }

    fn sign(self) -> Self {
        Whole(self.0.sign())
    }
}

impl Add for Whole {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Whole(self.0 + other.0)
    }
}

impl Sub for Whole {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Whole(self.0 - other.0)
    }
}

impl Mul for Whole {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        Whole(self.0 * other.0)
    }
}

impl Div for Whole {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        Whole(self.0 / other.0)
    }
}

impl Add<f32> for Whole {
    type Output = Self;
    fn add(self, number: f32) -> Self {
        Whole(self.0 + f64::from(number))
    }
}

impl Mul<f32> for Whole {
    type Output = Self;
    fn mul(self, factor: f32) -> Self {
        Whole(self.0 * f64::from(factor))
    }
}
