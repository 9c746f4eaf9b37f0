//! Training: rows to models, with the folding and features that serve. Pure: bytes and a seed in, a model out, the same on
//! every machine with the same floating-point arithmetic.

mod adjacency;
mod calibrate;
mod card;
mod fit;
mod injection;
mod made;
mod measure;
mod prepare;
mod recipe;
mod rng;
mod rows;
mod suffix;
mod synthetic;
mod synthetic_asks;
mod synthetic_elsewhere;
mod synthetic_harm;
mod synthetic_harm_prose;
mod synthetic_lists;
mod synthetic_plays;
mod synthetic_tasks;
mod synthetic_words;
mod text_model;

pub use calibrate::{Calibrated, HARMLESS_ROWS_MIN, calibrate_injection, calibrate_text, per_source};
pub use card::injection_results;
pub use injection::{InjectionData, injection};
pub use measure::{average_precision, threshold_at, wilson};
pub use recipe::{
    FileError, NAME_BYTES_MAX, SEED, Trained, TrainingFiles, check_name, custom, sha256, ship_injection, ship_toxicity,
};
pub use rng::Rng;
pub use rows::{CLASS_ROWS_MIN, DataError, ROWS_MAX, Row, TEXT_BYTES_MAX, check_classes, parse_rows};
pub use text_model::{TextData, text_model};

use crate::model::ModelError;

/// Why a training failed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TrainError {
    /// The data will not do.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A model could not be put together.
    #[error(transparent)]
    Model(#[from] ModelError),
}
