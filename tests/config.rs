//! Configuration and rules, from files to what they resolve to or to every problem in them.

#[path = "config/addresses.rs"]
mod addresses;
#[path = "config/admin.rs"]
mod admin;
#[path = "config/cdn.rs"]
mod cdn;
#[path = "config/environment.rs"]
mod environment;
#[path = "config/events.rs"]
mod events;
#[path = "config/fleet.rs"]
mod fleet;
#[path = "config/jwt.rs"]
mod jwt;
#[path = "config/listeners.rs"]
mod listeners;
#[path = "config/pools.rs"]
mod pools;
#[path = "config/privacy.rs"]
mod privacy;
#[path = "config/proxy_file.rs"]
mod proxy_file;
#[path = "config/reload.rs"]
mod reload;
#[path = "config/route_keys.rs"]
mod route_keys;
#[path = "config/rules.rs"]
mod rules;
#[path = "config/schema.rs"]
mod schema;
#[path = "config/stamps.rs"]
mod stamps;
#[path = "config/trace.rs"]
mod trace;
#[path = "config/upstream_tls.rs"]
mod upstream_tls;
#[path = "config/warm.rs"]
mod warm;
#[path = "config/webhooks.rs"]
mod webhooks;

use larder::testing::config::{Config, ConfigErrors, Environment, Overrides, ProblemReport, load};

/// One expected problem: line, column, message, hint.
type Expected = (usize, usize, &'static str, Option<&'static str>);

/// Loads `proxy.toml` out of a folder of these files, each a name and its text.
fn load_among(
    files: &[(&str, &str)],
    overrides: &Overrides,
    environment: &Environment,
) -> Result<Config, ConfigErrors> {
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("the folder is there");
    }
    load(&folder.path().join("proxy.toml"), overrides, environment)
}

/// The same with nothing else.
fn load_text(text: &str) -> Result<Config, ConfigErrors> {
    load_among(&[("proxy.toml", text)], &Overrides::default(), &Environment::default())
}

/// Asserts that exactly these problems were found, in this order.
fn assert_problems(text: &str, found: &[ProblemReport], expected: &[Expected]) {
    let found: Vec<_> = found
        .iter()
        .map(|report| {
            (report.line.unwrap_or(0), report.column.unwrap_or(0), report.message.as_str(), report.hint.as_deref())
        })
        .collect();
    assert_eq!(found, expected, "in\n{text}");
}

/// The problems of what must not resolve.
fn refused<T>(text: &str, result: Result<T, ConfigErrors>) -> Vec<ProblemReport> {
    match result {
        Ok(_) => panic!("must be refused:\n{text}"),
        Err(errors) => errors.reports(),
    }
}
