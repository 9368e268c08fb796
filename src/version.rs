//! Which Larder this is.

/// The version of the package.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit that it was built from, `unknown` where the build did not know it, `development` in a build that is no
/// release.
pub(crate) const REVISION: &str = env!("LARDER_REVISION");

/// Both, as `larder --version` says them.
pub(crate) const LINE: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("LARDER_REVISION"), ")");
