//! Readers of single formats. Each takes a part and reports what loading it would do.

pub(crate) mod boosting;
pub(crate) mod code;
pub(crate) mod coreml;
pub(crate) mod executorch;
mod export;
mod flatbuffer;
pub(crate) mod gguf;
pub(crate) mod hdf5;
pub(crate) mod json;
pub(crate) mod json_model;
pub(crate) mod keras;
pub(crate) mod msgpack;
pub(crate) mod npy;
pub(crate) mod onnx;
pub(crate) mod paddle;
pub(crate) mod protobuf;
pub(crate) mod rds;
pub(crate) mod safetensors;
pub(crate) mod skops;
pub(crate) mod template;
pub(crate) mod tensorflow;
pub(crate) mod tflite;
pub(crate) mod ubjson;
pub(crate) mod xml;
