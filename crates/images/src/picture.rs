//! A decoded picture.

/// A picture of 8-bit levels. Invariant: neither side is 0, there are 1 (grey) or 3 (RGB) channels, and as many bytes
/// as sides and channels say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    width: usize,
    height: usize,
    channels: usize,
    bytes: Vec<u8>,
}

impl Picture {
    /// The picture of `bytes`, `[height, width, channels]`; `None` where they are not that many, a side is 0 or the
    /// channels are neither 1 nor 3.
    pub fn new(width: usize, height: usize, channels: usize, bytes: Vec<u8>) -> Option<Self> {
        let size = width.checked_mul(height)?.checked_mul(channels)?;
        let is_one = size > 0 && size == bytes.len() && matches!(channels, 1 | 3);
        is_one.then_some(Self { width, height, channels, bytes })
    }

    /// A picture whose sides are known to be sound.
    pub(crate) fn made(width: usize, height: usize, channels: usize, bytes: Vec<u8>) -> Self {
        debug_assert_eq!(bytes.len(), width * height * channels);
        Self { width, height, channels, bytes }
    }

    /// Pixels from left to right.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Pixels from top to bottom.
    pub fn height(&self) -> usize {
        self.height
    }

    /// 1 (grey) or 3 (RGB).
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// The levels, `[height, width, channels]`.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The levels, to be changed.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// The levels alone.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The rows, top first.
    pub(crate) fn rows(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.bytes.chunks_exact(self.width * self.channels)
    }

    /// The picture in grey (ITU-R 601 luma, as PIL's `convert("L")`).
    pub fn to_grey(&self) -> Self {
        if self.channels == 1 {
            return self.clone();
        }
        Self::made(self.width, self.height, 1, self.bytes.as_chunks::<3>().0.iter().map(luma).collect())
    }

    /// The picture in three channels; a grey one has the same level in each.
    pub fn to_rgb(&self) -> Self {
        if self.channels == 3 {
            return self.clone();
        }
        let bytes = self.bytes.iter().flat_map(|&level| [level; 3]).collect();
        Self::made(self.width, self.height, 3, bytes)
    }
}

/// ITU-R 601 luma in fixed point, as PIL computes it.
pub(crate) fn luma(&[red, green, blue]: &[u8; 3]) -> u8 {
    ((u32::from(red) * 19595 + u32::from(green) * 38470 + u32::from(blue) * 7471 + 0x8000) >> 16) as u8
}
