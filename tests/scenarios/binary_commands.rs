//! The commands of the binary that need no running instance, or only ask whether one is ready.

use crate::support::client::Client;
use crate::support::deadline::within;
use crate::support::origin::Origin;
use crate::support::request::post;
use crate::support::served::{Served, larder};
use crate::support::{Setup, reply};
use std::path::Path;
use std::process::Output;
use tempfile::TempDir;
use tokio::process::Command;

const RULES: &str = "[[route]]\nname = \"all\"\npath = \"/**\"\nttl = \"1m\"\n";

/// What `larder` with these arguments does in a folder.
async fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
    command.args(arguments).current_dir(folder);
    within(arguments.join(" "), command.output()).await.expect("it runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test]
async fn what_init_writes_passes_check_and_is_never_written_over() {
    let folder = TempDir::new().expect("a temporary folder");
    let made = run(folder.path(), &["init", "--upstream", "http://127.0.0.1:8001"]).await;
    assert_eq!(made.status.code(), Some(0), "{made:?}");
    let checked = run(folder.path(), &["check"]).await;
    assert_eq!((checked.status.code(), text(&checked.stderr)), (Some(0), String::new()));
    assert_eq!(text(&checked.stdout), "proxy.toml: fine; 1 route in 1 file\n");
    let configuration = std::fs::read_to_string(folder.path().join("proxy.toml")).expect("it was written");
    assert!(configuration.contains("servers = [\"http://127.0.0.1:8001\"]"), "{configuration}");
    let again = run(folder.path(), &["init", "--upstream", "http://127.0.0.1:8002"]).await;
    assert_eq!(again.status.code(), Some(1), "{again:?}");
    assert!(text(&again.stderr).contains("`proxy.toml` is there already"), "{again:?}");
    assert_eq!(std::fs::read_to_string(folder.path().join("proxy.toml")).expect("it stays"), configuration);
}

#[tokio::test]
async fn init_writes_nothing_where_one_of_the_two_is_there() {
    let folder = TempDir::new().expect("a temporary folder");
    std::fs::create_dir(folder.path().join("rules")).expect("the folder is ours");
    let made = run(folder.path(), &["init"]).await;
    assert_eq!(made.status.code(), Some(1), "{made:?}");
    assert!(text(&made.stderr).contains("`rules` is there already"), "{made:?}");
    assert!(!folder.path().join("proxy.toml").exists());
    let wrong = run(folder.path(), &["init", "--upstream", "127.0.0.1:8000"]).await;
    assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");
}

#[tokio::test]
async fn init_writes_where_config_says() {
    let folder = TempDir::new().expect("a temporary folder");
    let made = run(folder.path(), &["init", "--config", "etc/larder/proxy.toml"]).await;
    assert_eq!(made.status.code(), Some(0), "{made:?}");
    let checked = run(folder.path(), &["check", "--config", "etc/larder/proxy.toml"]).await;
    assert_eq!(checked.status.code(), Some(0), "{checked:?}");
}

#[tokio::test]
async fn healthcheck_asks_the_instance_of_the_configuration() {
    let origin = Origin::start().await;
    origin.on("/p", reply(200));
    let served = Setup::rules(RULES).before(origin.address).serve().await;
    let address = served.admin_address.to_string();
    // A token in the configuration of who asks does no harm: /readyz wants none.
    let mut named = larder(served.folder(), "healthcheck");
    named.env("LARDER_ADMIN_TOKEN", "s3cret").args(["--admin-url", &address]);
    let ready = within("an answer", named.output()).await.expect("it runs");
    assert_eq!((ready.status.code(), text(&ready.stdout).as_str()), (Some(0), "ready\n"), "{ready:?}");

    let configured = format!("[upstream]\nservers = [\"http://127.0.0.1:9\"]\n[admin]\nlisten = \"{address}\"\n");
    let folder = TempDir::new().expect("a temporary folder");
    std::fs::write(folder.path().join("proxy.toml"), configured).expect("the folder is ours");
    assert_eq!(run(folder.path(), &["healthcheck"]).await.status.code(), Some(0));
    drop(served);
    let gone = run(folder.path(), &["healthcheck"]).await;
    assert_eq!(gone.status.code(), Some(1), "{gone:?}");
    assert!(text(&gone.stderr).contains("no admin API answers"), "{gone:?}");
}

#[tokio::test]
async fn healthcheck_does_not_wait_for_what_never_answers() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = silent.local_addr().expect("it listens").to_string();
    let folder = TempDir::new().expect("a temporary folder");
    let asked = run(folder.path(), &["healthcheck", "--admin-url", &address, "--timeout", "50ms"]).await;
    assert_eq!(asked.status.code(), Some(1), "{asked:?}");
    assert!(text(&asked.stderr).contains("no answer within 50ms"), "{asked:?}");
}

#[tokio::test]
async fn every_command_shows_how_it_is_used_has_a_page_and_is_completed() {
    let folder = TempDir::new().expect("a temporary folder");
    let commands = [
        "serve",
        "init",
        "check",
        "explain",
        "log",
        "stats",
        "top",
        "purge",
        "healthcheck",
        "demo",
        "man",
        "completions",
    ];
    for command in commands {
        let help = run(folder.path(), &[command, "--help"]).await;
        assert!(text(&help.stdout).contains("Examples:\n  larder "), "{command}: {help:?}");
    }
    let written = run(folder.path(), &["man", "--out", "man1"]).await;
    assert_eq!(written.status.code(), Some(0), "{written:?}");
    for command in commands {
        let page = std::fs::read_to_string(folder.path().join(format!("man1/larder-{command}.1")));
        assert!(page.expect("each command has a page").contains(".TH"), "{command}");
    }
    let page = run(folder.path(), &["man"]).await;
    assert!(text(&page.stdout).contains(".TH larder 1"), "{page:?}");
    for shell in ["bash", "zsh", "fish"] {
        let script = run(folder.path(), &["completions", shell]).await;
        assert!(text(&script.stdout).contains("healthcheck"), "{shell}: {script:?}");
    }
    assert_eq!(run(folder.path(), &["completions", "cobol"]).await.status.code(), Some(2));
}

#[tokio::test]
async fn the_version_names_the_revision() {
    let folder = TempDir::new().expect("a temporary folder");
    let said = run(folder.path(), &["--version"]).await;
    let said = text(&said.stdout);
    let rest = said.strip_prefix(concat!("larder ", env!("CARGO_PKG_VERSION"), " (")).expect("name and version first");
    assert!(rest.trim_end().strip_suffix(')').is_some_and(|revision| !revision.is_empty()), "{said}");
}

#[tokio::test]
async fn the_environment_alone_configures_an_instance_and_what_asks_it() {
    let origin = Origin::start().await;
    origin.on("/p", reply(200).body("p"));
    let folder = TempDir::new().expect("a temporary folder");
    let servers = format!("http://{}", origin.address);
    let variables = [("LARDER_UPSTREAM_SERVERS", servers.as_str()), ("LARDER_MEMORY_SIZ", "1MiB")];
    let in_environment = |command: &str, listen: &str| {
        let mut larder = Command::new(env!("CARGO_BIN_EXE_larder"));
        larder.arg(command).current_dir(folder.path()).envs(variables);
        larder.env("LARDER_LISTEN_HTTP", "127.0.0.1:0").env("LARDER_ADMIN_LISTEN", listen);
        larder
    };
    let mut check = in_environment("check", "127.0.0.1:0");
    let checked = within("check", check.output()).await.expect("it runs");
    assert_eq!(checked.status.code(), Some(0), "{checked:?}");
    assert_eq!(text(&checked.stdout), "the environment: 2 warnings; 0 routes in 0 files\n");
    assert!(text(&checked.stderr).contains("did you mean `LARDER_MEMORY_SIZE`?"), "{checked:?}");
    let served = Served::run(in_environment("serve", "127.0.0.1:0"), TempDir::new().expect("a folder").into()).await;
    served.get("/p").await.status(200).body("p");
    assert!(served.log().contains("did you mean `LARDER_MEMORY_SIZE`?"), "{}", served.log());
    let mut asked = in_environment("healthcheck", &served.admin_address.to_string());
    let ready = within("an answer", asked.output()).await.expect("it runs");
    assert_eq!(ready.status.code(), Some(0), "{ready:?}");
}

#[tokio::test]
async fn check_connect_tries_each_server_and_says_why_one_cannot_be_used() {
    let origin = Origin::start().await;
    origin.on("/healthz", reply(404));
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("it has one");
    let folder = TempDir::new().expect("a temporary folder");
    let write = |text: String| std::fs::write(folder.path().join("proxy.toml"), text).expect("the folder is ours");
    let servers = format!("servers = [\"http://{}\"]\n", origin.address);
    let checked = async || {
        let done = run(folder.path(), &["check", "--connect"]).await;
        (done.status.code(), text(&done.stdout), text(&done.stderr))
    };
    write(format!("[upstream]\n{servers}"));
    let (code, out, err) = checked().await;
    assert!(code == Some(0) && out.ends_with("1 server can be used\n"), "{code:?} {out} {err}");
    for (configuration, expected) in [
        (
            format!("[upstream]\n{servers}[upstreams.search]\nservers = [\"http://{closed}\"]\n"),
            "of [upstreams.search] can't be used",
        ),
        (format!("[upstream]\n{servers}health = {{ path = \"/healthz\" }}\n"), "was answered with 404"),
        (format!("[upstream]\n{}", servers.replace("http:", "https:")), "TLS"),
        ("[upstream]\nservers = [\"http://no-such-host.invalid\"]\n".to_owned(), "can't be looked up"),
        (
            format!(
                "[[cdn]]\nname = \"edge\"\nkind = \"varnish\"\nservers = [\"http://{closed}\"]\n[upstream]\n{servers}"
            ),
            "of the CDN `edge` can't be used",
        ),
    ] {
        write(configuration);
        let (code, out, err) = checked().await;
        assert!(code == Some(1) && err.contains(expected), "{expected}: {code:?} {out} {err}");
        assert!(err.contains("1 of "), "{err}");
    }
}

#[tokio::test]
async fn a_reload_puts_the_level_of_the_log_in_force_and_names_each_key_that_waits_for_a_restart() {
    let origin = Origin::start().await;
    let served = Setup::rules(RULES).before(origin.address).serve().await;
    let path = served.folder().join("proxy.toml");
    let written = std::fs::read_to_string(&path).expect("it is there");
    let changed = format!("{written}\n[timeouts]\nidle = \"7s\"\n[refresh]\nhot_keys = 5\nconcurrent = 2\n");
    std::fs::write(&path, &changed).expect("the folder is ours");
    served.signal(rustix::process::Signal::HUP);
    // What the rules warn of comes last, at the start and at the reload.
    within("the end of the reload", async {
        while served.log().matches("`ttl` without `cookies`").count() < 2 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(
        served.log().contains("`refresh.concurrent` has changed; it is in force after a restart"),
        "{}",
        served.log()
    );
    assert!(!served.log().contains("`timeouts.idle`"), "{}", served.log());
    // Who asks over the admin API is told the same.
    let mut client = Client::connect(served.admin_address).await;
    let host = served.admin_address.to_string();
    let reload = post("/reload", "").header("Host", &host).header("Content-Type", "application/json");
    client.send(&reload).await;
    let said = client.response().await.text();
    assert!(said.contains("`refresh.hot_keys` has changed; it is in force after a restart"), "{said}");

    let quiet = changed.replace("level = \"info\"", "level = \"error\"");
    let quiet = if quiet == changed { format!("{changed}[log]\nlevel = \"error\"\n") } else { quiet };
    std::fs::write(&path, quiet).expect("the folder is ours");
    client.send(&reload).await;
    client.response().await.status(200);
    let warnings = || served.log().matches(" WARN ").count();
    let before = warnings();
    client.send(&reload).await;
    let said = client.response().await.text();
    assert!(!said.contains("log.level") && said.contains("refresh.hot_keys"), "{said}");
    assert_eq!(warnings(), before, "warnings are not logged at the level `error`:\n{}", served.log());
}
