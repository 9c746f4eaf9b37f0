//! Models run by `rten`: pure Rust, nothing to install.

use rten::{Dimension, Model, NodeId, Value, ValueOrView};
use rten_tensor::prelude::*;
use rten_tensor::{NdTensor, Tensor};

use super::{Input, OnnxError, Runtime, check_output, known_input};

pub(super) struct Rten {
    model: Model,
    inputs: Vec<Input>,
    nodes: Vec<NodeId>,
    output: NodeId,
}

impl Rten {
    pub(super) fn load(model: Vec<u8>, labels: usize) -> Result<Self, OnnxError> {
        let model = Model::load(model).map_err(|e| OnnxError::Model(e.to_string()))?;
        let nodes = model.input_ids().to_vec();
        let inputs = nodes.iter().map(|&node| input(&model, node)).collect::<Result<_, _>>()?;
        let &output = model.output_ids().first().ok_or_else(|| OnnxError::Shape("it has no output".into()))?;
        if let Some(shape) = model.node_info(output).and_then(|n| n.shape()) {
            let classes = match shape.last() {
                Some(Dimension::Fixed(classes)) => Some(*classes),
                _ => None,
            };
            check_output(shape.len(), classes, labels)?;
        }
        Ok(Self { model, inputs, nodes, output })
    }
}

fn input(model: &Model, node: NodeId) -> Result<Input, OnnxError> {
    let info = model.node_info(node);
    let name = info.as_ref().and_then(rten::NodeInfo::name).unwrap_or_default();
    known_input(name, info.as_ref().and_then(rten::NodeInfo::shape).map(|s| s.len()))
}

impl Runtime for Rten {
    fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    fn run(&self, tokens: &[u32]) -> Result<(Vec<usize>, Vec<f32>), String> {
        let fed: Vec<(NodeId, ValueOrView<'_>)> = self
            .inputs
            .iter()
            .zip(&self.nodes)
            .map(|(input, node)| {
                let values = tokens.iter().map(|&t| input.value(t) as i32).collect::<Vec<_>>();
                (*node, Value::from(NdTensor::from_data([1, tokens.len()], values)).into())
            })
            .collect();
        let [value] = self.model.run_n(fed, [self.output], None).map_err(|e| e.to_string())?;
        let logits: Tensor<f32> = value.try_into().map_err(|e| format!("output: {e}"))?;
        Ok((logits.shape().to_vec(), logits.to_vec()))
    }
}
