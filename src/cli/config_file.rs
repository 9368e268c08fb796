//! The configuration file that a command uses, and what it does where there is none.

use crate::config::{self, AdminOptions, Config, ConfigErrors, Environment, Overrides};
use std::fmt;
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

    /// Whether no file is named and there is none.
    pub(super) fn is_absent(&self) -> bool {
        *self == Self::Default && !self.path().exists()
    }

    /// The configuration with these arguments, and with what the environment says, in place of what the file says. Where no
    /// file is named and there is none, they are enough if they name an upstream server.
    ///
    /// # Errors
    /// Where the file can't be read or holds problems.
    pub(super) fn load(&self, overrides: &Overrides) -> Result<Config, ConfigErrors> {
        let environment = Environment::of_process();
        if self.is_absent() && (overrides.upstream.is_some() || environment.names_servers()) {
            return config::without_file(overrides, &environment);
        }
        config::load(self.path(), overrides, &environment)
    }

    /// Where the admin API of the instance is that this configuration makes.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub(super) fn admin(&self) -> anyhow::Result<AdminOptions> {
        if self.is_absent() {
            return Ok(config::admin_without_file(&Environment::of_process())?);
        }
        Ok(self.load(&Overrides::default())?.admin)
    }
}

/// What the configuration is read from.
impl fmt::Display for ConfigFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_absent() { f.write_str("the environment") } else { self.path().display().fmt(f) }
    }
}
