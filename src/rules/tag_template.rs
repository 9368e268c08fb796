//! Tag templates: `product:{id}` filled from the path's captures.

/// A tag with places for captures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagTemplate {
    source: String,
}

impl TagTemplate {
    /// The template as the operator wrote it.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }
}
