//! Windows that slide along an axis, as convolutions and pools have them.

use serde::Serialize;

/// A window sliding along one axis: step, row or column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Window {
    /// Values that it looks at.
    pub kernel: usize,
    /// From one place to the next.
    pub stride: usize,
    /// Values put before and behind the axis.
    pub padding: [usize; 2],
    /// Distance of the values that it looks at.
    pub dilation: usize,
    /// Whether a last place may reach past the end.
    pub ceil: bool,
}

impl Window {
    /// From the first value that it looks at to the last, both included.
    pub fn reach(&self) -> usize {
        self.dilation * (self.kernel - 1) + 1
    }

    /// Places along an axis of `size` values: 0 where it does not fit. PyTorch's formula.
    pub fn places(&self, size: usize) -> usize {
        let [before, behind] = self.padding;
        let Some(room) =
            (size + before + behind + if self.ceil { self.stride - 1 } else { 0 }).checked_sub(self.reach())
        else {
            return 0;
        };
        let places = room / self.stride + 1;
        // The last place must start at a value or before the first, not in the padding behind.
        if self.ceil && (places - 1) * self.stride >= size + before { places - 1 } else { places }
    }

    /// Whether there are as many places as values, whatever their number.
    pub fn keeps_size(&self) -> bool {
        self.stride == 1 && self.padding[0] + self.padding[1] + 1 == self.reach()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `torch.nn.functional.max_pool1d` and `conv1d` of PyTorch 2.11 gave them.
    #[test]
    fn places_are_pytorchs() {
        let window = |kernel, stride, padding, dilation, ceil| Window {
            kernel,
            stride,
            padding: [padding; 2],
            dilation,
            ceil,
        };
        for (window, size, places) in [
            (window(3, 1, 0, 1, false), 5, 3),
            (window(3, 2, 1, 1, false), 5, 3),
            (window(3, 1, 0, 2, false), 5, 1),
            (window(3, 1, 0, 2, false), 4, 0),
            (window(2, 2, 0, 1, true), 5, 3),
            (window(2, 2, 0, 1, true), 1, 1),
            (window(3, 3, 1, 1, true), 6, 3),
            (window(2, 3, 1, 1, true), 5, 2),
        ] {
            assert_eq!(window.places(size), places, "{window:?} along {size}");
        }
    }
}
