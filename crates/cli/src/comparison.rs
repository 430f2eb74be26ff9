//! A comparison for a terminal: values with their confidence intervals, the best of each metric marked, in tables that
//! are no wider than most terminals.

use console::{measure_text_width, style};
use plan::Variant;
use serde_json::Value;
use stages::Measure;

use crate::table::Table;
use crate::words;

/// The file.
pub(crate) const FILE: &str = "comparison.json";
/// Characters of a line.
const WIDTH: usize = 80;
/// Characters of an approach's name.
const NAME: usize = 30;

/// The tables of a `comparison.json`, as many as the width asks for.
pub(crate) fn tables(document: &Value) -> Vec<Table> {
    let rows = document["rows"].as_array().map_or(&[][..], Vec::as_slice);
    let names: Vec<String> = rows.iter().map(|row| short(row["name"].as_str().unwrap_or_default())).collect();
    let mut columns: Vec<(String, Vec<String>)> =
        metrics(document).into_iter().map(|name| (name.clone(), column(&name, rows))).collect();
    let counts =
        rows.iter().map(|row| row["rows"].as_u64().map_or_else(String::new, |rows| rows.to_string()));
    columns.push(("rows".to_owned(), counts.collect()));
    let widest = |texts: &[String]| texts.iter().map(|text| measure_text_width(text)).max().unwrap_or(0);
    let (mut tables, mut taken, mut room) = (vec![], vec![], 0);
    for (head, cells) in columns {
        let width = 2 + widest(&cells).max(head.chars().count());
        if width > room && !taken.is_empty() {
            tables.push(table(&names, std::mem::take(&mut taken)));
        }
        if taken.is_empty() {
            room = WIDTH.saturating_sub(widest(&names));
        }
        room = room.saturating_sub(width);
        taken.push((head, cells));
    }
    tables.push(table(&names, taken));
    tables.extend(spreads(document));
    tables
}

/// Variants of a sweep taken together, metric by metric; the best mean of several has a mark.
fn spreads(document: &Value) -> Option<Table> {
    let spreads = document["spreads"].as_array().filter(|spreads| !spreads.is_empty())?;
    let mut table = Table::new(&["metric", "name", "over", "mean", "deviation", "best"]).right(&[3, 4]);
    for metric in metrics(document) {
        let means: Vec<Option<f64>> =
            spreads.iter().map(|spread| spread["metrics"][&metric]["mean"].as_f64()).collect();
        let best = best(&metric, &means);
        let mut head = metric.clone();
        for (spread, mean) in spreads.iter().zip(&means).filter_map(|(spread, mean)| Some((spread, (*mean)?)))
        {
            let of = &spread["metrics"][&metric];
            let number = |key: &str| of[key].as_f64().map_or_else(|| "–".to_owned(), words::number);
            let over: Vec<&str> =
                spread["over"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let variant = Variant::parse(of["best_of"].as_str().unwrap_or_default());
            let axes: Vec<String> =
                variant.axes.iter().map(|(axis, value)| format!("{axis}={value}")).collect();
            table.row([
                std::mem::take(&mut head),
                short(spread["name"].as_str().unwrap_or_default()),
                format!("{} × {}", spread["count"], over.join(", ")),
                marked(mean, best),
                number("deviation"),
                format!("{} ({})", number("best"), axes.join(" ")),
            ]);
        }
    }
    Some(table)
}

/// The metrics in the order in which they are shown; the first decides.
pub(crate) fn metrics(document: &Value) -> Vec<String> {
    let names = document["metrics"].as_array().into_iter().flatten();
    names.filter_map(|name| Some(name.as_str()?.to_owned())).collect()
}

fn short(name: &str) -> String {
    match name.char_indices().nth(NAME) {
        Some(_) => name.chars().take(NAME - 1).chain(['…']).collect(),
        None => name.to_owned(),
    }
}

/// The cells of a metric; the best value has a mark.
fn column(name: &str, rows: &[Value]) -> Vec<String> {
    let values: Vec<Option<f64>> = rows.iter().map(|row| row["metrics"][name].as_f64()).collect();
    let best = best(name, &values);
    let cell = |(row, value): (&Value, &Option<f64>)| {
        let Some(value) = *value else { return "– ".to_owned() };
        let text = marked(value, best);
        match (row["intervals"][name][0].as_f64(), row["intervals"][name][1].as_f64()) {
            (Some(low), Some(high)) => format!("{text} [{}, {}]", words::number(low), words::number(high)),
            _ => text,
        }
    };
    rows.iter().zip(&values).map(cell).collect()
}

/// The best of several values.
fn best(metric: &str, values: &[Option<f64>]) -> Option<f64> {
    let largest = Measure::from_name(metric).is_none_or(|measure| measure.metric.larger_is_better());
    let fold = if largest { f64::max } else { f64::min };
    values.iter().copied().flatten().reduce(fold).filter(|_| values.len() > 1)
}

/// A number with a mark where it is the best, and room for one elsewhere.
fn marked(value: f64, best: Option<f64>) -> String {
    let number = words::number(value);
    if Some(value) == best { format!("{}*", style(number).bold()) } else { number + " " }
}

fn table(names: &[String], columns: Vec<(String, Vec<String>)>) -> Table {
    let heads: Vec<&str> =
        std::iter::once("name").chain(columns.iter().map(|(head, _)| head.as_str())).collect();
    let mut table = Table::new(&heads).right(&(1..heads.len()).collect::<Vec<_>>());
    for (at, name) in names.iter().enumerate() {
        table.row(std::iter::once(name.clone()).chain(columns.iter().map(|(_, cells)| cells[at].clone())));
    }
    table
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_best_are_marked_and_lines_are_short() {
        console::set_colors_enabled(false);
        let row = |name: &str, auc: f64, loss: f64| {
            json!({
                "name": name, "rows": 200, "metrics": { "auc": auc, "loss": loss, "f1": 0.5, "brier": 0.2 },
                "intervals": { "auc": [auc - 0.02, auc + 0.01], "loss": [0.1, 0.2], "f1": [0.4, 0.6] },
            })
        };
        let rows = [row("one", 0.9, 0.3), row("an approach with a name that is far too long", 0.95, 0.4)];
        let tables = tables(&json!({ "rows": rows, "metrics": ["auc", "loss", "f1", "brier"] }));
        let text: Vec<String> = tables.iter().map(ToString::to_string).collect();
        let text = text.join("\n");
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert!(
            text.contains("0.9500* [0.9300, 0.9600]") && text.contains("0.9000  [0.8800, 0.9100]"),
            "{text}"
        );
        assert!(text.contains("0.3000* [") && text.contains("0.4000  ["), "{text}");
        assert_eq!(tables.len(), 3);
    }
}
