//! `LARDER_*` in place of keys of `proxy.toml`.

use super::{load_among, refused};
use larder::testing::config::{AccessLog, Config, ConfigErrors, Environment, LogLevel, Overrides, without_file};
use larder::testing::config::{ProblemReport, Severity};
use larder::testing::proxy::ListenAddress;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStringExt as _;
use std::time::Duration;

const LEAST: &str = "[upstream]\nservers = [\"http://127.0.0.1:8000\"]\n";

fn environment(variables: &[(&str, &str)]) -> Environment {
    Environment::of(variables.iter().map(|(name, text)| (name.into(), text.into())))
}

fn load(text: &str, variables: &[(&str, &str)], overrides: &Overrides) -> Result<Config, ConfigErrors> {
    load_among(&[("proxy.toml", text)], overrides, &environment(variables))
}

fn resolved(text: &str, variables: &[(&str, &str)]) -> Config {
    load(text, variables, &Overrides::default()).unwrap_or_else(|errors| panic!("{variables:?}\n{errors}"))
}

fn servers(config: &Config) -> Vec<String> {
    config.upstream.servers.iter().map(|server| server.url.to_string()).collect()
}

fn http(config: &Config) -> SocketAddr {
    match config.proxy.listeners[0].address {
        ListenAddress::Tcp(address) => address,
        ref unix @ ListenAddress::Unix(_) => panic!("not over TCP: {unix}"),
    }
}

/// File, value, message and hint of a problem.
fn told(report: &ProblemReport) -> [String; 4] {
    let text = |option: &Option<String>| option.clone().unwrap_or_default();
    [text(&report.file), text(&report.value), report.message.clone(), text(&report.hint)]
}

#[test]
fn a_variable_goes_before_the_file_and_an_argument_before_it() {
    let file = format!("{LEAST}[listen]\nhttp = \"127.0.0.1:1\"\n[memory]\nsize = \"1MiB\"\n");
    assert_eq!(http(&resolved(&file, &[])), "127.0.0.1:1".parse().unwrap());
    let variables = [("LARDER_LISTEN_HTTP", "127.0.0.1:2"), ("LARDER_MEMORY_SIZE", "2MiB")];
    let config = resolved(&file, &variables);
    assert_eq!((http(&config), config.memory.size_bytes), ("127.0.0.1:2".parse().unwrap(), 2 << 20));
    let overrides = Overrides { listen: Some("127.0.0.1:3".to_owned()), ..Overrides::default() };
    let config = load(&file, &variables, &overrides).unwrap();
    assert_eq!((http(&config), config.memory.size_bytes), ("127.0.0.1:3".parse().unwrap(), 2 << 20));
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}

#[test]
fn every_kind_of_value_has_a_form() {
    let config = resolved(
        "[upstream]\nservers = [\"http://a\"]\n[upstreams.full-text]\nservers = [\"http://b\"]\n",
        &[
            ("LARDER_UPSTREAM_SERVERS", "http://127.0.0.1:1, http://127.0.0.1:2"),
            ("LARDER_UPSTREAM_EJECT_FAILURES", "7"),
            ("LARDER_UPSTREAM_EJECT", "{ failures = 3, within = \"5s\" }"),
            ("LARDER_UPSTREAM_READ_TIMEOUT", "1m 30s\n"),
            ("LARDER_UPSTREAMS__FULL_TEXT__SERVERS", "http://127.0.0.1:3"),
            ("LARDER_UPSTREAMS__OTHER__SERVERS", "[\"http://127.0.0.1:4\"]"),
            ("LARDER_LOG_ACCESS", "false"),
            ("LARDER_LOG_LEVEL", "debug"),
            ("LARDER_LIMITS_HEADERS", "64"),
            ("LARDER_LISTEN_TRUSTED_PROXIES", "10.0.0.0/8,2001:db8::/32"),
            ("LARDER_REDIS_URL", ""),
            ("HOME", "/"),
        ],
    );
    assert_eq!(servers(&config), ["http://127.0.0.1:1/", "http://127.0.0.1:2/"]);
    assert_eq!((config.upstream.eject.failures, config.upstream.eject.within), (7, Duration::from_secs(5)));
    assert_eq!(config.upstream.read_timeout, Duration::from_secs(90));
    let pools = config.upstreams.iter().map(|(name, pool)| format!("{} {}", name.as_str(), pool.servers[0].url));
    let pools: BTreeSet<_> = pools.collect();
    assert_eq!(Vec::from_iter(pools), ["full-text http://127.0.0.1:3/", "other http://127.0.0.1:4/"]);
    assert_eq!((config.log.access, config.log.level), (AccessLog::Off, LogLevel::Debug));
    assert_eq!((config.proxy.headers_max, config.proxy.entrance.trust.proxies.len()), (64, 2));
    assert!(config.fleet.is_none(), "an empty variable counts as not set");
}

#[test]
fn without_a_file_the_variables_are_enough_if_they_name_a_server() {
    let alone = |variables: &[(&str, &str)]| without_file(&Overrides::default(), &environment(variables));
    let config = alone(&[("LARDER_UPSTREAM_SERVERS", "http://127.0.0.1:1"), ("LARDER_ADMIN_TOKEN", "s3cret")]).unwrap();
    assert_eq!(
        (servers(&config), config.admin.token.as_deref()),
        (vec!["http://127.0.0.1:1/".to_owned()], Some("s3cret"))
    );
    assert!(environment(&[("LARDER_UPSTREAM_SERVERS", "x")]).names_servers());
    assert!(!environment(&[("LARDER_UPSTREAM_SERVERS", ""), ("LARDER_MEMORY_SIZE", "1MiB")]).names_servers());
}

#[test]
fn a_problem_stands_at_the_variable() {
    for (name, text, value, message, hint) in [
        (
            "LARDER_LISTEN_HTTP",
            "8080",
            "8080",
            "`8080` is not an address to listen on",
            "write an IP address and a port",
        ),
        ("LARDER_MEMORY_SIZE", "much", "much", "`much` is not a size", "a size has a unit"),
        ("LARDER_LOG_ACCESS", "yes", "yes", "expected true or false, found a string", ""),
        ("LARDER_LOG_FORMAT", "jsn", "jsn", "`jsn` is not one of this key's values", "did you mean `json`?"),
        ("LARDER_UPSTREAM_SERVERS", "http://a, b:1", "b:1", "`b:1` is not the URL of an upstream server", ""),
        ("LARDER_UPSTREAM_EJECT", "{ failurs = 1 }", "failurs", "unknown key `failurs`", "did you mean `failures`?"),
        ("LARDER_UPSTREAM_EJECT", "5", "5", "expected a table, found a string", ""),
        ("LARDER_REDIS_TIMEOUT", "1s", "1s", "`redis.url` is missing", "set the address of Redis: url = "),
    ] {
        let found = refused(text, load(LEAST, &[(name, text)], &Overrides::default()));
        let told = told(&found[0]);
        assert_eq!((found.len(), &told[..3]), (1, &[name, value, message].map(str::to_owned)[..]), "{found:?}");
        assert!(told[3].starts_with(hint), "{told:?}");
    }
    let found = refused("broken", load(LEAST, &[("LARDER_UPSTREAM_EJECT", "{ failures = ")], &Overrides::default()));
    assert_eq!(found[0].file.as_deref(), Some("LARDER_UPSTREAM_EJECT"), "{found:?}");
    let found = refused(
        "in the way",
        load("upstream = 5\n", &[("LARDER_UPSTREAM_SERVERS", "http://a")], &Overrides::default()),
    );
    assert!(found.iter().any(|problem| problem.message.starts_with("`upstream` in the file is no table")), "{found:?}");
    // The places of the file's own problems stay what they were.
    let file = format!("{LEAST}[memory]\nsize = 5.0\n");
    let found = refused(&file, load(&file, &[("LARDER_UPSTREAM_EJECT_FAILURES", "7")], &Overrides::default()));
    assert_eq!((found.len(), found[0].line, found[0].column), (1, Some(4), Some(8)), "{found:?}");
}

#[test]
fn a_variable_that_stands_for_no_key_is_a_warning_that_does_not_show_what_it_holds() {
    let variables = [
        ("LARDER_MEMORY_SIZ", "s3cret"),
        ("LARDER_COLOUR_OF_DOORS", "green"),
        ("LARDER_CONFIG", "elsewhere.toml"),
        ("LARDER_PORT_8080_TCP_ADDR", "10.0.0.1"),
        ("LARDER_SERVICE_HOST", "10.0.0.1"),
    ];
    let config = resolved(LEAST, &variables);
    let found: Vec<_> = config.warnings.iter().map(larder::testing::config::Problem::report).collect();
    assert!(found.iter().all(|problem| problem.severity == Severity::Warning));
    let (first, second) = (&found[0], &found[1]);
    assert_eq!((found.len(), first.file.as_deref()), (2, Some("LARDER_COLOUR_OF_DOORS")), "{found:?}");
    assert!(first.hint.as_deref().unwrap().contains("`memory.size` is LARDER_MEMORY_SIZE"), "{first:?}");
    assert_eq!(second.hint.as_deref(), Some("did you mean `LARDER_MEMORY_SIZE`?"));
    assert!(!format!("{found:?}").contains("s3cret"), "{found:?}");
}

#[test]
fn what_is_no_text_is_refused() {
    let broken = || OsString::from_vec(vec![0xff]);
    for name in ["LARDER_MEMORY_SIZE", "LARDER_ADMIN_TOKEN"] {
        let environment = Environment::of([
            (OsString::from(name), broken()),
            ("LARDER_UPSTREAM_SERVERS".into(), "http://127.0.0.1:1".into()),
        ]);
        let found = refused(name, without_file(&Overrides::default(), &environment));
        assert_eq!(found[0].file.as_deref(), Some(name), "{found:?}");
    }
}
