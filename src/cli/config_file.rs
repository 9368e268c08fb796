//! The configuration file that a command uses, and what it does where there is none.

use crate::admin::AdminOptions;
use crate::config::{self, Config, ConfigErrors, Overrides};
use std::path::{Path, PathBuf};

/// The file that is read where none is named.
const DEFAULT: &str = "proxy.toml";

/// The configuration file of this call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ConfigFile {
    /// The one that `--config` or the environment names; it must be there.
    Named(PathBuf),
    /// The one that is read where none is named.
    Default,
}

impl ConfigFile {
    pub(super) fn new(named: Option<PathBuf>) -> Self {
        named.map_or(Self::Default, Self::Named)
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Named(path) => path,
            Self::Default => Path::new(DEFAULT),
        }
    }

    fn is_absent(&self) -> bool {
        *self == Self::Default && !self.path().exists()
    }

    /// The configuration with these arguments in place of what the file says. Where no file is named and there is none,
    /// the arguments are enough if they name an upstream server.
    ///
    /// # Errors
    /// Where the file can't be read or holds problems.
    pub(super) fn load(&self, overrides: &Overrides) -> Result<Config, ConfigErrors> {
        if self.is_absent() && overrides.upstream.is_some() {
            return config::without_file(overrides);
        }
        config::load(self.path(), overrides)
    }

    /// Where the admin API of the instance is that this configuration makes.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub(super) fn admin(&self) -> anyhow::Result<AdminOptions> {
        if self.is_absent() {
            return Ok(config::admin_without_file()?);
        }
        Ok(self.load(&Overrides::default())?.admin)
    }
}
