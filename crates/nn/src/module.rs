//! A network with its weights.

use std::collections::{BTreeMap, BTreeSet};

use network::{Graph, Initial, Network, Node, Param};
use torch::{Device, Kind, Tensor, guard, no_grad_guard};

use crate::error::{Error, Misshapen};
use crate::init;

/// A network with its weights on a device.
///
/// Weights are `Float` and leaves of autograd; those that training may move require gradients.
#[derive(Debug)]
pub struct Module {
    pub(crate) network: Network,
    pub(crate) graph: Graph,
    pub(crate) device: Device,
    pub(crate) tensors: BTreeMap<String, Tensor>,
    /// By node: whether it and all that feeds it is frozen.
    pub(crate) frozen_part: Vec<bool>,
    /// Parameters that several layers use.
    pub(crate) tied: BTreeSet<String>,
    /// The number format in which training passes multiply.
    pub(crate) products: Kind,
}

impl Module {
    /// The network with every parameter drawn from `seed` and its own name.
    ///
    /// # Errors
    /// When the network does not lower, a size is not known, or the device refuses.
    pub fn new(network: &Network, seed: u64, device: Device) -> Result<Module, Error> {
        let graph = lowered(network)?;
        let mut tensors = BTreeMap::new();
        for node in &graph.nodes {
            for (at, param) in node.params.iter().enumerate().filter(|(_, param)| !param.tied) {
                let sizes = shape(param)?;
                let values = match (param.initial, node.params.get(at + 1)) {
                    (Initial::Norms, Some(of)) => init::norms(seed, &of.name, of.initial, &shape(of)?),
                    (initial, _) => init::draw(seed, &param.name, initial, &sizes),
                };
                let tensor = guard(|| Tensor::from_slice(&values).reshape(&sizes).to_device(device))?;
                tensors.insert(param.name.clone(), tensor);
            }
        }
        Module::assemble(network, graph, tensors, device)
    }

    /// The network with these weights, by full parameter name; other kinds of float become `Float`.
    ///
    /// # Errors
    /// [`Error::Weights`] with every missing, unexpected and misshapen name, else as [`Module::new`].
    pub fn with_weights(
        network: &Network,
        weights: &BTreeMap<String, Tensor>,
        device: Device,
    ) -> Result<Module, Error> {
        let graph = lowered(network)?;
        let (mut missing, mut misshapen) = (vec![], vec![]);
        let mut tensors = BTreeMap::new();
        for param in graph.params() {
            let expected = shape(param)?;
            match weights.get(&param.name) {
                None => missing.push(param.name.clone()),
                Some(found) if found.size() != expected => {
                    misshapen.push(Misshapen { name: param.name.clone(), expected, found: found.size() });
                }
                Some(found) => {
                    let own = guard(|| found.detach().to_kind(Kind::Float).to_device(device).copy())?;
                    tensors.insert(param.name.clone(), own);
                }
            }
        }
        let known: BTreeSet<&str> = graph.params().map(|param| param.name.as_str()).collect();
        let unexpected: Vec<String> =
            weights.keys().filter(|name| !known.contains(name.as_str())).cloned().collect();
        if !(missing.is_empty() && unexpected.is_empty() && misshapen.is_empty()) {
            return Err(Error::Weights { missing, unexpected, misshapen });
        }
        Module::assemble(network, graph, tensors, device)
    }

    fn assemble(
        network: &Network,
        graph: Graph,
        mut tensors: BTreeMap<String, Tensor>,
        device: Device,
    ) -> Result<Module, Error> {
        for param in graph.params().filter(|param| !param.buffer && !network.frozen.contains(&param.name)) {
            if let Some(tensor) = tensors.remove(&param.name) {
                tensors.insert(param.name.clone(), guard(|| tensor.set_requires_grad(true))?);
            }
        }
        let frozen_part = graph.frozen_part(&network.frozen);
        let tied = graph.nodes.iter().flat_map(|node| &node.params).filter(|param| param.tied);
        let tied = tied.map(|param| param.name.clone()).collect();
        let (network, products) = (network.clone(), Kind::Float);
        Ok(Module { network, graph, device, tensors, frozen_part, tied, products })
    }

    /// The same module whose training passes multiply in another number format: linear maps, convolutions and attention.
    /// Their results, and all other numbers, are `Float`.
    #[must_use]
    pub fn multiplying_in(mut self, products: Kind) -> Module {
        self.products = products;
        self
    }

    /// The declaration.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The primitive nodes.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Where the weights are.
    pub fn device(&self) -> Device {
        self.device
    }

    /// Copies of all parameters and buffers by full name, on the CPU.
    ///
    /// # Errors
    /// When the device refuses.
    pub fn weights(&self) -> Result<BTreeMap<String, Tensor>, Error> {
        self.tensors.iter().map(|(name, tensor)| Ok((name.clone(), copy(tensor)?))).collect()
    }

    /// As [`Module::weights`], without what training leaves as it is: of a network with a large frozen part little.
    ///
    /// # Errors
    /// When the device refuses.
    pub fn moving_weights(&self) -> Result<BTreeMap<String, Tensor>, Error> {
        self.moving().map(|(name, tensor)| Ok((name.clone(), copy(tensor)?))).collect()
    }

    fn moving(&self) -> impl Iterator<Item = (&String, &Tensor)> {
        let frozen: BTreeSet<&str> = self.frozen().into_iter().collect();
        self.tensors.iter().filter(move |(name, _)| !frozen.contains(name.as_str()))
    }

    /// Overwrites what training moves with `weights`, which hold all of that at least.
    ///
    /// # Errors
    /// [`Error::Weights`] when a name is missing, else when the device refuses.
    pub fn assign(&self, weights: &BTreeMap<String, Tensor>) -> Result<(), Error> {
        let missing: Vec<String> = self
            .moving()
            .map(|(name, _)| name)
            .filter(|name| !weights.contains_key(*name))
            .cloned()
            .collect();
        if !missing.is_empty() {
            return Err(Error::Weights { missing, unexpected: vec![], misshapen: vec![] });
        }
        let _no_grad = no_grad_guard();
        for (name, tensor) in self.moving() {
            guard(|| tensor.shallow_clone().copy_(&weights[name]))?;
        }
        Ok(())
    }

    /// A parameter or buffer itself, not a copy.
    pub fn tensor(&self, name: &str) -> Option<&Tensor> {
        self.tensors.get(name)
    }

    /// Full names of the parameters that training moves, sorted.
    pub fn trainable(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self
            .graph
            .params()
            .filter(|param| !param.buffer && !self.network.frozen.contains(&param.name))
            .map(|param| param.name.as_str())
            .collect();
        names.sort_unstable();
        names
    }

    /// Full names of the tensors that training must leave as they are: frozen parameters, and the running statistics
    /// of frozen batch norms. Sorted.
    pub fn frozen(&self) -> Vec<&str> {
        let mut names = vec![];
        for node in &self.graph.nodes {
            let still = node.uses_running_statistics(&self.network.frozen);
            let frozen = |param: &&Param| {
                if param.buffer { still } else { self.network.frozen.contains(&param.name) }
            };
            names.extend(node.own_params().filter(frozen).map(|param| param.name.as_str()));
        }
        names.sort_unstable();
        names
    }

    /// Whether training moves a parameter of the node.
    pub(crate) fn is_trainable(&self, node: &Node) -> bool {
        node.params.iter().any(|param| !param.buffer && !self.network.frozen.contains(&param.name))
    }

    pub(crate) fn param(&self, node: &Node, index: usize) -> &Tensor {
        &self.tensors[&node.params[index].name]
    }
}

fn copy(tensor: &Tensor) -> Result<Tensor, Error> {
    Ok(guard(|| tensor.detach().to_device(Device::Cpu).copy())?)
}

fn lowered(network: &Network) -> Result<Graph, Error> {
    network.lower().map_err(|problems| {
        Error::Network(problems.first().map_or_else(String::new, |problem| problem.message.clone()))
    })
}

fn shape(param: &Param) -> Result<Vec<i64>, Error> {
    param
        .shape
        .iter()
        .map(|dim| match dim.size() {
            Some(size) => Ok(size as i64),
            None => Err(Error::Unsized { param: param.name.clone(), dim: dim.to_string() }),
        })
        .collect()
}
