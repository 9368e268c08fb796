//! `proxy.toml`

use super::{Expected, assert_problems, load_among, refused};
use larder::testing::config::{
    self, AccessLog, Config, ConfigErrors, Environment, LogFormat, LogLevel, LogOptions, Overrides,
};
use larder::testing::proxy::{ListenAddress, ListenerOptions, Speaks};
use std::path::{Path, PathBuf};
use std::time::Duration;

const LEAST: &str = "[upstream]\nservers = [\"http://127.0.0.1:8000\"]\n";

fn load(text: &str, overrides: &Overrides, token: Option<&str>) -> Result<Config, ConfigErrors> {
    let files = [("token", "s3cret\n"), ("blank", "\n"), ("proxy.toml", text)];
    let variable = token.map(|token| ("LARDER_ADMIN_TOKEN".into(), token.into()));
    load_among(&files, overrides, &Environment::of(variable))
}

fn resolved(text: &str) -> Config {
    load(text, &Overrides::default(), None).unwrap_or_else(|errors| panic!("{errors}"))
}

fn servers(config: &Config) -> Vec<String> {
    config.upstream.servers.iter().map(|server| server.url.to_string()).collect()
}

fn http(address: &str) -> ListenerOptions {
    ListenerOptions { address: ListenAddress::Tcp(address.parse().expect("it is an address")), speaks: Speaks::Http }
}

#[test]
fn with_the_least_every_default_is_filled_in() {
    let config = resolved(LEAST);
    assert_eq!(config.rules_path.file_name().unwrap(), "rules");
    assert!(config.rules_path.is_absolute(), "relative paths are relative to the file's folder");
    assert_eq!(config.proxy.listeners, [http("127.0.0.1:8080")]);
    assert_eq!((config.proxy.header_bytes_max, config.proxy.headers_max), (64 * 1024, 100));
    assert_eq!((config.proxy.uri_bytes_max, config.proxy.connections_max), (8 * 1024, 16_384));
    assert_eq!(config.proxy.header_read_timeout, Duration::from_secs(10));
    assert_eq!(config.proxy.idle_timeout, Duration::from_mins(1));
    assert_eq!(config.proxy.stall_timeout, Duration::from_secs(30));
    assert_eq!(config.proxy.drain_timeout, Duration::from_secs(8));
    assert_eq!(servers(&config), ["http://127.0.0.1:8000/"]);
    assert_eq!(config.upstream.connect_timeout, Duration::from_secs(1));
    assert_eq!(config.upstream.read_timeout, Duration::from_secs(30));
    assert_eq!(config.request_timeout, Duration::from_mins(1));
    assert_eq!(config.upstream.idle_timeout, Duration::from_secs(4));
    assert_eq!(config.upstream.idle_connections_max, 1024);
    let (seconds, eject) = (Duration::from_secs(10), config.upstream.eject);
    assert_eq!((eject.failures, eject.within, eject.pause), (5, seconds, seconds));
    assert_eq!((config.upstream.retries.attempts, config.upstream.retries.budget), (2, 0.2));
    assert_eq!((config.upstream.response_fields_max, config.upstream.response_head_bytes_max), (256, 256 * 1024));
    assert_eq!((config.memory.size_bytes, config.memory.variants_per_key_max), (256 << 20, 32));
    assert_eq!((config.admin.listen, config.admin.token), ("127.0.0.1:9180".parse().unwrap(), None));
    assert_eq!(config.log, LogOptions { format: LogFormat::Text, level: LogLevel::Info, access: AccessLog::On });
}

const EVERY_KEY: &str = r#"
        rules = "shop.toml"
        [listen]
        http = "[::]:80"
        [upstream]
        servers = ["http://a:1", "http://b.example"]
        connect_timeout = "250ms"
        read_timeout = "1m 30s"
        request_timeout = "2m"
        idle_timeout = "9s"
        idle_connections = 7
        eject = { failures = 3, within = "5s", for = "20s" }
        retries = { attempts = 0, budget = "50%" }
        [memory]
        size = 2097152
        variants_per_key = 5
        [admin]
        listen = "0.0.0.0:9"
        token_file = "token"
        hosts = ["larder.internal"]
        [log]
        format = "json"
        level = "debug"
        access = false
        [limits]
        header_bytes = "16KiB"
        headers = 50
        uri_bytes = "2KiB"
        connections = 100
        upstream_header_bytes = "1MiB"
        upstream_headers = 1000
        [timeouts]
        header_read = "1s"
        idle = "2s"
        stall = "3s"
        drain = "0s"
        "#;

#[test]
fn every_key_reaches_its_option() {
    let config = resolved(EVERY_KEY);
    assert_eq!(config.rules_path.file_name().unwrap(), "shop.toml");
    assert_eq!(config.proxy.listeners, [http("[::]:80")]);
    assert_eq!((config.proxy.header_bytes_max, config.proxy.headers_max), (16 * 1024, 50));
    assert_eq!((config.proxy.uri_bytes_max, config.proxy.connections_max), (2048, 100));
    assert_eq!(config.proxy.header_read_timeout, Duration::from_secs(1));
    assert_eq!(config.proxy.idle_timeout, Duration::from_secs(2));
    assert_eq!(config.proxy.stall_timeout, Duration::from_secs(3));
    assert_eq!(config.proxy.drain_timeout, Duration::ZERO);
    assert_eq!(servers(&config), ["http://a:1/", "http://b.example/"]);
    assert_eq!(config.upstream.connect_timeout, Duration::from_millis(250));
    assert_eq!(config.upstream.read_timeout, Duration::from_secs(90));
    assert_eq!(config.request_timeout, Duration::from_mins(2));
    assert_eq!(config.upstream.idle_timeout, Duration::from_secs(9));
    assert_eq!(config.upstream.idle_connections_max, 7);
    let eject = config.upstream.eject;
    assert_eq!((eject.failures, eject.within, eject.pause), (3, Duration::from_secs(5), Duration::from_secs(20)));
    assert_eq!((config.upstream.retries.attempts, config.upstream.retries.budget), (0, 0.5));
    assert_eq!((config.upstream.response_fields_max, config.upstream.response_head_bytes_max), (1000, 1 << 20));
    assert_eq!((config.memory.size_bytes, config.memory.variants_per_key_max), (2 << 20, 5));
    assert_eq!(config.admin.token.as_deref(), Some("s3cret"));
    assert_eq!(config.admin.hosts, ["larder.internal"]);
    assert_eq!(config.log, LogOptions { format: LogFormat::Json, level: LogLevel::Debug, access: AccessLog::Off });
}

#[test]
fn the_command_line_goes_before_the_file_and_the_environment_before_the_token_file() {
    let overrides = Overrides {
        listen: Some("127.0.0.1:0".into()),
        upstream: Some("http://other:1".into()),
        admin: Some("0.0.0.0:1".into()),
        redis: None,
        rules: Some(PathBuf::from("elsewhere")),
    };
    let text = "rules = \"x\"\nlisten.http = \"nonsense\"\nadmin.token_file = \"token\"\n";
    let config = load(text, &overrides, Some(" from-the-environment\n")).unwrap();
    assert_eq!(config.rules_path, Path::new("elsewhere"));
    assert_eq!(config.proxy.listeners, [http("127.0.0.1:0")]);
    assert_eq!(servers(&config), ["http://other:1/"]);
    assert_eq!(config.admin.listen, "0.0.0.0:1".parse().unwrap());
    assert_eq!(config.admin.token.as_deref(), Some("from-the-environment"));
}

#[test]
fn memory_may_be_a_share_of_what_the_process_may_use() {
    let size = |size: &str| {
        let text = format!("[upstream]\nservers = [\"http://a:1\"]\n[memory]\nsize = \"{size}\"\n");
        let config = load(&text, &Overrides::default(), None).expect("it is a share");
        assert!(config.warnings.is_empty(), "{size}");
        (config.memory.size_bytes, config.in_flight_bytes)
    };
    let (whole, _) = size("100%");
    let (half, in_flight) = size("50%");
    assert!(whole.abs_diff(half * 2) <= 2, "{half} of {whole}");
    assert!(in_flight.abs_diff(half / 4) <= 1, "what is in flight is a share of the share");
}

#[test]
fn more_memory_than_the_machine_has_is_warned_of() {
    let text = "[upstream]\nservers = [\"http://a:1\"]\n[memory]\nsize = \"900TiB\"\n";
    let warnings = load(text, &Overrides::default(), None).unwrap().warnings;
    let [warning] = &warnings[..] else { panic!("{warnings:?}") };
    assert!(warning.to_string().contains("`memory.size` is more than the"), "{warning}");
}

#[test]
fn a_pool_is_a_name_and_the_keys_of_upstream_and_rules_may_name_no_other() {
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("the folder is there");
    let pools = "[upstreams.search]\nservers = [\"http://s\"]\nread_timeout = \"2s\"\n[upstreams.other]\nservers = [\"http://o\"]\n";
    write("proxy.toml", &format!("rules = \"rules.toml\"\n{LEAST}{pools}"));
    let config =
        config::load(&folder.path().join("proxy.toml"), &Overrides::default(), &Environment::default()).unwrap();
    let named: Vec<_> = config.upstreams.iter().map(|(name, pool)| (name.as_str(), pool.read_timeout)).collect();
    assert_eq!(named, [("search", Duration::from_secs(2)), ("other", Duration::from_secs(30))]);
    assert_eq!(config.upstream.read_timeout, Duration::from_secs(30));
    for (pool, hint) in [
        ("search", None),
        ("default", None),
        ("othr", Some("did you mean `other`?")),
        ("images", Some("name its servers in proxy.toml: `[upstreams.images]`")),
    ] {
        write("rules.toml", &format!("[[route]]\npath = \"/**\"\nupstream = \"{pool}\"\n"));
        let loaded = config.load_rules();
        let Some(hint) = hint else {
            let rule_set = loaded.unwrap_or_else(|errors| panic!("{errors}")).rule_set;
            assert_eq!(
                rule_set.routes()[0].to_origin.pool.as_ref().map(larder::testing::rules::PoolName::as_str),
                Some(pool)
            );
            continue;
        };
        let errors = loaded.err().map(|errors| errors.reports()).unwrap_or_default();
        let [error] = &errors[..] else { panic!("{errors:?}") };
        assert_eq!((error.line, error.column, error.hint.as_deref()), (Some(3), Some(12), Some(hint)), "{error:?}");
    }
}

#[test]
fn the_shipped_configuration_resolves() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("proxy.toml");
    let config =
        config::load(&path, &Overrides::default(), &Environment::default()).unwrap_or_else(|errors| panic!("{errors}"));
    let rules = larder::testing::config::load_rules(&config.rules_path).unwrap_or_else(|errors| panic!("{errors}"));
    assert!(config.warnings.is_empty() && rules.warnings.is_empty(), "{:?} {:?}", config.warnings, rules.warnings);
    assert!(!rules.rule_set.routes().is_empty());
}

const ADDRESS: &str = "write an IP address and a port, e.g. \"0.0.0.0:8080\" or \"[::]:8080\"";
const SERVERS: &str = "name the servers of your API: servers = [\"http://127.0.0.1:8000\"]";
const URL: &str = "write \"http://host:port\", \"https://…\" or \"unix:/path\"";
const UNIT: &str = "a duration has a unit: \"500ms\", \"30s\", \"5m\", \"1h 30m\", \"7d\"";
const SIZE: &str = "a size has a unit: \"64KiB\", \"2MiB\", \"1GiB\"";

/// Texts (`LEAST` stands for the least that resolves) and all their problems.
const BAD: &[(&str, &[Expected])] = &[
    ("", &[(1, 1, "`upstream.servers` is missing", Some(SERVERS))]),
    ("[upstream]\n", &[(1, 1, "`upstream.servers` is missing", Some(SERVERS))]),
    ("[upstream]\nserver = []", &[(2, 1, "unknown key `server`", Some("did you mean `servers`?"))]),
    ("[upstream]\nservers = []", &[(2, 11, "`servers` names no server", Some(SERVERS))]),
    (
        "[upstream]\nservers = \"http://a\"",
        &[(2, 11, "expected a list, found a string", Some("write `[\"http://a\"]`"))],
    ),
    (
        "[upstream]\nservers = [1]",
        &[(
            2,
            12,
            "expected a URL, or a table such as { url = \"http://host:port\", weight = 2 }, found an integer",
            None,
        )],
    ),
    ("upstream.servers = [\"a:1\"]", &[(1, 21, "`a:1` is not the URL of an upstream server", Some(URL))]),
    (
        "upstream.servers = [\"http://a:1.\"]",
        &[(1, 21, "`http://a:1.` is not the URL of an upstream server", Some(URL))],
    ),
    (
        "upstream.servers = [\"ftp://ab\", \"http://a/x\", \"http://u@a\"]",
        &[
            (1, 21, "`ftp://ab` is not the URL of an upstream server", Some(URL)),
            (
                1,
                33,
                "`http://a/x` is not the URL of an upstream server",
                Some("write \"http://host:port\", without a path: requests keep their own"),
            ),
            (1, 47, "`http://u@a` is not the URL of an upstream server", Some(URL)),
        ],
    ),
    ("upstream.servers = [\"http://a\", \"http://a\"]", &[(1, 33, "`http://a/` is listed twice", None)]),
    ("LEAST[upstreams.search]", &[(3, 1, "`upstreams.search.servers` is missing", Some(SERVERS))]),
    (
        "LEAST[upstreams.search]\nservers = [\"ftp://ab\"]\nrequest_timeout = \"1s\"",
        &[
            (4, 12, "`ftp://ab` is not the URL of an upstream server", Some(URL)),
            (
                5,
                19,
                "a pool has no `request_timeout` of its own",
                Some("it holds for requests to all pools: write it in [upstream]"),
            ),
        ],
    ),
    (
        "LEAST[upstreams.Search]\nservers = [\"http://a\"]",
        &[(3, 12, "`Search` is no name of a pool", Some("use a-z, 0-9, - and _: [upstreams.search]"))],
    ),
    (
        "LEAST[upstreams.default]\nservers = [\"http://a\"]",
        &[(
            3,
            12,
            "the pool `default` is that of `[upstream]`",
            Some("write its keys in [upstream], or give this one another name"),
        )],
    ),
    (
        "LEAST[upstreams.search]\nservers = [\"http://127.0.0.1:8080\"]",
        &[(
            4,
            11,
            "the upstream `http://127.0.0.1:8080/` is Larder itself",
            Some("name the address of the API that stands behind Larder"),
        )],
    ),
    ("LEAST[upstreams]\nsearch = 1", &[(4, 10, "expected a table, found an integer", None)]),
    ("LEAST[memroy]\nsize = 1", &[(3, 2, "unknown key `memroy`", Some("did you mean `memory`?"))]),
    (
        "LEAST[disk]\npath = \"/a\"",
        &[(
            3,
            2,
            "unknown key `disk`",
            Some(
                "known here: rules, listen, upstream, upstreams, memory, refresh, redis, events, cdn, jwt, stamps, admin, log, trace, limits, timeouts",
            ),
        )],
    ),
    ("LEAST[listen]\nhttp = 8080", &[(4, 8, "expected a string, found an integer", None)]),
    ("LEAST[listen]\nhttp = \"localhost\"", &[(4, 8, "`localhost` is not an address to listen on", Some(ADDRESS))]),
    (
        "LEAST[listen]\nhttp = \"127.0.0.1\"",
        &[(4, 8, "`127.0.0.1` is not an address to listen on", Some("the port is missing, e.g. \"127.0.0.1:8080\""))],
    ),
    (
        "LEASTconnect_timeout = 5",
        &[(3, 19, "expected a duration such as \"30s\", found an integer", Some("write \"5s\" for seconds"))],
    ),
    ("LEASTread_timeout = \"5\"", &[(3, 16, "`5` is not a duration", Some(UNIT))]),
    ("LEASTread_timeout = \"0s\"", &[(3, 16, "a timeout cannot be zero", None)]),
    ("LEASTread_timeout = \"20y\"", &[(3, 16, "`20y` is longer than ten years", None)]),
    (
        "LEASTread_timeout = \"5M\"",
        &[(3, 16, "`5M` could mean months or minutes", Some("write `m` for minutes; for months, count in days (`d`)"))],
    ),
    ("LEAST[memory]\nsize = \"big\"", &[(4, 8, "`big` is not a size", Some(SIZE))]),
    ("LEAST[memory]\nsize = true", &[(4, 8, "expected a size such as \"2MiB\", found a boolean", Some(SIZE))]),
    ("LEAST[memory]\nsize = \"1KiB\"", &[(4, 8, "too small", Some("write no less than 1.0 MiB"))]),
    ("LEAST[memory]\nsize = -1", &[(4, 8, "`-1` is out of range", None)]),
    ("LEAST[memory]\nvariants_per_key = 0", &[(4, 20, "too small", Some("write no less than 1"))]),
    ("LEASTeject.failures = 0", &[(3, 18, "too small", Some("write no less than 1"))]),
    ("LEASTeject = { for = \"0s\" }", &[(3, 17, "a timeout cannot be zero", None)]),
    ("LEASTeject = { fore = \"1s\" }", &[(3, 11, "unknown key `fore`", Some("did you mean `for`?"))]),
    (
        "LEASTretries.budget = \"120%\"",
        &[(3, 18, "`120%` is not a percentage", Some("write a percentage from \"0%\" to \"100%\""))],
    ),
    ("LEASTretries.attempts = 100000", &[(3, 20, "too large", Some("write no more than 1000"))]),
    ("LEAST[limits]\nupstream_headers = 1", &[(4, 20, "too small", Some("write no less than 8"))]),
    ("LEAST[limits]\nheaders = 100000", &[(4, 11, "too large", Some("write no more than 8192"))]),
    ("LEAST[log]\nformat = \"jsn\"", &[(4, 10, "`jsn` is not one of this key's values", Some("did you mean `json`?"))]),
    (
        "LEAST[log]\nlevel = \"loud\"",
        &[(4, 9, "`loud` is not one of this key's values", Some("choose one of error, warn, info, debug, trace"))],
    ),
    ("LEAST[log]\naccess = \"on\"", &[(4, 10, "expected true or false, found a string", None)]),
    (
        "LEAST[admin]\nlisten = \"0.0.0.0:9180\"",
        &[(
            4,
            10,
            "the admin API would be open to everyone who reaches `0.0.0.0:9180`",
            Some("set LARDER_ADMIN_TOKEN or `admin.token_file`, or listen on 127.0.0.1"),
        )],
    ),
    (
        "LEAST[admin]\nlisten = \"0.0.0.0:9180\"\ntoken_file = \"blank\"",
        &[(
            5,
            14,
            "the admin token is empty or cannot stand in a header",
            Some("a token is a line of visible ASCII characters, e.g. from `openssl rand -hex 32`"),
        )],
    ),
    (
        "LEASTmemory = 1",
        &[(
            3,
            1,
            "unknown key `memory`",
            Some(
                "known here: servers, balance, protocol, upstream_host, tls, connect_timeout, read_timeout, request_timeout, idle_timeout, idle_connections, health, max_requests, slow_start, resolve, eject, retries",
            ),
        )],
    ),
    (
        "LEAST[admin]\nhosts = [\"larder:80\"]",
        &[(4, 10, "`larder:80` is not a host name", Some("write the name alone, without scheme and port"))],
    ),
    ("listen = 1\nLEAST", &[(1, 10, "expected a table, found an integer", None)]),
    ("rules = \"\u{e9}\" x\nLEAST", &[(1, 13, "unexpected key or value, expected newline, `#`", None)]),
    ("rules = \"a\"\nrules = \"b\"\nLEAST", &[(2, 1, "duplicate key", None)]),
];

#[test]
fn every_problem_is_told_with_its_place_and_how_to_mend_it() {
    for (text, expected) in BAD {
        let text = text.replace("LEAST", LEAST);
        assert_problems(&text, &refused(&text, load(&text, &Overrides::default(), None)), expected);
    }
}

#[test]
fn all_problems_are_told_at_once_in_the_order_of_the_text() {
    let text = "rulez = 1\n[listen]\nhttp = \"x\"\n[upstream]\nservers = []\nread_timeout = \"soon\"\n";
    let found = refused(text, load(text, &Overrides::default(), None));
    let places: Vec<_> = found.iter().map(|report| (report.line.unwrap(), report.value.as_deref().unwrap())).collect();
    assert_eq!(places, [(1, "rulez"), (3, "\"x\""), (5, "[]"), (6, "\"soon\"")]);
}

#[test]
fn a_problem_of_the_command_line_names_the_argument() {
    let overrides = Overrides { listen: Some("8080".into()), ..Overrides::default() };
    let found = refused(LEAST, load(LEAST, &overrides, None));
    assert_eq!((found[0].file.as_deref(), found[0].value.as_deref()), (Some("--listen"), Some("8080")));
}

#[test]
fn a_missing_file_is_told_with_what_to_write() {
    let errors =
        config::load(Path::new("no/such/proxy.toml"), &Overrides::default(), &Environment::default()).unwrap_err();
    let report = &errors.reports()[0];
    assert!(report.message.starts_with("cannot read `no/such/proxy.toml`: "), "{}", report.message);
    assert!(report.hint.as_deref().unwrap().contains("--config FILE"));
}

#[test]
fn problems_are_shown_in_their_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("proxy.toml");
    std::fs::write(&path, format!("{LEAST}read_timeout = 30\n")).unwrap();
    let errors = config::load(&path, &Overrides::default(), &Environment::default()).unwrap_err();
    let shown = errors.to_string().replace(path.to_str().unwrap(), "proxy.toml");
    let expected = "1 error in the configuration

error: expected a duration such as \"30s\", found an integer
 --> proxy.toml:3:16
  |
3 | read_timeout = 30
  |                ^^
  |
  = hint: write \"30s\" for seconds";
    assert_eq!(shown, expected);
}
