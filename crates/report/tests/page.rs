//! The page's HTML: what it shows, that it loads nothing, that texts stay texts.

use report::page::{
    Comparison, Evaluation, Graph, History, Importances, Measured, Mistake, Node, Page, Projection, State,
};
use report::{Scores, Series};

/// Markup, a way out of an attribute, and a way out of a script, in every place that takes text.
const EVIL: &str = "<script>alert(1)</script>\"' onload='x' </style>&amp;{{ 7 }}";

fn page(text: &str) -> Page {
    let text = || text.to_owned();
    let node = |state| Node { name: text(), note: text(), tip: text(), state };
    let scores = Scores::Classes {
        classes: vec![text(), "other".into()],
        labels: vec![0, 1, 1, 0],
        predicted: vec![1, 1, 0, 0],
        scores: vec![0.75, 0.5, 0.25, 0.125],
    };
    let mistake =
        Mistake { id: text(), label: text(), said: text(), how: text(), cells: vec![(text(), text())] };
    Page {
        name: text(),
        notes: vec![text()],
        comparisons: vec![Comparison {
            stage: text(),
            metrics: vec![text()],
            rows: vec![
                (text(), vec![Some(Measured { value: 0.8125, interval: Some((0.75, 0.875)) })]),
                ("none".into(), vec![None]),
            ],
            best: text(),
        }],
        graph: Graph { nodes: vec![node(State::Source), node(State::Ran)], edges: vec![(0, 1)] },
        histories: vec![History {
            stage: text(),
            kept: Some(1.0),
            metrics: vec![(text(), vec![Series { name: text(), xs: vec![0.0, 1.0], ys: vec![0.5, 0.625] }])],
            range_test: Some((1e-3, Series { name: text(), xs: vec![1e-7, 10.0], ys: vec![0.5, 0.625] })),
        }],
        evaluations: vec![
            Evaluation {
                name: text(),
                stage: text(),
                metrics: vec![],
                notes: vec![text()],
                scores: Some(scores),
                mistakes: vec![mistake],
                sheet: None,
            },
            Evaluation {
                name: text(),
                stage: text(),
                metrics: vec![],
                notes: vec![],
                scores: Some(Scores::Numbers { labels: vec![1.0, 2.0], values: vec![1.5, 2.5] }),
                mistakes: vec![],
                sheet: None,
            },
        ],
        importances: vec![Importances { stage: text(), columns: vec![(text(), 3.0), ("b".into(), 1.0)] }],
        projections: vec![Projection {
            stage: text(),
            points: vec![(text(), 0, (1.0, 2.0)), ("b".into(), 0, (2.0, 1.0))],
            groups: vec![text()],
        }],
        texts: vec![(text(), text())],
        environment: vec![(text(), text())],
    }
}

/// Elements by name and attributes by name, as an HTML parser sees them in text that escapes `<`, `>` and quotes.
fn tags(html: &str) -> Vec<&str> {
    html.split('<').skip(1).map(|rest| rest.split('>').next().unwrap_or(rest)).collect()
}

#[test]
fn texts_stay_texts() {
    let html = page(EVIL).render().unwrap();
    assert!(!html.contains("<script>alert"));
    assert!(!html.contains("onload='x'"));
    let plain = page("word").render().unwrap();
    let kinds = |html: &str| -> Vec<String> {
        let name = |tag: &&str| tag.split_whitespace().next().unwrap_or("").to_owned();
        tags(html).iter().map(name).collect()
    };
    // The same elements, whatever the texts say.
    assert_eq!(kinds(&html), kinds(&plain));
    assert!(html.contains("{{ 7 }}"));
}

#[test]
fn nothing_is_loaded() {
    let html = page(EVIL).render().unwrap();
    for tag in tags(&html) {
        for attribute in ["src=", "srcset=", "xlink:href", "@import"] {
            assert!(!tag.contains(attribute), "{tag}");
        }
        if let Some((_, target)) = tag.split_once("href=\"") {
            assert!(target.starts_with('#'), "{tag}");
        }
        assert!(!["link", "iframe", "img", "object", "base"].contains(&tag), "{tag}");
    }
    assert!(html.split("url(").skip(1).all(|rest| rest.starts_with('#')));
    // The only address is the name of SVG's namespace, in the script.
    assert_eq!(html.matches("://").count(), html.matches("http://www.w3.org/2000/svg").count());
    assert!(html.contains("default-src 'none'"));
    assert!(html.contains("prefers-color-scheme: dark"));
}

#[test]
fn numbers_are_there_for_eyes_and_pointers() {
    let html = page("word").render().unwrap();
    for wanted in [
        "<td>0.8125 [0.7500, 0.8750]</td>",
        // By hand: of two rows of each class one is right, and each class was chosen twice.
        "<td>2</td><td>0.5000</td><td>0.5000</td><td>0.5000</td>",
        "<p class=\"note\">word: word</p>",
        "said - label",
        // The curve's values.
        "data-name=\"word\" data-v=\"0 0.5,1 0.625\"",
        // One of two pairs is in order for each positive row: by hand 2 of 4 pairs of rows.
        "area 0.5000",
        "<td class=\"wrong\" style=\"--share:50%\">1<small>50%</small></td>",
        "<i style=\"width:33.3%\">",
        "data-tip=\"b · word\"",
        "1.5 for 1",
    ] {
        assert!(html.contains(wanted), "{wanted}");
    }
}

#[test]
fn the_same_content_gives_the_same_page() {
    assert_eq!(page("word").render().unwrap(), page("word").render().unwrap());
    assert!(Page::default().render().unwrap().contains("</html>"));
}
