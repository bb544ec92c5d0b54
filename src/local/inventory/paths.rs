//! Templates of paths: from a specification, from the route that the gateway logged, or learned from the paths.

use super::{model::Endpoint, spec::Specification};
use crate::local::calls::Call;

/// Counts calls by endpoint, in bounded memory.
#[derive(Debug, Default)]
pub struct Paths {}

impl Paths {
    /// Without calls. `specification` has templates that come first.
    #[must_use]
    pub fn new(specification: Option<Specification>) -> Self {
        _ = specification;
        Self {}
    }

    /// Counts a call.
    pub fn add(&mut self, call: &Call<'_>) {
        _ = call;
    }

    /// The endpoints, sorted by host, path and method, and what limits did to them, in sentences. The same calls give
    /// the same, in whatever order they came.
    #[must_use]
    pub fn finish(self) -> (Vec<Endpoint>, Vec<String>) {
        (Vec::new(), Vec::new())
    }
}
