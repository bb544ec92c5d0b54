//! Whether Wallarm would show an endpoint, by its published rules.

/// What a reason in [`super::model::Endpoint::hidden`] means, in a sentence for a person.
#[must_use]
pub fn sentence(reason: &str) -> Option<&'static str> {
    _ = reason;
    None
}
