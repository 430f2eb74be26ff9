//! Places for the labels of points: greedy, then improved in sweeps.
//!
//! Each label tries places around its point, near ones first, and takes the one that covers least of the
//! other labels and points. Sweeps repeat the choice with the others in place, which only lowers the sum.
//!
//! Invariant: every label gets a place inside the frame; the order of the points decides ties, so the same
//! points give the same places.

use crate::axis::Frame;

/// A rectangle that a label takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Place {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) right: f64,
    pub(crate) bottom: f64,
    /// Far enough from its point to need a line to it.
    pub(crate) far: bool,
    cost: f64,
}

/// Directions from a point, best first: right, left, above, below, then the diagonals.
const DIRECTIONS: [(f64, f64); 12] = [
    (1.0, 0.0),
    (-1.0, 0.0),
    (0.0, -1.0),
    (0.0, 1.0),
    (0.8, -0.7),
    (-0.8, -0.7),
    (0.8, 0.7),
    (-0.8, 0.7),
    (0.4, -0.9),
    (-0.4, -0.9),
    (0.4, 0.9),
    (-0.4, 0.9),
];

/// Distances from a point; the first is beside it, the others need a line.
const DISTANCES: [f64; 6] = [3.0, 9.0, 16.0, 25.0, 36.0, 50.0];
const SWEEPS: usize = 6;
/// More labels than this cannot all be read: they get the first distance and one sweep.
const MANY: usize = 400;

/// A place for the label of each point. `sizes` are (width, height); points are discs of `radius`.
pub(crate) fn arrange(points: &[(f64, f64)], sizes: &[(f64, f64)], radius: f64, frame: Frame) -> Vec<Place> {
    let many = points.len() > MANY;
    let distances = if many { &DISTANCES[..1] } else { &DISTANCES[..] };
    let mut places: Vec<Option<Place>> = vec![None; points.len()];
    for _ in 0..if many { 1 } else { SWEEPS } {
        let before = places.clone();
        for at in 0..points.len() {
            places[at] = None;
            let best = candidates(points[at], sizes[at], radius, distances, frame)
                .map(|place| Place { cost: cost(&place, at, points, radius, &places) + place.cost, ..place })
                .min_by(|a, b| a.cost.total_cmp(&b.cost));
            places[at] = best;
        }
        if places == before {
            break;
        }
    }
    places.into_iter().flatten().collect()
}

/// The places to try, each with the cost of its distance alone.
fn candidates(
    (x, y): (f64, f64),
    (width, height): (f64, f64),
    radius: f64,
    distances: &[f64],
    frame: Frame,
) -> impl Iterator<Item = Place> {
    distances.iter().enumerate().flat_map(move |(ring, distance)| {
        DIRECTIONS.iter().enumerate().map(move |(rank, (dx, dy))| {
            let centre_x = x + dx * (radius + distance + width / 2.0);
            let centre_y = y + dy * (radius + distance + height / 2.0);
            // Moved into the frame rather than dropped; a label wider than the frame starts at its left.
            let left = (centre_x - width / 2.0).min(frame.right - 3.0 - width).max(frame.left + 3.0);
            let top = (centre_y - height / 2.0).min(frame.bottom - 3.0 - height).max(frame.top + 3.0);
            let cost = ring as f64 * 14.0 + rank as f64 * 0.5;
            Place { left, top, right: left + width, bottom: top + height, far: ring > 1, cost }
        })
    })
}

/// Square units of other labels and points that a place covers; labels weigh more.
fn cost(place: &Place, own: usize, points: &[(f64, f64)], radius: f64, places: &[Option<Place>]) -> f64 {
    let labels: f64 = places
        .iter()
        .flatten()
        .map(|other| overlap(place, (other.left - 1.5, other.top), (other.right + 1.5, other.bottom)))
        .sum();
    let points: f64 = points
        .iter()
        .enumerate()
        .map(|(at, (x, y))| {
            let covered = overlap(place, (x - radius, y - radius), (x + radius, y + radius));
            // Its own point is always near: covering it hides what the label is for.
            if at == own { covered * 2.0 } else { covered }
        })
        .sum();
    labels * 6.0 + points * 3.0
}

fn overlap(place: &Place, low: (f64, f64), high: (f64, f64)) -> f64 {
    let width = place.right.min(high.0) - place.left.max(low.0);
    let height = place.bottom.min(high.1) - place.top.max(low.1);
    width.max(0.0) * height.max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Frame = Frame { left: 0.0, top: 0.0, right: 400.0, bottom: 300.0 };

    fn covered(places: &[Place]) -> f64 {
        let mut sum = 0.0;
        for (at, place) in places.iter().enumerate() {
            for other in &places[at + 1..] {
                sum += overlap(place, (other.left, other.top), (other.right, other.bottom));
            }
        }
        sum
    }

    #[test]
    fn close_points_get_labels_that_do_not_touch() {
        let points: Vec<(f64, f64)> =
            (0..12).map(|at| (200.0 + f64::from(at % 4) * 9.0, 150.0 + f64::from(at / 4) * 9.0)).collect();
        let places = arrange(&points, &[(40.0, 11.0); 12], 3.0, FRAME);
        assert_eq!(places.len(), 12);
        assert_eq!(covered(&places), 0.0);
    }

    #[test]
    fn labels_stay_in_the_frame_and_none_is_dropped() {
        let points = [(0.0, 0.0), (400.0, 300.0), (400.0, 0.0), (0.0, 300.0), (200.0, 150.0), (200.0, 150.0)];
        let places = arrange(&points, &[(60.0, 11.0); 6], 3.0, FRAME);
        assert_eq!(places.len(), 6);
        assert!(places.iter().all(|place| place.left >= 0.0 && place.right <= 400.0));
        assert!(places.iter().all(|place| place.top >= 0.0 && place.bottom <= 300.0));
        assert_eq!(covered(&places), 0.0);
    }
}
