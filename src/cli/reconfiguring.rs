//! `proxy.toml` read again while an instance runs: judged as a whole first, then put in force as far as that needs no restart.

use super::certificates::CertificateKeeper;
use super::config_file::ConfigFile;
use super::restart_notice::RestartNotice;
use super::{data_port, logging, open_files};
use crate::admin::AdminState;
use crate::config::problem::ProblemReport;
use crate::config::reload::{Pending, Reconfigured};
use crate::config::{Config, ConfigErrors, Overrides, Problem};
use crate::engine::Engine;
use crate::proxy::{OptionsInForce, ProxyOptions};
use crate::upstream::Pools;
use std::sync::Arc;

/// Where the configuration of an instance comes from.
#[derive(Debug)]
pub(super) struct ConfigSource {
    file: ConfigFile,
    overrides: Overrides,
    notice: Arc<RestartNotice>,
}

/// What the configuration is put in force at.
#[derive(Clone)]
struct Parts {
    engine: Arc<Engine>,
    options: Arc<OptionsInForce>,
    upstream: Arc<Pools>,
    certificates: Arc<CertificateKeeper>,
}

impl ConfigSource {
    /// Reads what the file says now, to compare it with what it will say.
    pub(super) fn new(file: &ConfigFile, overrides: &Overrides) -> Self {
        let notice = Arc::new(RestartNotice::new(file, overrides));
        Self { file: file.clone(), overrides: overrides.clone(), notice }
    }

    /// Has the source, if there is one, read at each reload from now on. Called before anyone can ask for one.
    pub(super) fn reload_at(
        source: Option<Self>,
        state: &AdminState,
        options: &Arc<OptionsInForce>,
        certificates: &Arc<CertificateKeeper>,
    ) {
        let Some(source) = source else { return };
        let parts = Parts {
            engine: Arc::clone(&state.engine),
            options: Arc::clone(options),
            upstream: Arc::clone(&state.upstream),
            certificates: Arc::clone(certificates),
        };
        state.rules.read_with_rules(move || source.read(&parts));
    }

    /// Reads it again and judges it. Blocks on the file system.
    ///
    /// # Errors
    /// Where it can't be used.
    fn read(&self, parts: &Parts) -> Result<Pending, ConfigErrors> {
        let config = self.file.load(&self.overrides)?;
        let (notice, parts) = (Arc::clone(&self.notice), parts.clone());
        let pools = config.pools();
        let apply = move || {
            let mut said: Vec<ProblemReport> = config.warnings.iter().map(Problem::report).collect();
            parts.take(config);
            let (waiting, reports) = notice.reports();
            said.extend(reports);
            said.iter().for_each(ProblemReport::log);
            Reconfigured { waiting, said }
        };
        Ok(Pending { pools, apply: Box::new(apply) })
    }
}

impl Parts {
    /// Puts in force what needs no restart.
    fn take(&self, config: Config) {
        let (reception, before) = (data_port::reception(&config), self.options.options());
        logging::set_level(config.log.level);
        self.engine.clients().limit(config.per_client);
        if let Err(error) = self.upstream.replace(config.upstream, config.upstreams) {
            tracing::error!(%error, "the upstream servers stay as they were");
        }
        self.certificates.keep(self.upstream.tls());
        if config.proxy.connections_max != before.connections_max {
            open_files::make_room(config.proxy.connections_max);
        }
        self.options.replace(ProxyOptions { listeners: before.listeners.clone(), ..config.proxy });
        self.engine.receive(reception);
    }
}
