//! The forward pass of a BERT token classifier (Devlin et al., 2019; post-norm blocks, exact GELU).

use rten_gemm::{BiasVector, GemmError, GemmExecutor, GemmInputA, GemmInputB, GemmOptions};
use rten_simd::{SimdOp, SimdUnaryOp};
use rten_tensor::NdTensorView;
use rten_vecmath::{Gelu, Softmax};

use crate::weights::{Block, HEADS, INNER, LABELS, Linear, Norm, PLACES, WIDTH, Weights};

/// Values of one head.
const HEAD: usize = WIDTH / HEADS;
/// `layer_norm_eps` of the model.
const EPSILON: f32 = 1e-12;

/// The network.
pub(crate) struct Bert {
    pub(crate) weights: Weights,
}

/// One pass. The kernel is chosen anew (it may not go from thread to thread): a look at the processor's features, and
/// always the one that the weights were laid out for.
struct Pass {
    gemm: GemmExecutor,
}

/// Room that the layers share.
struct Room {
    query: Vec<f32>,
    key: Vec<f32>,
    value: Vec<f32>,
    mixed: Vec<f32>,
    inner: Vec<f32>,
    scores: Vec<f32>,
    head: Vec<f32>,
}

impl Room {
    fn new(n: usize) -> Self {
        let wide = || vec![0.0; n * WIDTH];
        Self {
            query: wide(),
            key: wide(),
            value: wide(),
            mixed: wide(),
            inner: vec![0.0; n * INNER],
            scores: vec![0.0; n * n],
            head: vec![0.0; n * HEAD],
        }
    }
}

impl Bert {
    /// Logits for each of `ids` (at most 512, marks at both ends included), [`LABELS`] in a row.
    ///
    /// # Errors
    /// Only if shapes do not fit, which loading has ruled out.
    pub(crate) fn logits(&self, ids: &[u32]) -> Result<Vec<[f32; LABELS]>, GemmError> {
        let ids = &ids[..ids.len().min(PLACES)];
        let n = ids.len();
        let mut x = vec![0.0; n * WIDTH];
        for (place, (row, id)) in x.chunks_exact_mut(WIDTH).zip(ids).enumerate() {
            self.weights.pieces.add_row(*id as usize, row);
            self.weights.kinds.add_row(0, row);
            self.weights.places.add_row(place, row);
        }
        normalise(&mut x, &self.weights.norm);
        let mut room = Room::new(n);
        let pass = Pass { gemm: GemmExecutor::new() };
        for block in &self.weights.blocks {
            pass.block(block, &mut x, n, &mut room)?;
        }
        let mut flat = vec![0.0; n * LABELS];
        pass.linear(&self.weights.classifier, &x, [n, WIDTH], &mut flat)?;
        Ok(flat.as_chunks::<LABELS>().0.to_vec())
    }
}

impl Pass {
    fn linear(&self, layer: &Linear, x: &[f32], shape: [usize; 2], out: &mut [f32]) -> Result<(), GemmError> {
        let options = GemmOptions { bias: Some(BiasVector::Row(&layer.bias)), ..GemmOptions::default() };
        let x = GemmInputA::Unpacked(NdTensorView::from_data(shape, x));
        self.gemm.gemm(out, x, GemmInputB::Packed(&layer.weight), options)
    }

    fn block(&self, block: &Block, x: &mut [f32], n: usize, room: &mut Room) -> Result<(), GemmError> {
        self.linear(&block.query, x, [n, WIDTH], &mut room.query)?;
        self.linear(&block.key, x, [n, WIDTH], &mut room.key)?;
        self.linear(&block.value, x, [n, WIDTH], &mut room.value)?;
        for head in 0..HEADS {
            self.attend(head, n, room)?;
        }
        self.linear(&block.out, &room.mixed, [n, WIDTH], &mut room.query)?;
        add(x, &room.query);
        normalise(x, &block.out_norm);
        self.linear(&block.inner, x, [n, WIDTH], &mut room.inner)?;
        Gelu {}.map_mut(&mut room.inner);
        self.linear(&block.outer, &room.inner, [n, INNER], &mut room.query)?;
        add(x, &room.query);
        normalise(x, &block.outer_norm);
        Ok(())
    }

    /// One head: softmax(q·kᵀ / √d)·v, into its columns of `mixed`.
    fn attend(&self, head: usize, n: usize, room: &mut Room) -> Result<(), GemmError> {
        let columns = head * HEAD..(head + 1) * HEAD;
        let part = |data| NdTensorView::from_data([n, WIDTH], data).slice((.., columns.clone()));
        let (query, key, value) = (part(&room.query[..]), part(&room.key[..]), part(&room.value[..]));
        let scaled = GemmOptions { alpha: 1.0 / (HEAD as f32).sqrt(), ..GemmOptions::default() };
        let (q, k) = (GemmInputA::Unpacked(query), GemmInputB::Unpacked(key.transposed()));
        self.gemm.gemm(&mut room.scores, q, k, scaled)?;
        for row in room.scores.chunks_exact_mut(n) {
            Softmax::new_mut(row).dispatch();
        }
        let scores = GemmInputA::Unpacked(NdTensorView::from_data([n, n], &room.scores[..]));
        self.gemm.gemm(&mut room.head, scores, GemmInputB::Unpacked(value), GemmOptions::default())?;
        for (to, from) in room.mixed.chunks_exact_mut(WIDTH).zip(room.head.chunks_exact(HEAD)) {
            to[columns.clone()].copy_from_slice(from);
        }
        Ok(())
    }
}

fn add(x: &mut [f32], y: &[f32]) {
    for (a, b) in x.iter_mut().zip(y) {
        *a += b;
    }
}

/// The mean of `f` over a row. Sums go by eight lanes, so that they are vector additions.
fn mean_of(row: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let mut sums = [0.0_f32; 8];
    for chunk in row.as_chunks::<8>().0 {
        for (sum, v) in sums.iter_mut().zip(chunk) {
            *sum += f(*v);
        }
    }
    sums.iter().sum::<f32>() / WIDTH as f32
}

/// Layer normalisation of each row.
fn normalise(x: &mut [f32], norm: &Norm) {
    for row in x.chunks_exact_mut(WIDTH) {
        let mean = mean_of(row, |v| v);
        let variance = mean_of(row, |v| (v - mean) * (v - mean));
        let scale = (variance + EPSILON).sqrt().recip();
        for ((v, by), shift) in row.iter_mut().zip(&norm.scale).zip(&norm.shift) {
            *v = (*v - mean) * scale * by + shift;
        }
    }
}
