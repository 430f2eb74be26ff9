//! Declared networks: shapes and names as PyTorch has them, mistakes, cuts, replacements, selections.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use std::collections::BTreeMap;

use network::{Graph, Input, Layer, Network, Problem, Selection};
use regex::Regex;

const TUTORIAL: &str = r#"[
  {"name": "token_embed", "kind": "embedding", "units": 64},
  {"name": "review_gru", "kind": "gru", "units": 50, "bidirectional": true},
  {"name": "last", "kind": "sequence-last"},
  {"name": "dense0", "kind": "dense", "units": 100, "batch-norm": true, "activation": "relu", "dropout": 0.2},
  {"name": "output", "kind": "dense", "units": 1}
]"#;

fn layers(json: &str) -> Vec<Layer> {
    serde_json::from_str(json).unwrap()
}

fn network(json: &str) -> Network {
    let review = Input::Sequence { vocabulary: Some(1000) };
    let inputs = BTreeMap::from([("review".to_owned(), review)]);
    Network::new(inputs, layers(json))
}

fn problems(json: &str) -> Vec<Problem> {
    network(json).lower().unwrap_err()
}

fn shapes(graph: &Graph) -> Vec<String> {
    graph.nodes.iter().map(|node| format!("{} {}", node.name, node.signal.shape)).collect()
}

#[test]
fn nodes_and_shapes() {
    assert_eq!(
        shapes(&network(TUTORIAL).lower().unwrap()),
        [
            "review [batch, time]",
            "token_embed [batch, time, 64]",
            "review_gru [batch, time, 100]",
            "last [batch, 100]",
            "dense0.linear [batch, 100]",
            "dense0.batch-norm [batch, 100]",
            "dense0.relu [batch, 100]",
            "dense0.dropout [batch, 100]",
            "output [batch, 1]",
        ]
    );
}

/// Names and shapes of `torch.nn.LSTM(8, 5, num_layers=2, bidirectional=True).state_dict()`.
#[test]
fn recurrent_parameters_are_named_as_in_pytorch() {
    let graph = network(
        r#"[{"name": "e", "kind": "embedding", "units": 8},
            {"name": "lstm", "kind": "lstm", "units": 5, "layers": 2, "bidirectional": true},
            {"name": "p", "kind": "mean-pool"}]"#,
    );
    let graph = graph.lower().unwrap();
    let found: Vec<String> = graph
        .params()
        .filter(|param| param.name.starts_with("lstm."))
        .map(|param| {
            let shape: Vec<usize> = param.shape.iter().map(|dim| dim.size().unwrap()).collect();
            format!("{} {shape:?}", &param.name["lstm.".len()..])
        })
        .collect();
    assert_eq!(
        found,
        [
            "weight_ih_l0 [20, 8]",
            "weight_hh_l0 [20, 5]",
            "bias_ih_l0 [20]",
            "bias_hh_l0 [20]",
            "weight_ih_l0_reverse [20, 8]",
            "weight_hh_l0_reverse [20, 5]",
            "bias_ih_l0_reverse [20]",
            "bias_hh_l0_reverse [20]",
            "weight_ih_l1 [20, 10]",
            "weight_hh_l1 [20, 5]",
            "bias_ih_l1 [20]",
            "bias_hh_l1 [20]",
            "weight_ih_l1_reverse [20, 10]",
            "weight_hh_l1_reverse [20, 5]",
            "bias_ih_l1_reverse [20]",
            "bias_hh_l1_reverse [20]",
        ]
    );
}

#[test]
fn a_size_that_the_data_will_tell_stays_symbolic() {
    let mut network = network(TUTORIAL);
    network.inputs.insert("review".into(), Input::Sequence { vocabulary: None });
    let graph = network.lower().unwrap();
    assert_eq!(graph.params().next().unwrap().shape[0].to_string(), "vocabulary of review");
}

#[test]
fn every_mistake_is_found_and_none_twice() {
    let found = problems(
        r#"[{"name": "e", "kind": "embedding", "units": 8},
            {"name": "d", "kind": "flatten"},
            {"name": "g", "kind": "gru", "units": 5, "input": ["d"]},
            {"name": "e", "kind": "relu"},
            {"name": "p", "kind": "max-pool", "input": ["ee"]},
            {"name": "q", "kind": "max-pool", "input": ["e"]},
            {"name": "g2", "kind": "gru", "units": 5}]"#,
    );
    let codes: Vec<(usize, &str)> = found.iter().map(|problem| (problem.layer, problem.code)).collect();
    // `g` follows from `d`, so it is not reported again.
    assert_eq!(
        codes,
        [(1, "shape-mismatch"), (3, "duplicate-layer"), (4, "unknown-layer"), (6, "shape-mismatch")]
    );
    assert_eq!(
        found[0].message,
        "takes values of a fixed size, but `e` gives values of shape [batch, time, 8]"
    );
    assert_eq!(found[2].hint.as_deref(), Some("did you mean `e`?"));
    let both =
        "takes a sequence of vectors [batch, time, features], but `q` gives values of shape [batch, 8]";
    assert_eq!((found[3].message.as_str(), found[3].related), (both, Some(5)));
}

#[test]
fn a_dense_layer_on_tokens_and_a_late_input() {
    let found = problems(
        r#"[{"name": "d", "kind": "dense", "units": 4},
            {"name": "p", "kind": "mean-pool", "input": ["e"]},
            {"name": "e", "kind": "embedding", "units": 3, "input": ["review"]}]"#,
    );
    assert_eq!(found[0].hint.as_deref(), Some("put an `embedding` layer between them"));
    assert_eq!(found[1].hint.as_deref(), Some("a layer can only take layers that stand before it"));
    assert_eq!(found.len(), 2);
}

#[test]
fn a_cut_keeps_what_its_node_needs() {
    let network = network(TUTORIAL);
    let encoder = network.cut("last").unwrap();
    assert_eq!(shapes(&encoder.lower().unwrap()).len(), 4);
    // The result is a declaration of its own: cutting it at its end changes nothing.
    assert_eq!(encoder.cut("last").unwrap(), encoder);
    let inside = network.cut("dense0.relu").unwrap().lower().unwrap();
    assert_eq!(inside.nodes[inside.output].name, "dense0.relu");
    // A layer's name means its last step.
    assert_eq!(network.cut("dense0").unwrap().output.as_deref(), Some("dense0.dropout"));
    let unknown = network.cut("lats").unwrap_err();
    assert_eq!(unknown.nearest.as_deref(), Some("last"));
}

#[test]
fn replaced_layers_keep_their_place_and_new_ones_go_to_the_end() {
    let mut start = network(TUTORIAL);
    start.frozen = Selection::Pattern(Regex::new(".").unwrap()).of(&start.lower().unwrap()).unwrap();
    let wider = start.replace(&layers(r#"[{"name": "output", "kind": "dense", "units": 3}]"#));
    let graph = wider.lower().unwrap();
    assert_eq!(graph.nodes[graph.output].signal.shape.to_string(), "[batch, 3]");
    assert!(!wider.frozen.contains("output.weight") && wider.frozen.contains("dense0.weight"));
    let headed =
        start.cut("last").unwrap().replace(&layers(r#"[{"name": "head", "kind": "dense", "units": 2}]"#));
    let graph = headed.lower().unwrap();
    let head = &graph.nodes[graph.output];
    assert_eq!((head.name.as_str(), graph.nodes[head.inputs[0]].name.as_str()), ("head", "last"));
}

#[test]
fn selections_name_parameters_and_take_running_statistics_along() {
    let graph = network(TUTORIAL).lower().unwrap();
    let select = |pattern: &str| Selection::Pattern(Regex::new(pattern).unwrap()).of(&graph);
    assert_eq!(select("token_embed|review_gru").unwrap().len(), 1 + 8);
    let norm = select("batch_norm.weight").unwrap();
    assert!(norm.contains("dense0.batch_norm.running_mean"), "{norm:?}");
    let last: Vec<String> = Selection::Last(1).of(&graph).unwrap().into_iter().collect();
    assert_eq!(last, ["output.bias", "output.weight"]);
    assert_eq!(Selection::Last(2).of(&graph).unwrap().len(), 2 + 6);
    let none = select("tokn_embed").unwrap_err();
    assert_eq!(none.nearest[0], "token_embed");
}

#[test]
fn vectors_are_values_whose_width_the_data_may_tell() {
    let of = |width| {
        let inputs = BTreeMap::from([
            ("age".to_owned(), Input::Number),
            ("words".to_owned(), Input::Vector { width }),
        ]);
        let layers = layers(
            r#"[{"name": "all", "kind": "concat", "input": ["age", "words"]},
                {"name": "output", "kind": "dense", "units": 1, "batch-norm": true}]"#,
        );
        Network::new(inputs, layers).lower().unwrap()
    };
    let open = of(None);
    let column = open.nodes.iter().find(|node| node.name == "words").unwrap();
    assert_eq!(column.signal.shape.to_string(), "[batch, width of words]");
    let all = open.nodes.iter().find(|node| node.name == "all").unwrap();
    assert_eq!(all.signal.shape.to_string(), "[batch, 1 + width of words]");
    // As torch.nn.Linear(1 + 30, 1).weight.
    let known = of(Some(30));
    let dense = known.nodes.iter().find(|node| node.name == "output.linear").unwrap();
    assert_eq!(network::Shape(dense.params[0].shape.clone()).to_string(), "[1, 31]");
    let weights = Network::new(
        BTreeMap::from([("words".to_owned(), Input::Vector { width: None })]),
        layers(r#"[{"name": "e", "kind": "embedding", "units": 4}]"#),
    );
    assert_eq!(weights.lower().unwrap_err()[0].code, "shape-mismatch");
}

/// Names and shapes of `torch.nn.Conv2d(6, 4, (3, 5), groups=2).state_dict()`, with a batch norm behind it.
#[test]
fn convolutions_are_named_and_shaped_as_in_pytorch() {
    let inputs = BTreeMap::from([(
        "picture".to_owned(),
        Input::Image { channels: Some(6), height: Some(32), width: Some(20) },
    )]);
    let layers = layers(
        r#"[{"name": "conv", "kind": "conv2d", "units": 4, "kernel": [3, 5], "groups": 2, "stride": 2,
             "padding": [1, 0], "batch-norm": true, "activation": "hard-swish"}]"#,
    );
    let graph = Network::new(inputs, layers).lower().unwrap();
    assert_eq!(
        shapes(&graph),
        [
            "picture [batch, 6, 32, 20]",
            "conv.conv [batch, 4, 16, 8]",
            "conv.batch-norm [batch, 4, 16, 8]",
            "conv.hard-swish [batch, 4, 16, 8]",
        ]
    );
    assert_eq!(graph.nodes[1].op.to_string(), "conv2d 3x5, stride 2x2, padding 1x0, 2 groups");
    let params = graph.params().map(|p| format!("{} {}", p.name, network::Shape(p.shape.clone())));
    assert_eq!(
        params.collect::<Vec<_>>(),
        [
            "conv.weight [4, 3, 3, 5]",
            "conv.bias [4]",
            "conv.batch_norm.weight [4]",
            "conv.batch_norm.bias [4]",
            "conv.batch_norm.running_mean [4]",
            "conv.batch_norm.running_var [4]",
        ]
    );
}

#[test]
fn pictures_whose_size_the_data_will_tell() {
    let open = Input::Image { channels: Some(3), height: None, width: None };
    let layers = layers(
        r#"[{"name": "same", "kind": "conv2d", "units": 8, "kernel": 3, "padding": 1},
            {"name": "sum", "kind": "add", "input": ["same", "same"]},
            {"name": "half", "kind": "max-pool2d", "kernel": 2},
            {"name": "flat", "kind": "flatten"},
            {"name": "out", "kind": "dense", "units": 2}]"#,
    );
    let network = Network::new(BTreeMap::from([("picture".to_owned(), open)]), layers);
    assert_eq!(
        shapes(&network.lower().unwrap()),
        [
            "picture [batch, 3, height of picture, width of picture]",
            "same [batch, 8, height of picture, width of picture]",
            "sum [batch, 8, height of picture, width of picture]",
            "half [batch, 8, height after half, width after half]",
            "flat [batch, 8 x height after half x width after half]",
            "out [batch, 2]",
        ]
    );
    let known = Input::Image { channels: Some(3), height: Some(9), width: Some(6) };
    let network = network.with_inputs(BTreeMap::from([("picture".to_owned(), known)]));
    let graph = network.lower().unwrap();
    assert_eq!(network::Shape(graph.params().nth(2).unwrap().shape.clone()).to_string(), "[2, 96]");
}

#[test]
fn a_module_is_found_replaced_and_frozen_by_its_name() {
    let start = network(
        r#"[{"name": "embed", "kind": "embedding", "units": 8},
            {"name": "body.0.gru", "kind": "gru", "units": 4},
            {"name": "body.0.norm", "kind": "layer-norm"},
            {"name": "body.1.gru", "kind": "gru", "units": 4},
            {"name": "sum", "kind": "add", "input": ["body.1.gru", "body.0.norm"]},
            {"name": "pool", "kind": "mean-pool"}]"#,
    );
    let graph = start.lower().unwrap();
    assert_eq!(graph.nodes[graph.find("body.0").unwrap()].name, "body.0.norm");
    assert_eq!(start.cut("body").unwrap().output.as_deref(), Some("body.1.gru"));
    let frozen = Selection::Pattern(Regex::new("^body[.]0[.]").unwrap()).of(&graph).unwrap();
    assert_eq!(frozen.len(), 4 + 2);
    assert_eq!(Selection::ExceptLast(1).of(&graph).unwrap().len(), 1 + 4 + 2);
    assert!(Selection::ExceptLast(4).of(&graph).is_err());
    let short = start.replace(&layers(r#"[{"name": "body.1", "kind": "dense", "units": 4}]"#));
    assert_eq!(
        shapes(&short.lower().unwrap())[3..],
        [
            "body.0.norm [batch, time, 4]",
            "body.1 [batch, time, 4]",
            "sum [batch, time, 4]",
            "pool [batch, 4]",
        ]
    );
}

/// Names and shapes of `weight_norm(torch.nn.Linear(8, 3))` and of an output that shares its embedding's table.
#[test]
fn weights_that_are_two_and_weights_that_are_shared() {
    let graph = network(
        r#"[{"name": "embed", "kind": "embedding", "units": 8},
            {"name": "words", "kind": "dense", "tied": "embed"},
            {"name": "pool", "kind": "mean-pool", "input": ["embed"]},
            {"name": "out", "kind": "dense", "units": 3, "weight-norm": true}]"#,
    );
    let names = |graph: &Graph| {
        let params = graph.params().map(|p| format!("{} {}", p.name, network::Shape(p.shape.clone())));
        params.collect::<Vec<_>>()
    };
    assert_eq!(
        names(&graph.lower().unwrap()),
        [
            "embed.weight [1000, 8]",
            "out.parametrizations.weight.original0 [3, 1]",
            "out.parametrizations.weight.original1 [3, 8]",
            "out.bias [3]",
        ]
    );
    // The table stays where only its weight is used.
    let words = network(
        r#"[{"name": "embed", "kind": "embedding", "units": 8},
            {"name": "other", "kind": "embedding", "units": 8, "input": ["review"]},
            {"name": "words", "kind": "dense", "tied": "embed"}]"#,
    );
    let words = words.cut("words").unwrap().lower().unwrap();
    let all = ["embed.weight [1000, 8]", "other.weight [1000, 8]", "words.bias [1000]"];
    assert_eq!(names(&words), all);
    assert_eq!(words.nodes[words.output].signal.shape.to_string(), "[batch, time, 1000]");
}

#[test]
fn a_layer_may_have_as_many_units_as_there_are_classes() {
    let network = network(
        r#"[{"name": "embed", "kind": "embedding", "units": 8},
            {"name": "pool", "kind": "mean-pool"},
            {"name": "out", "kind": "dense"}]"#,
    );
    let shape = |network: &Network| shapes(&network.lower().unwrap())[3].clone();
    assert_eq!(shape(&network), "out [batch, classes of the label]");
    assert_eq!(shape(&network.with_classes(|_| 4)), "out [batch, 4]");
}

#[test]
fn the_only_column_is_what_layers_mean_by_input() {
    let graph = network(
        r#"[{"name": "embed", "kind": "embedding", "units": 8},
            {"name": "again", "kind": "embedding", "units": 8, "input": ["input"]},
            {"name": "sum", "kind": "add", "input": ["embed", "again"]}]"#,
    );
    let graph = graph.lower().unwrap();
    assert_eq!(graph.nodes[graph.nodes[2].inputs[0]].name, "review");
}

/// A declaration goes out and in again as it was, defaults and all.
#[test]
fn layers_are_written_as_they_were_read() {
    let layers = layers(TUTORIAL);
    let text = serde_json::to_string(&layers).unwrap();
    assert!(text.starts_with(r#"[{"name":"token_embed","kind":"embedding","units":64}"#), "{text}");
    assert_eq!(serde_json::from_str::<Vec<Layer>>(&text).unwrap(), layers);
    let unknown = serde_json::from_str::<Layer>(r#"{"name": "a", "kind": "gro", "units": 4}"#).unwrap_err();
    assert!(unknown.to_string().starts_with("unknown layer kind"), "{unknown}");
    assert!(serde_json::from_str::<Layer>(r#"{"name": "a", "kind": "gru", "unit": 4}"#).is_err());
}

#[test]
fn networks_stand_side_by_side_under_their_names() {
    let mut words = network(
        r#"[{"name": "embed", "kind": "embedding", "units": 8},
            {"name": "layer", "kind": "dense", "units": 8, "activation": "relu"},
            {"name": "words", "kind": "dense", "tied": "embed"}]"#,
    );
    // The result is a step inside a layer, and the layer behind it is not needed.
    words = words.cut("layer.linear").unwrap();
    words.frozen.insert("embed.weight".to_owned());
    let vector = BTreeMap::from([("size".to_owned(), Input::Number)]);
    let sizes = Network::new(
        vector.clone(),
        layers(r#"[{"name": "a", "kind": "dense", "units": 3}, {"name": "b", "kind": "tanh"}]"#),
    );
    let parts = BTreeMap::from([("text".to_owned(), words), ("numbers".to_owned(), sizes.label_scaled(""))]);
    let review = Input::Sequence { vocabulary: Some(1000) };
    let inputs = BTreeMap::from([("review".to_owned(), review), ("size".to_owned(), Input::Number)]);
    let behind = layers(
        r#"[{"name": "mean", "kind": "mean-pool", "input": ["text"]},
            {"name": "all", "kind": "concat", "input": ["mean", "numbers", "numbers.a", "size"]},
            {"name": "out", "kind": "dense", "units": 1}]"#,
    );
    let joined = Network::joined(&parts, inputs, &behind);
    let graph = joined.lower().unwrap();
    assert_eq!(
        shapes(&graph),
        [
            "review [batch, time]",
            "size [batch, 1]",
            "numbers.a [batch, 3]",
            "numbers.b [batch, 3]",
            "text.embed [batch, time, 8]",
            "text.layer.linear [batch, time, 8]",
            "mean [batch, 8]",
            "all [batch, 15]",
            "out [batch, 1]",
        ]
    );
    assert_eq!(joined.frozen, ["text.embed.weight".to_owned()].into());
    // A weight that two layers share is still one.
    let tied = network(
        r#"[{"name": "embed", "kind": "embedding", "units": 8}, {"name": "words", "kind": "dense", "tied": "embed"}]"#,
    );
    let parts = BTreeMap::from([("text".to_owned(), tied.clone())]);
    let pool = layers(r#"[{"name": "pool", "kind": "mean-pool", "input": ["text"]}]"#);
    let joined = Network::joined(&parts, tied.inputs.clone(), &pool).lower().unwrap();
    let names: Vec<&str> = joined.params().map(|param| param.name.as_str()).collect();
    assert_eq!(names, ["text.embed.weight", "text.words.bias"]);
}
