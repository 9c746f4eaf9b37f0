//! A value that is read by every request and swapped now and then.

use std::sync::{Arc, PoisonError, RwLock};

/// Readers take a reference to what is current and keep it for as long as they like; a swap waits for nobody's request.
pub struct Shared<T>(RwLock<Arc<T>>);

impl<T> Shared<T> {
    /// Starts with `value`.
    pub fn new(value: T) -> Self {
        Self(RwLock::new(Arc::new(value)))
    }

    /// What is current.
    pub fn load(&self) -> Arc<T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces it.
    pub fn store(&self, value: T) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(value);
    }
}
