//! Which rows a page shows.

use metrics::{TagSet, Tagging};
use report::Scores;

#[test]
fn the_worst_rows_are_the_surest_wrong_ones() {
    let two = Scores::Classes {
        classes: ["no", "yes"].map(str::to_owned).to_vec(),
        labels: vec![0, 1, 1, 0],
        predicted: vec![1, 0, 1, 0],
        scores: vec![0.7, 0.1, 0.9, 0.2],
    };
    assert_eq!(two.worst(5), [(1, 0.9), (0, 0.7)]);
    let three = Scores::Classes {
        classes: ["a", "b", "c"].map(str::to_owned).to_vec(),
        labels: vec![0, 1],
        predicted: vec![0, 2],
        scores: vec![0.8, 0.1, 0.1, 0.2, 0.3, 0.5],
    };
    assert_eq!(three.worst(5), [(1, 0.5)]);
    let numbers = Scores::Numbers { labels: vec![1.0, 2.0, 3.0], values: vec![1.5, 2.0, 1.0] };
    assert_eq!(numbers.worst(2), [(2, 2.0), (0, 0.5)]);
    // Texts of two words: one entity of another type, which is missed and found where there is none; none wrong; one missed.
    let set = TagSet::new(&["O", "B-PER", "B-LOC"].map(str::to_owned));
    let tags = Tagging::chosen(set, vec![0, 2, 4, 6], vec![1, 0, 0, 2, 0, 1], vec![2, 0, 0, 2, 0, 0]);
    assert_eq!(Scores::Tags(tags).worst(5), [(0, 2.0), (2, 1.0)]);
}
