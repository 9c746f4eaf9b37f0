//! Models run by a user's ONNX Runtime library: nothing is downloaded, and nothing is linked at build.

use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

use ort::environment::Environment;
use ort::session::{Session, SessionInputValue};
use ort::value::{Tensor, ValueType};

use super::{Input, OnnxError, Runtime, check_output, known_input};

pub(super) struct Ort {
    /// The library asks for one caller at a time.
    session: Mutex<Session>,
    inputs: Vec<Input>,
}

impl Ort {
    pub(super) fn load(library: &Path, model: &[u8], labels: usize) -> Result<Self, OnnxError> {
        let broken = |e: &dyn std::fmt::Display| OnnxError::Model(e.to_string());
        let builder = Session::builder(environment(library)?).map_err(|e| broken(&e))?;
        // The callers are the threads; a pool of its own would only fight with them.
        let mut builder = builder.with_intra_threads(1).map_err(|e| broken(&e))?;
        let session = builder.commit_from_memory(model).map_err(|e| broken(&e))?;
        let shape = |kind: &ValueType| match kind {
            ValueType::Tensor { shape, .. } => Some(shape.iter().copied().collect::<Vec<i64>>()),
            _ => None,
        };
        let inputs = session
            .inputs()
            .iter()
            .map(|i| known_input(i.name(), shape(i.dtype()).map(|s| s.len())))
            .collect::<Result<_, _>>()?;
        let output = session.outputs().first().ok_or_else(|| OnnxError::Shape("it has no output".into()))?;
        if let Some(shape) = shape(output.dtype()) {
            check_output(shape.len(), shape.last().and_then(|&c| usize::try_from(c).ok()), labels)?;
        }
        Ok(Self { session: Mutex::new(session), inputs })
    }
}

/// The library, loaded once in a process.
fn environment(library: &Path) -> Result<&'static Environment, OnnxError> {
    static LOADED: OnceLock<Result<Environment, String>> = OnceLock::new();
    let loaded = LOADED.get_or_init(|| {
        let builder = ort::init_from(library).map_err(|e| e.to_string())?;
        builder.with_name("casemate").with_telemetry(false).build().map_err(|e| e.to_string())
    });
    loaded.as_ref().map_err(|e| OnnxError::Runtime(format!("{}: {e}", library.display())))
}

impl Runtime for Ort {
    fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    fn run(&self, tokens: &[u32]) -> Result<(Vec<usize>, Vec<f32>), String> {
        let mut fed: Vec<(&str, SessionInputValue<'_>)> = Vec::with_capacity(self.inputs.len());
        for input in &self.inputs {
            let values: Vec<i64> = tokens.iter().map(|&t| i64::from(input.value(t))).collect();
            let tensor = Tensor::from_array(([1, tokens.len()], values)).map_err(|e| e.to_string())?;
            fed.push((input.name(), tensor.into()));
        }
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = session.run(fed).map_err(|e| e.to_string())?;
        let value = answer.values().next().ok_or("no output")?;
        let (shape, logits) = value.try_extract_tensor::<f32>().map_err(|e| format!("output: {e}"))?;
        Ok((shape.iter().map(|&d| usize::try_from(d).unwrap_or(0)).collect(), logits.to_vec()))
    }
}
