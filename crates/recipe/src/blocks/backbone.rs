//! `network.backbone`: known networks, declared in the language of recipes and shipped with the compiler.
//!
//! A family is a file of `backbones/`: `[blocks]` as in a recipe, `[vars]` that `with` may change, and `[backbones.NAME]`
//! with `layers`, the `top` that makes classes of their output, of encoders of text `tokens` that make them of each token,
//! and the `preprocessing` of the pictures that its published
//! weights were trained on.

use std::path::Path;
use std::rc::Rc;

use network::{Layer, nearest};
use plan::{Diagnostic, Place};
use toml::de::DeTable;

use super::{Flat, Names, Scope, Unfolding};
use crate::report::{File, Seen, Span};
use crate::tree::{Data, Node};
use crate::words::list;
use crate::{catalogue, vars};

/// A file of backbones and the networks in it.
struct Family {
    file: &'static str,
    networks: &'static [&'static str],
    text: &'static str,
}

/// Every backbone.
const FAMILIES: &[Family] = &[
    Family {
        file: "resnet.toml",
        networks: &["resnet18", "resnet34", "resnet50", "resnet101"],
        text: include_str!("../../backbones/resnet.toml"),
    },
    Family {
        file: "cifar-resnet.toml",
        networks: &["resnet20", "resnet32", "resnet44", "resnet56"],
        text: include_str!("../../backbones/cifar-resnet.toml"),
    },
    Family {
        file: "vgg.toml",
        networks: &["vgg11", "vgg11_bn", "vgg13", "vgg13_bn", "vgg16", "vgg16_bn", "vgg19", "vgg19_bn"],
        text: include_str!("../../backbones/vgg.toml"),
    },
    Family {
        file: "mobilenet-v2.toml",
        networks: &["mobilenet_v2"],
        text: include_str!("../../backbones/mobilenet-v2.toml"),
    },
    Family {
        file: "mobilenet-v3.toml",
        networks: &["mobilenet_v3_small", "mobilenet_v3_large"],
        text: include_str!("../../backbones/mobilenet-v3.toml"),
    },
    Family {
        file: "efficientnet.toml",
        networks: &[
            "efficientnet_b0",
            "efficientnet_b1",
            "efficientnet_b2",
            "efficientnet_b3",
            "efficientnet_b4",
        ],
        text: include_str!("../../backbones/efficientnet.toml"),
    },
    Family {
        file: "inception-v3.toml",
        networks: &["inception_v3"],
        text: include_str!("../../backbones/inception-v3.toml"),
    },
    Family {
        file: "squeezenet.toml",
        networks: &["squeezenet1_0", "squeezenet1_1"],
        text: include_str!("../../backbones/squeezenet.toml"),
    },
    Family {
        file: "densenet.toml",
        networks: &["densenet121"],
        text: include_str!("../../backbones/densenet.toml"),
    },
    Family {
        file: "convnext.toml",
        networks: &["convnext_tiny"],
        text: include_str!("../../backbones/convnext.toml"),
    },
    Family {
        file: "bert.toml",
        networks: &["bert"],
        text: concat!(
            include_str!("../../backbones/bert.toml"),
            include_str!("../../backbones/bert-encoder.toml")
        ),
    },
    Family {
        file: "roberta.toml",
        networks: &["roberta"],
        text: concat!(
            include_str!("../../backbones/roberta.toml"),
            include_str!("../../backbones/bert-encoder.toml")
        ),
    },
    Family {
        file: "distilbert.toml",
        networks: &["distilbert"],
        text: include_str!("../../backbones/distilbert.toml"),
    },
    Family {
        file: "model2vec.toml",
        networks: &["model2vec"],
        text: include_str!("../../backbones/model2vec.toml"),
    },
];

/// Names of all backbones.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    FAMILIES.iter().flat_map(|family| family.networks).copied()
}

/// The layers of a backbone as it is.
pub(crate) fn layers(name: &str) -> Option<Vec<Layer>> {
    let (mut files, mut findings) = (vec![], vec![]);
    let mut unfolding = Unfolding {
        files: &mut files,
        findings: &mut findings,
        seen: Seen::default(),
        sound: true,
        unfolded: 0,
    };
    let data = Data::Table([("backbone".to_owned(), Node::string(name, Span::default()))].into());
    let network = Node { data, ..Node::string("", Span::default()) };
    let layers = unfolding.backbone(&network, &Scope::default())?;
    layers.iter().map(|layer| serde_json::from_value(layer.to_json()).ok()).collect()
}

/// The chain of steps that a backbone's pictures went through, and its text.
pub(crate) fn preprocessing(name: &str) -> Option<(Vec<Node>, &'static str)> {
    let family = FAMILIES.iter().find(|family| family.networks.contains(&name))?;
    // The files are tested with the compiler that they are part of.
    let (table, _) = DeTable::parse_recoverable(family.text);
    let file = Node::document(0, &table);
    let chain = file.get("backbones")?.get(name)?.get("preprocessing")?;
    match &chain.data {
        Data::Array(steps) => Some((steps.clone(), family.text.get(chain.span.range())?)),
        _ => None,
    }
}

impl Unfolding<'_> {
    /// The layers of a network that names a backbone: the backbone's, its top or a pool, then the network's own. `None`
    /// after a mistake.
    pub(super) fn backbone(&mut self, network: &Node, scope: &Scope) -> Option<Vec<Node>> {
        (self.sound, self.unfolded) = (true, 0);
        if !self.is_valid(catalogue::backbone(), network, scope) {
            return None;
        }
        let used = network.get("backbone")?;
        let name = used.text()?;
        let family = FAMILIES.iter().find(|family| family.networks.contains(&name))?;
        let file = self.read(family);
        let definition = file.get("backbones")?.get(name)?;
        let inner = self.inside(&file, network, scope)?;
        let (mut flat, mut names) = (Flat::default(), Names::default());
        let elements = |node: &'_ Node, key: &str| match node.get(key).map(|node| &node.data) {
            Some(Data::Array(elements)) => elements.clone(),
            _ => vec![],
        };
        self.list(&elements(definition, "layers"), &inner, &mut names, &mut flat);
        let top = match network.get("top").map(|top| (top, &top.data)) {
            Some((_, Data::Boolean(false))) => None,
            Some((top, Data::String(key))) => {
                if definition.get(key).is_none() {
                    let message = format!("`{name}` has no top that makes classes of each token");
                    let diagnostic = Diagnostic::new("backbone-top", Place::default(), message);
                    self.report(&top.span, scope, diagnostic.hint("top = true, or top = false"));
                }
                Some(key.as_str())
            }
            _ => Some("top"),
        };
        match (top, network.get("pool")) {
            (Some(top), _) => self.list(&elements(definition, top), &inner, &mut names, &mut flat),
            (None, Some(pool)) => flat.push(global(pool), Some("pool".to_owned()), inner.uses()),
            (None, None) => {}
        }
        if let Some(pool) = network.get("pool").filter(|_| top.is_some()) {
            let diagnostic =
                Diagnostic::new("backbone-pool", Place::default(), "the backbone pools in its top");
            self.report(&pool.span, scope, diagnostic.hint("leave its top out: top = false"));
        }
        self.list(&elements(network, "layers"), scope, &mut Names::default(), &mut flat);
        self.sound.then_some(flat.layers)
    }

    /// A family's file, put among those that findings may point into.
    fn read(&mut self, family: &Family) -> Node {
        // The files are tested with the compiler that they are part of.
        let (table, _) = DeTable::parse_recoverable(family.text);
        let node = Node::document(self.files.len(), &table);
        let path = Path::new("backbones").join(family.file);
        self.files.push(File { path, text: family.text.to_owned(), is_built_in: true });
        node
    }

    /// What a family's layers are read in: its own blocks, and its variables as `with` sets them.
    fn inside(&mut self, file: &Node, network: &Node, scope: &Scope) -> Option<Scope> {
        let used = network.get("backbone")?;
        let mut vars = vars::declared(file);
        for (key, value) in network.get("with").and_then(Node::table).into_iter().flatten() {
            if vars.contains_key(key) {
                vars.insert(key.clone(), value.data.clone());
                continue;
            }
            let hint = match nearest(key, vars.keys().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("it has {}", list(vars.keys().map(String::as_str))),
            };
            let message = format!("the backbone `{}` has no variable `{key}`", used.text()?);
            let diagnostic = Diagnostic::new("unknown-variable", Place::default(), message).hint(hint);
            self.report(value.key.as_ref().unwrap_or(&value.span), scope, diagnostic);
        }
        let (blocks, vars) = (file.get("blocks").and_then(Node::table).cloned(), Rc::new(vars));
        Some(Scope {
            blocks: Rc::new(blocks.unwrap_or_default()),
            globals: Rc::clone(&vars),
            vars,
            within: vec![(used.text()?.to_owned(), used.span.clone())],
            ..Scope::default()
        })
    }
}

/// The layer of a global pool that is written as `mean`, `max` or `cls`.
fn global(pool: &Node) -> Node {
    let kind = match pool.text().unwrap_or_default() {
        "cls" => "sequence-first".to_owned(),
        pooling => format!("{pooling}-pool"),
    };
    let data = Data::Table([("kind".to_owned(), Node::string(&kind, pool.span.clone()))].into());
    Node { data, ..Node::string("", pool.span.clone()) }
}
