//! From the tensors of the file to the weights of the forward pass, each shape checked.

use rten_gemm::{GemmExecutor, PackedBMatrix};
use rten_tensor::NdTensorView;

use crate::onnx::{Graph, Tensor};

/// Width of the model.
pub(crate) const WIDTH: usize = 384;
/// Width of the inner layer of each block.
pub(crate) const INNER: usize = 1_536;
/// Blocks.
pub(crate) const BLOCKS: usize = 6;
/// Attention heads in each block.
pub(crate) const HEADS: usize = 12;
/// Places that the model knows.
pub(crate) const PLACES: usize = 512;
/// Labels that it gives.
pub(crate) const LABELS: usize = 35;
/// Values that share one scale (the `block_size` of MatMulNBits).
const QUANT_BLOCK: usize = 32;

/// A tensor that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("tensor {name}: {why}")]
pub(crate) struct ShapeError {
    pub(crate) name: String,
    pub(crate) why: &'static str,
}

fn shape_error<T>(name: &str, why: &'static str) -> Result<T, ShapeError> {
    Err(ShapeError { name: name.to_owned(), why })
}

/// `x · w + bias`, with `w` laid out for the matrix kernel.
pub(crate) struct Linear {
    pub(crate) weight: PackedBMatrix<f32>,
    pub(crate) bias: Vec<f32>,
}

/// Scale and shift of a layer normalisation.
pub(crate) struct Norm {
    pub(crate) scale: Vec<f32>,
    pub(crate) shift: Vec<f32>,
}

/// One block of the encoder.
pub(crate) struct Block {
    pub(crate) query: Linear,
    pub(crate) key: Linear,
    pub(crate) value: Linear,
    pub(crate) out: Linear,
    pub(crate) out_norm: Norm,
    pub(crate) inner: Linear,
    pub(crate) outer: Linear,
    pub(crate) outer_norm: Norm,
}

/// An embedding kept as bytes: `(byte - zero) · scale`.
pub(crate) struct Table {
    bytes: Vec<u8>,
    scale: f32,
    zero: f32,
}

impl Table {
    /// Adds row `row` to `into`.
    pub(crate) fn add_row(&self, row: usize, into: &mut [f32]) {
        if let Some(bytes) = self.bytes.get(row * WIDTH..(row + 1) * WIDTH) {
            for (x, b) in into.iter_mut().zip(bytes) {
                *x += (f32::from(*b) - self.zero) * self.scale;
            }
        }
    }
}

/// All weights.
pub(crate) struct Weights {
    pub(crate) pieces: Table,
    pub(crate) places: Table,
    pub(crate) kinds: Table,
    pub(crate) norm: Norm,
    pub(crate) blocks: Vec<Block>,
    pub(crate) classifier: Linear,
}

/// Builds weights from a graph.
pub(crate) struct Builder<'a> {
    pub(crate) graph: &'a Graph<'a>,
    pub(crate) gemm: &'a GemmExecutor,
}

impl Builder<'_> {
    pub(crate) fn weights(&self, pieces: usize) -> Result<Weights, ShapeError> {
        let blocks = (0..BLOCKS).map(|n| self.block(n)).collect::<Result<Vec<_>, _>>()?;
        Ok(Weights {
            pieces: self.table("word", pieces)?,
            places: self.table("position", PLACES)?,
            kinds: self.table("token_type", 2)?,
            norm: self.norm("bert.embeddings")?,
            blocks,
            classifier: self.linear("classifier", WIDTH, LABELS)?,
        })
    }

    fn block(&self, number: usize) -> Result<Block, ShapeError> {
        let at = format!("bert.encoder.layer.{number}");
        let linear = |part: &str, from, to| self.linear(&format!("{at}.{part}"), from, to);
        Ok(Block {
            query: linear("attention.self.query", WIDTH, WIDTH)?,
            key: linear("attention.self.key", WIDTH, WIDTH)?,
            value: linear("attention.self.value", WIDTH, WIDTH)?,
            out: linear("attention.output.dense", WIDTH, WIDTH)?,
            out_norm: self.norm(&format!("{at}.attention.output"))?,
            inner: linear("intermediate.dense", WIDTH, INNER)?,
            outer: linear("output.dense", INNER, WIDTH)?,
            outer_norm: self.norm(&format!("{at}.output"))?,
        })
    }

    fn norm(&self, at: &str) -> Result<Norm, ShapeError> {
        let part = |name: &str| self.floats(&format!("{at}.LayerNorm.{name}"), WIDTH);
        Ok(Norm { scale: part("weight")?, shift: part("bias")? })
    }

    /// The weight is nameless in the file: it is the one whose product the bias is added to.
    fn linear(&self, at: &str, from: usize, to: usize) -> Result<Linear, ShapeError> {
        let bias_name = format!("{at}.bias");
        let nodes = &self.graph.nodes;
        let sum = nodes.iter().find(|n| n.op == "Add" && n.inputs.iter().any(|i| *i == bias_name));
        let product =
            sum.and_then(|sum| nodes.iter().find(|n| n.op == "MatMulNBits" && sum.inputs.contains(&n.output)));
        let Some([_, quantised, scales]) = product.map(|n| n.inputs.as_slice()) else {
            return shape_error(&bias_name, "is not added to a product of a quantised weight without zero points");
        };
        let weight = self.dequantise(quantised, scales, from, to)?;
        let view = NdTensorView::from_data([to, from], weight.as_slice());
        Ok(Linear { weight: self.gemm.prepack_b(view.transposed()), bias: self.floats(&bias_name, to)? })
    }

    /// Two 4-bit values in a byte, the lower first, each 8 above its value (MatMulNBits without zero points); rows of
    /// `from` values, blocks of 32 of which share a scale.
    fn dequantise(&self, quantised: &str, scales: &str, from: usize, to: usize) -> Result<Vec<f32>, ShapeError> {
        let groups = from / QUANT_BLOCK;
        let bytes = self.bytes(quantised, &[to, groups, QUANT_BLOCK / 2])?;
        let scales = self.floats(scales, to * groups)?;
        let mut out = Vec::with_capacity(from * to);
        for (group, scale) in bytes.chunks_exact(QUANT_BLOCK / 2).zip(&scales) {
            for byte in group {
                out.push((f32::from(byte & 0x0f) - 8.0) * scale);
                out.push((f32::from(byte >> 4) - 8.0) * scale);
            }
        }
        Ok(out)
    }

    fn table(&self, what: &str, rows: usize) -> Result<Table, ShapeError> {
        let name = format!("bert.embeddings.{what}_embeddings.weight");
        let bytes = self.bytes(&format!("{name}_quantized"), &[rows, WIDTH])?.to_vec();
        let scale_name = format!("{name}_scale");
        let scale = match (self.tensor(&scale_name)?.floats.as_slice(), self.tensor(&scale_name)?.raw) {
            ([scale], _) => *scale,
            ([], [a, b, c, d]) => f32::from_le_bytes([*a, *b, *c, *d]),
            _ => return shape_error(&scale_name, "is not one number"),
        };
        let zero_name = format!("{name}_zero_point");
        let zero = match (self.tensor(&zero_name)?.ints.as_slice(), self.tensor(&zero_name)?.raw) {
            ([zero], _) => u8::try_from(*zero).or_else(|_| shape_error(&zero_name, "is over 255"))?,
            ([], [zero]) => *zero,
            _ => return shape_error(&zero_name, "is not one number"),
        };
        Ok(Table { bytes, scale, zero: f32::from(zero) })
    }

    fn tensor(&self, name: &str) -> Result<&Tensor<'_>, ShapeError> {
        self.graph.tensors.get(name).map_or_else(|| shape_error(name, "is missing"), Ok)
    }

    fn bytes(&self, name: &str, shape: &[usize]) -> Result<&[u8], ShapeError> {
        let tensor = self.tensor(name)?;
        let same = tensor.dims.len() == shape.len() && tensor.dims.iter().zip(shape).all(|(d, s)| *d == *s as u64);
        if tensor.data_type != 2 || !same || tensor.raw.len() != shape.iter().product::<usize>() {
            return shape_error(name, "has another type or shape");
        }
        Ok(tensor.raw)
    }

    fn floats(&self, name: &str, count: usize) -> Result<Vec<f32>, ShapeError> {
        let tensor = self.tensor(name)?;
        let (words, rest) = tensor.raw.as_chunks::<4>();
        let values: Vec<f32> = words.iter().map(|word| f32::from_le_bytes(*word)).collect();
        if tensor.data_type != 1 || values.len() != count || !rest.is_empty() {
            return shape_error(name, "has another type or shape");
        }
        if !values.iter().all(|v| v.is_finite()) {
            return shape_error(name, "holds a value that is not a number");
        }
        Ok(values)
    }
}
