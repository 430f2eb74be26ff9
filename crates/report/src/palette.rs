//! Colours and marks that stay apart for colour-blind readers and on grey paper.
//!
//! Invariant: neighbours in a legend differ in colour and in mark.

/// Red, green, blue.
pub(crate) type Colour = [u8; 3];

pub(crate) const WHITE: Colour = [255, 255, 255];
/// Titles, labels, values.
pub(crate) const INK: Colour = [0x22, 0x22, 0x22];
/// Numbers at axes.
pub(crate) const MUTED: Colour = [0x66, 0x66, 0x66];
/// Grid lines.
pub(crate) const GRID: Colour = [0xe6, 0xe6, 0xe6];
/// Frames, zero lines, leaders.
pub(crate) const FRAME: Colour = [0xa8, 0xa8, 0xa8];

/// The palette of Okabe and Ito ("Color universal design", 2008), its yellow darkened to be seen on white.
const COLOURS: [Colour; 7] = [
    [0x00, 0x72, 0xb2],
    [0xd5, 0x5e, 0x00],
    [0x00, 0x9e, 0x73],
    [0xcc, 0x79, 0xa7],
    [0xe6, 0x9f, 0x00],
    [0x56, 0xb4, 0xe9],
    [0x55, 0x55, 0x55],
];

/// The shape of a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    Circle,
    Square,
    Triangle,
    Diamond,
    Cross,
}

const MARKS: [Mark; 5] = [Mark::Circle, Mark::Square, Mark::Triangle, Mark::Diamond, Mark::Cross];

/// Dash lengths of lines; an empty one is a solid line.
const DASHES: [&[f64]; 4] = [&[], &[7.0, 4.0], &[2.0, 3.0], &[10.0, 3.0, 2.0, 3.0]];

/// Colour of a group or series.
pub(crate) fn colour(group: usize) -> Colour {
    COLOURS[group % COLOURS.len()]
}

/// Mark of a group or series: 7 colours and 5 marks repeat together after 35 groups.
pub(crate) fn mark(group: usize) -> Mark {
    MARKS[group % MARKS.len()]
}

/// Dashes of a series.
pub(crate) fn dashes(series: usize) -> &'static [f64] {
    DASHES[series % DASHES.len()]
}
