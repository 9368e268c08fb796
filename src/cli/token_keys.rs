//! The keys of bearer tokens in an instance: read before its first request, and kept up to date.

use crate::clock::Clock;
use crate::config::Config;
use crate::jwks::JwksKeeper;
use crate::rules::tokens::Tokens;
use crate::supervisor::Supervisor;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How long a start waits for the keys.
const KEYS_WAIT: Duration = Duration::from_secs(2);

/// Which tokens are believed by a configuration.
pub(super) fn tokens(config: &Config) -> Arc<Tokens> {
    Arc::new(Tokens::new(config.jwt.as_ref().map(|jwt| jwt.trust.clone())))
}

/// What keeps the keys of these tokens; `None` if none are believed.
pub(super) fn keeper(config: &Config, tokens: &Arc<Tokens>, clock: &Arc<dyn Clock>) -> Option<Arc<JwksKeeper>> {
    let jwt = config.jwt.as_ref()?;
    Some(JwksKeeper::new(jwt, Arc::clone(tokens), Arc::clone(clock)))
}

/// Has the keys read, before the first request if that does not take long, and kept up to date.
pub(super) async fn keep(keys: Option<Arc<JwksKeeper>>, tasks: &mut Supervisor) {
    let Some(keys) = keys else { return };
    // What keeps them from being read is in the log; until they are, no token is believed.
    if timeout(KEYS_WAIT, keys.read()).await.is_err() {
        keys.ask();
    }
    tasks.restart("jwks", move || Arc::clone(&keys).run());
}
