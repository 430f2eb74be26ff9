//! Rows that parts of a data set share, as tables.

use data::Leaks;

use crate::table::Table;
use crate::words;

/// How many there are, and some of them.
pub(crate) fn tables(leaks: &Leaks) -> String {
    let mut counts = Table::new(&["rows of", "also in", "exactly", "nearly", "other label", "dropped"]);
    counts = counts.right(&[2, 3, 4, 5]);
    let mut examples =
        Table::new(&["row", "label", "text", "alike", "row", "label", "text"]).right(&[0, 3, 4]);
    for leak in &leaks.pairs {
        let dropped = leaks.dropped.get(&leak.among).map_or_else(String::new, u64::to_string);
        let numbers = [leak.same, leak.near, leak.other_label].map(|count| count.to_string());
        let names = [leak.of, leak.among].map(|group| group.name().to_owned());
        counts.row(names.into_iter().chain(numbers).chain([dropped]));
        for example in &leak.examples {
            let cells = |shown: &data::Shown| {
                [shown.row.to_string(), shown.label.clone().unwrap_or_default(), shown.text.clone()]
            };
            let alike = example.similarity.map_or_else(|| "equal".to_owned(), words::number);
            examples.row(cells(&example.row).into_iter().chain([alike]).chain(cells(&example.like)));
        }
    }
    format!("{counts}\n{examples}\n")
}
