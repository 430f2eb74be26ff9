//! Places for the nodes of a directed acyclic graph, in layers from left to right.
//!
//! The method is Sugiyama's: a node stands one layer after the last one that it needs, long edges pass through
//! invisible nodes, layers are ordered by the mean place of neighbours, and heights then follow neighbours too.
//! Invariant: nodes do not overlap, and the same graph gives the same places.

/// Between neighbours of a layer.
const GAP: f64 = 16.0;
/// Between layers.
const ALLEY: f64 = 38.0;
/// What an edge takes where it passes a layer.
const TRACK: f64 = 4.0;
const SWEEPS: usize = 24;

/// Where everything lies; the corner of the drawing is at the origin.
pub(crate) struct Layout {
    /// The middle of every node.
    pub(crate) places: Vec<(f64, f64)>,
    /// The bends of every edge, from the right side of a node to the left side of another.
    pub(crate) paths: Vec<Vec<(f64, f64)>>,
    /// Width and height.
    pub(crate) size: (f64, f64),
}

/// A node, or the place where a long edge passes a layer.
struct Item {
    layer: usize,
    height: f64,
    before: Vec<usize>,
    after: Vec<usize>,
}

/// Lays a graph out. `sizes` are (width, height) of the nodes, `edges` pairs of their positions.
pub(crate) fn layered(sizes: &[(f64, f64)], edges: &[(usize, usize)]) -> Layout {
    let layer_of = ranks(sizes.len(), edges);
    let mut items: Vec<Item> = sizes
        .iter()
        .zip(&layer_of)
        .map(|(size, &layer)| Item { layer, height: size.1, before: vec![], after: vec![] })
        .collect();
    let mut chains = vec![];
    for &(from, to) in edges {
        let mut chain = vec![from];
        for layer in layer_of[from] + 1..layer_of[to] {
            items.push(Item { layer, height: TRACK, before: vec![], after: vec![] });
            chain.push(items.len() - 1);
        }
        chain.push(to);
        for pair in chain.windows(2) {
            items[pair[0]].after.push(pair[1]);
            items[pair[1]].before.push(pair[0]);
        }
        chains.push(chain);
    }
    let layers = order(&items);
    let heights = heights(&items, &layers);

    let mut columns = vec![];
    let mut left = 0.0;
    for layer in &layers {
        let width = layer.iter().filter_map(|&item| sizes.get(item)).map(|size| size.0).fold(0.0, f64::max);
        columns.push((left, left + width));
        left += width + ALLEY;
    }
    let middle = |item: usize| {
        let (left, right) = columns[items[item].layer];
        ((left + right) / 2.0, heights[item])
    };
    let paths = chains
        .iter()
        .map(|chain| {
            let mut path = vec![];
            for (nth, &item) in chain.iter().enumerate() {
                let (x, y) = middle(item);
                let (left, right) = match sizes.get(item) {
                    Some(size) => (x - size.0 / 2.0, x + size.0 / 2.0),
                    None => columns[items[item].layer],
                };
                if nth > 0 {
                    path.push((left, y));
                }
                if nth + 1 < chain.len() {
                    path.push((right, y));
                }
            }
            path
        })
        .collect();
    let bottom = items.iter().zip(&heights).map(|(item, y)| y + item.height / 2.0).fold(0.0, f64::max);
    let size = ((left - ALLEY).max(0.0), bottom);
    Layout { places: (0..sizes.len()).map(middle).collect(), paths, size }
}

/// The layer of every node: after all that it needs; those that need nothing stand as late as they can.
fn ranks(nodes: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    let mut rank = vec![0; nodes];
    for _ in 0..nodes {
        for &(from, to) in edges {
            // The bound keeps a graph with a cycle finite.
            rank[to] = rank[to].max(rank[from] + 1).min(nodes);
        }
    }
    for node in 0..nodes {
        let needs = edges.iter().any(|edge| edge.1 == node);
        let first = edges.iter().filter(|edge| edge.0 == node).map(|edge| rank[edge.1]).min();
        if let (false, Some(first)) = (needs, first) {
            rank[node] = first.saturating_sub(1);
        }
    }
    rank
}

/// The order of every layer, of those that the sweeps went through the one with the fewest crossings.
fn order(items: &[Item]) -> Vec<Vec<usize>> {
    let count = items.iter().map(|item| item.layer + 1).max().unwrap_or(0);
    let mut layers: Vec<Vec<usize>> = vec![vec![]; count];
    for (at, item) in items.iter().enumerate() {
        layers[item.layer].push(at);
    }
    let mut best = (crossings(items, &layers), layers.clone());
    for sweep in 0..SWEEPS {
        let forwards = sweep % 2 == 0;
        for step in 0..count {
            let layer = if forwards { step } else { count - 1 - step };
            let places = places(items.len(), &layers);
            let key = |item: usize| {
                let near = if forwards { &items[item].before } else { &items[item].after };
                if near.is_empty() {
                    return places[item];
                }
                near.iter().map(|&other| places[other]).sum::<f64>() / near.len() as f64
            };
            layers[layer].sort_by(|&a, &b| key(a).total_cmp(&key(b)));
        }
        let crossings = crossings(items, &layers);
        if crossings < best.0 {
            best = (crossings, layers.clone());
        }
    }
    best.1
}

/// The place of every item in its layer, from 0 to 1, so that layers of different lengths compare.
fn places(items: usize, layers: &[Vec<usize>]) -> Vec<f64> {
    let mut places = vec![0.0; items];
    for layer in layers {
        for (at, &item) in layer.iter().enumerate() {
            places[item] = (at as f64 + 0.5) / layer.len() as f64;
        }
    }
    places
}

fn crossings(items: &[Item], layers: &[Vec<usize>]) -> usize {
    let places = places(items.len(), layers);
    let mut count = 0;
    for layer in layers {
        let lines: Vec<(f64, f64)> = layer
            .iter()
            .flat_map(|&from| items[from].after.iter().map(move |&to| (from, to)))
            .map(|(from, to)| (places[from], places[to]))
            .collect();
        for (at, a) in lines.iter().enumerate() {
            count += lines[at + 1..].iter().filter(|b| (a.0 - b.0) * (a.1 - b.1) < 0.0).count();
        }
    }
    count
}

/// The height of every item's middle: near its neighbours, apart from the others of its layer.
fn heights(items: &[Item], layers: &[Vec<usize>]) -> Vec<f64> {
    let mut heights = vec![0.0; items.len()];
    for layer in layers {
        let wanted: Vec<f64> = layer.iter().map(|_| 0.0).collect();
        spread(items, layer, &wanted, &mut heights);
    }
    for sweep in 0..SWEEPS {
        let forwards = sweep % 2 == 0;
        for step in 0..layers.len() {
            let layer = &layers[if forwards { step } else { layers.len() - 1 - step }];
            let wanted: Vec<f64> = layer
                .iter()
                .map(|&item| {
                    let near = || items[item].before.iter().chain(&items[item].after);
                    let count = near().count();
                    if count == 0 {
                        return heights[item];
                    }
                    near().map(|&other| heights[other]).sum::<f64>() / count as f64
                })
                .collect();
            spread(items, layer, &wanted, &mut heights);
        }
    }
    let top = items.iter().zip(&heights).map(|(item, y)| y - item.height / 2.0).fold(f64::INFINITY, f64::min);
    heights.iter().map(|y| y - top).collect()
}

/// The heights nearest to the wanted ones (least squares) that keep a layer's items apart and in order: isotonic
/// regression by pooling neighbours that are in each other's way.
fn spread(items: &[Item], layer: &[usize], wanted: &[f64], heights: &mut [f64]) {
    let mut offset = 0.0;
    let mut offsets = vec![];
    // Sum, count of pools.
    let mut pools: Vec<(f64, usize)> = vec![];
    for (at, (&item, wanted)) in layer.iter().zip(wanted).enumerate() {
        if at > 0 {
            offset += (items[layer[at - 1]].height + items[item].height) / 2.0 + GAP;
        }
        offsets.push(offset);
        let mut pool = (wanted - offset, 1);
        while let Some(last) = pools.last().filter(|last| last.0 / last.1 as f64 > pool.0 / pool.1 as f64) {
            pool = (pool.0 + last.0, pool.1 + last.1);
            pools.pop();
        }
        pools.push(pool);
    }
    let levels = pools.iter().flat_map(|&(sum, count)| std::iter::repeat_n(sum / count as f64, count));
    for ((&item, level), offset) in layer.iter().zip(levels).zip(offsets) {
        heights[item] = level + offset;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diamond_with_a_shortcut_stands_in_three_layers() {
        // a -> b -> d, a -> c -> d, a -> d
        let layout = layered(&[(100.0, 40.0); 4], &[(0, 1), (0, 2), (1, 3), (2, 3), (0, 3)]);
        let [a, b, c, d] = layout.places[..] else { panic!() };
        assert_eq!((a.0, b.0, c.0, d.0), (50.0, 188.0, 188.0, 326.0));
        assert!((b.1 - c.1).abs() >= 40.0 + GAP, "{b:?} {c:?}");
        assert_eq!(layout.size.0, 376.0);
        let shortcut = &layout.paths[4];
        assert_eq!((shortcut[0], shortcut[3]), ((100.0, a.1), (276.0, d.1)));
        // It passes the middle layer level, outside of both nodes.
        assert_eq!(shortcut[1].1, shortcut[2].1);
        assert!([b, c].iter().all(|node| (node.1 - shortcut[1].1).abs() > 20.0));
    }

    #[test]
    fn crossed_pairs_are_uncrossed() {
        let layout = layered(&[(10.0, 10.0); 4], &[(0, 3), (1, 2)]);
        let y = |node: usize| layout.places[node].1;
        assert_eq!((y(0) < y(1)), (y(3) < y(2)));
    }

    #[test]
    fn nothing_and_cycles_end() {
        assert_eq!(layered(&[], &[]).size, (0.0, 0.0));
        assert_eq!(layered(&[(10.0, 10.0); 2], &[(0, 1), (1, 0), (1, 1)]).places.len(), 2);
    }

    #[test]
    fn pools_are_isotonic_regression() {
        // By hand: wanted 0, 0, 100 with 20 between; the first two meet at -10 and 10.
        let item = || Item { layer: 0, height: 4.0, before: vec![], after: vec![] };
        let mut heights = vec![0.0; 3];
        spread(&[item(), item(), item()], &[0, 1, 2], &[0.0, 0.0, 100.0], &mut heights);
        assert_eq!(heights, [-10.0, 10.0, 100.0]);
    }
}
