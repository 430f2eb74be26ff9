//! Random draws that are a pure function of a seed, a purpose and a place.
//!
//! Method: BLAKE3 hashes (seed, purpose, place) to the 256-bit state of xoshiro256++ (Blackman and Vigna,
//! "Scrambled linear pseudorandom number generators", 2021). No state is ever saved: whoever needs the draws
//! of (epoch, step, sample) again makes them again. A fresh stream costs one short hash, so draws in bulk share
//! a stream.

/// A stream of draws.
#[derive(Clone, Debug)]
pub struct Draws {
    state: [u64; 4],
    spare: Option<f64>,
}

impl Draws {
    /// The stream of a seed, a purpose (`"shuffle"`, `"weights"`) and a place (epoch, step, sample). Streams
    /// that differ in any of the three are independent.
    pub fn new(seed: u64, purpose: &str, place: &[u64]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("pipeline data draws v1: seed, purpose, place");
        hasher.update(&seed.to_le_bytes());
        hasher.update(&(purpose.len() as u64).to_le_bytes());
        hasher.update(purpose.as_bytes());
        for number in place {
            hasher.update(&number.to_le_bytes());
        }
        let hash = *hasher.finalize().as_bytes();
        let mut state = [0; 4];
        for (word, bytes) in state.iter_mut().zip(hash.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        Self { state, spare: None }
    }

    /// A uniform 64-bit number.
    pub fn u64(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let drawn = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let (c, d) = (c ^ a, d ^ b);
        self.state = [a ^ d, b ^ c, c ^ (b << 17), d.rotate_left(45)];
        drawn
    }

    /// A uniform number in [0, 1), a multiple of 2^-53.
    pub fn unit(&mut self) -> f64 {
        (self.u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// A uniform number below `bound`, without bias (Lemire, "Fast random integer generation in an interval",
    /// 2019); 0 where the bound is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        let mut wide = u128::from(self.u64()) * u128::from(bound);
        if (wide as u64) < bound {
            let least = bound.wrapping_neg() % bound;
            while (wide as u64) < least {
                wide = u128::from(self.u64()) * u128::from(bound);
            }
        }
        (wide >> 64) as u64
    }

    /// A draw of the standard normal distribution (Box and Muller, 1958; each pair serves two draws).
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        let (sine, cosine) = (std::f64::consts::TAU * self.unit()).sin_cos();
        self.spare = Some(radius * sine);
        radius * cosine
    }

    /// Shuffles in place (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at as u64 + 1) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use rand_xoshiro::Xoshiro256PlusPlus;
    use rand_xoshiro::rand_core::{RngCore, SeedableRng};

    use super::*;

    #[test]
    fn the_generator_is_xoshiro256_plus_plus() {
        let mut draws = Draws::new(7, "test", &[1, 2]);
        let mut seed = [0; 32];
        for (bytes, word) in seed.chunks_mut(8).zip(draws.state) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        let mut oracle = Xoshiro256PlusPlus::from_seed(seed);
        for _ in 0..1000 {
            assert_eq!(draws.u64(), oracle.next_u64());
        }
    }

    #[test]
    fn every_input_matters_and_nothing_else() {
        let first = |seed, purpose, place: &[u64]| Draws::new(seed, purpose, place).u64();
        let base = first(1, "a", &[2, 3]);
        assert_eq!(base, first(1, "a", &[2, 3]));
        for other in
            [first(2, "a", &[2, 3]), first(1, "b", &[2, 3]), first(1, "a", &[3, 2]), first(1, "a", &[2])]
        {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn moments_are_those_of_the_distributions() {
        let mut draws = Draws::new(3, "moments", &[]);
        let n = 200_000;
        let normal: Vec<f64> = (0..n).map(|_| draws.normal()).collect();
        let moment = |power: i32| normal.iter().map(|x| x.powi(power)).sum::<f64>() / f64::from(n);
        // Standard errors of the moments of a standard normal at this n: 0.0022, 0.0032, 0.0087, 0.022.
        assert!(moment(1).abs() < 0.01 && (moment(2) - 1.0).abs() < 0.014);
        assert!(moment(3).abs() < 0.04 && (moment(4) - 3.0).abs() < 0.1);
        let unit = (0..n).map(|_| draws.unit()).sum::<f64>() / f64::from(n);
        assert!((unit - 0.5).abs() < 0.003);
        let mut counts = [0u32; 6];
        (0..60_000).for_each(|_| counts[draws.below(6) as usize] += 1);
        // Chi-squared with 5 degrees of freedom: 20.5 is passed once in a thousand seeds.
        let chi: f64 = counts.iter().map(|&count| (f64::from(count) - 1e4).powi(2) / 1e4).sum();
        assert!(chi < 20.5, "{counts:?}");
        assert_eq!(draws.below(0), 0);
    }
}
