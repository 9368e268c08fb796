//! The book: every command in it is run as it stands there, and every block of configuration is read.
//!
//! Each page runs against an instance, an origin and a folder of its own, in the order of the page. Ports are put in
//! place of those that the book names. What a test cannot run is listed with the reason, and nothing else is left out.

use crate::support::client::Client;
use crate::support::deadline::within;
use crate::support::origin::Origin;
use crate::support::served::Served;
use crate::support::{Setup, get, reply};
use larder::testing::config::{Environment, Overrides, check_rules_text, load};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tempfile::TempDir;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

const RULES: &str = r#"
[[route]]
name = "product"
path = "/api/products/{id}"
ttl = "5m"
cookies = []
tags = ["product:{id}", "catalog"]

[[route]]
name = "search"
path = "/api/search"
ttl = "1m"
search_term = "q"

[[event]]
on = "product.updated"
purge = { tags = ["product:{id}"] }
"#;

/// What is not run here, and why. A command is one of these if it begins so.
const ELSEWHERE: [(&str, &str); 13] = [
    ("cargo build", "it has built what runs here"),
    ("target/release/larder --help", "the same as `larder --help`, of a release build"),
    ("larder demo", "it does not end; scenarios::demo runs it"),
    ("larder serve", "it does not end; every test of the binary runs it, takeover in restarts::taking_over"),
    ("larder changes", "it wants a database; the tests of change streams run it on one"),
    ("psql", "it wants a database; the tests of change streams give it what it is given here"),
    ("mariadb", "the same"),
    ("redis-server", "tests of fleets start it"),
    ("larder log --route search", "it shows slow requests alone; scenarios::terminal runs it with other filters"),
    ("larder top                ", "it wants a terminal; scenarios::terminal runs it in tmux"),
    ("larder warm http://shop.example.com", "no name of the book's leads anywhere; scenarios::warm_command runs it"),
    ("larder explain --request-id ID", "it stands for an id; scenarios::terminal runs it"),
    (
        "curl -X POST -H 'Content-Type: application/json' -d '{",
        "it names a server of the page's; admin::draining runs it",
    ),
];

/// What goes on until it is stopped, or waits for requests: it is right once it has said something.
const ENDLESS: [&str; 3] = ["larder log", "curl -sN", "larder top --by upstream_ms --window 1h"];

fn book() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let files = std::fs::read_dir(folder).expect("the book is part of the repository");
    let pages = files.map(|file| file.expect("it can be listed").path());
    let pages = pages.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let name = |path: &PathBuf| path.file_stem().expect("a page has a name").to_string_lossy().into_owned();
    let mut pages: Vec<_> =
        pages.map(|path| (name(&path), std::fs::read_to_string(&path).expect("it can be read"))).collect();
    pages.sort();
    pages
}

/// The blocks of this kind.
fn blocks<'p>(page: &'p str, kind: &str) -> Vec<&'p str> {
    let fence = format!("```{kind}\n");
    page.split(&fence).skip(1).map(|rest| rest.split("\n```").next().unwrap_or(rest)).collect()
}

/// The commands of a page, those that go over several lines in one.
fn commands(page: &str) -> Vec<String> {
    let lines = blocks(page, "sh").join("\n").replace("\\\n", " ");
    lines.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

/// An instance as the book has it.
struct Desk {
    origin: Origin,
    served: Served,
    folder: TempDir,
}

impl Desk {
    async fn new() -> Self {
        let origin = Origin::start().await;
        for path in ["/api/products/42", "/api/products", "/api/search?q=shoes", "/other"] {
            origin.on(path, reply(200).body("one"));
        }
        let served = Setup::rules(RULES).before(origin.address).serve().await;
        let folder = TempDir::new().expect("a temporary folder");
        let configuration = format!(
            "rules = \"rules\"\n[listen]\nhttp = \"{}\"\n[upstream]\nservers = [\"http://{}\"]\n[admin]\nlisten = \"{}\"\n",
            served.data_address, origin.address, served.admin_address
        );
        std::fs::create_dir(folder.path().join("rules")).expect("a fresh folder takes another");
        let log = "{\"host\":\"shop.test\",\"target\":\"/api/products/42\",\"method\":\"GET\",\"status\":200}\n";
        for (name, text) in [("proxy.toml", configuration.as_str()), ("rules/api.toml", RULES), ("access.jsonl", log)] {
            std::fs::write(folder.path().join(name), text).expect("a fresh folder takes a file");
        }
        std::fs::create_dir(folder.path().join("new")).expect("a fresh folder takes another");
        for name in ["new/api.toml", "new.toml"] {
            std::fs::write(folder.path().join(name), RULES).expect("a fresh folder takes a file");
        }
        let zipped =
            Command::new("gzip").args(["-k", "-S", ".1.gz", "access.jsonl"]).current_dir(folder.path()).status();
        assert!(zipped.await.expect("gzip is installed").success());
        let zipped = folder.path().join("access.jsonl.1.gz");
        std::fs::rename(zipped, folder.path().join("access.log.1.gz")).expect("it was made");
        Self { origin, served, folder }
    }

    fn shell(&self, command: &str) -> Command {
        let command = command
            .replace("127.0.0.1:8080", &self.served.data_address.to_string())
            .replace("127.0.0.1:9180", &self.served.admin_address.to_string())
            .replace("127.0.0.1:8000", &self.origin.address.to_string());
        let binary = Path::new(env!("CARGO_BIN_EXE_larder")).parent().expect("it lies in a folder");
        let path = std::env::var("PATH").unwrap_or_default();
        let mut shell = Command::new("bash");
        shell.args(["-o", "pipefail", "-c", &command]).current_dir(self.folder.path());
        shell.env("PATH", format!("{}:{path}", binary.display())).env_remove("LARDER_ADMIN_TOKEN");
        shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        shell
    }

    /// Runs a command to its end.
    async fn run(&self, command: &str) -> Result<(), String> {
        let output = within(command, self.shell(command).output()).await.expect("bash is installed");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() {
            return Ok(());
        }
        Err(format!("`{command}`: {}\n{}{}", output.status, text(&output.stdout), text(&output.stderr)))
    }

    /// Runs a command until it says something, while clients ask.
    async fn run_until_it_speaks(&self, command: &str) -> Result<(), String> {
        // What is filtered away never speaks.
        let mut shell = self.shell(command).spawn().expect("bash is installed");
        let mut said = shell.stdout.take().expect("piped above");
        let mut byte = [0];
        let speaks = async {
            loop {
                tokio::select! {
                    read = said.read(&mut byte) => break read.expect("a pipe can be read"),
                    () = self.ask() => {}
                }
            }
        };
        let read = within(command, speaks).await;
        let _ = shell.start_kill();
        let ended = shell.wait_with_output().await.expect("it was started");
        if read == 1 { Ok(()) } else { Err(format!("`{command}`: {}", String::from_utf8_lossy(&ended.stderr))) }
    }

    /// One request of each kind.
    async fn ask(&self) {
        let mut client = Client::connect(self.served.data_address).await;
        for target in ["/api/products/42", "/api/search?q=shoes", "/other", "/missing"] {
            client.send(&get(target).header("Cache-Control", "no-store")).await;
            client.response().await;
        }
        // No request: it has no Host.
        client.send_raw(b"GET / HTTP/1.1\r\n\r\n").await;
        client.response().await.status(400);
    }
}

/// Runs the commands of these pages.
async fn run_pages(names: &[&str]) {
    let mut failed = String::new();
    for (name, page) in book().into_iter().filter(|(name, _)| names.contains(&name.as_str())) {
        let desk = Desk::new().await;
        for command in commands(&page) {
            if ELSEWHERE.iter().any(|(begin, _)| command.starts_with(begin)) {
                continue;
            }
            let result = if ENDLESS.iter().any(|begin| command.starts_with(begin)) {
                desk.run_until_it_speaks(&command).await
            } else {
                desk.run(&command).await
            };
            if let Err(why) = result {
                let _ = writeln!(failed, "{name}.md: {why}");
            }
        }
    }
    assert!(failed.is_empty(), "{failed}");
}

#[tokio::test]
async fn getting_started_rules_and_invalidation() {
    run_pages(&["getting-started", "rules", "invalidation", "warming"]).await;
}

#[tokio::test]
async fn operations_and_the_dashboard() {
    run_pages(&["operations", "dashboard", "fleet", "upstreams", "replay"]).await;
}

#[tokio::test]
async fn troubleshooting_security_and_upgrading() {
    run_pages(&["troubleshooting", "security", "upgrading", "tracing", "consistency"]).await;
}

/// Pages whose commands are run elsewhere: by `make image-test deb-test deploy-test`, and by `bench/shop/newcomer.py`.
const RUN_ELSEWHERE: [&str; 3] = ["deployment", "learning", "tuning"];

#[test]
fn no_page_with_commands_is_left_out() {
    let run = include_str!("book.rs");
    for (name, page) in book() {
        let is_run = run.contains(&format!("\"{name}\"")) || RUN_ELSEWHERE.contains(&name.as_str());
        assert!(is_run || commands(&page).is_empty(), "the commands of {name}.md are run by no test");
    }
}

#[test]
fn nothing_is_excused_that_the_book_does_not_have() {
    let all: Vec<String> = book().iter().flat_map(|(_, page)| commands(page)).collect();
    for begin in ELSEWHERE.iter().map(|(begin, _)| begin).chain(&ENDLESS) {
        assert!(all.iter().any(|command| command.starts_with(begin)), "{begin}");
    }
}

/// What is wrong with a block of configuration, read as what it looks like: rules, the keys of a route, or `proxy.toml`.
fn problems_of(block: &str) -> String {
    let is_of_rules = ["[[route]]", "[[event]]", "[[change]]", "[[warm]]"].iter().any(|table| block.contains(table));
    if is_of_rules {
        return check_rules_text(block).err().map(|errors| errors.to_string()).unwrap_or_default();
    }
    let has_upstream = block.contains("[upstream]");
    let upstream = if has_upstream { "" } else { "[upstream]\nservers = [\"http://127.0.0.1:8000\"]\n" };
    let folder = TempDir::new().expect("a temporary folder");
    let file = folder.path().join("proxy.toml");
    std::fs::write(&file, format!("{block}\n{upstream}")).expect("a fresh folder takes a file");
    match load(&file, &Overrides::default(), &Environment::default()) {
        Err(errors) if !block.contains("\n[") && !block.starts_with('[') => {
            let of_route = format!("[[route]]\nname = \"all\"\npath = \"/**\"\n{block}\n");
            check_rules_text(&of_route).err().map(|of_route| format!("{errors}\n{of_route}")).unwrap_or_default()
        }
        Err(errors) => errors.to_string(),
        Ok(_) => String::new(),
    }
}

#[test]
fn configuration_in_the_book_is_what_larder_reads() {
    let (mut seen, mut wrong) = (0, String::new());
    for (name, page) in book() {
        for block in blocks(&page, "toml") {
            seen += 1;
            let problems = problems_of(block);
            // Files that the book names are nowhere here.
            if ["unknown key", "is not a", "must be", "expected"].iter().any(|sign| problems.contains(sign)) {
                let _ = writeln!(wrong, "{name}.md:\n{block}\n{problems}");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(seen > 20, "{seen}");
}

#[test]
fn links_within_the_book_lead_somewhere() {
    let pages = book();
    let anchor = |line: &str| -> String {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        title
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect()
    };
    for (name, page) in &pages {
        for link in page.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (file, section) = link.split_once('#').unwrap_or((link, ""));
            if file.contains("://") {
                continue;
            }
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(file);
            assert!(file.is_empty() || path.exists(), "{name}.md: {link}");
            let target = if file.is_empty() { name.as_str() } else { file.trim_end_matches(".md") };
            let Some((_, target)) = pages.iter().find(|(known, _)| known == target) else { continue };
            let has = target.lines().any(|line| line.starts_with('#') && anchor(line) == section);
            assert!(section.is_empty() || has, "{name}.md: {link}");
        }
    }
}
