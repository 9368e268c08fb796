//! The admin API over TLS, asked by curl and by Larder's own commands.

use super::renewals::rename_into_place;
use crate::support::certificates::{Authority, Files, Validity, written};
use crate::support::deadline::within;
use crate::support::{Scenario, Setup};
use std::net::SocketAddr;
use tempfile::TempDir;
use tokio::process::Command;

const RULES: &str = "[[route]]\nname = \"all\"\npath = \"/**\"\nttl = \"1m\"\n";

struct House {
    scenario: Scenario,
    authority: Authority,
    files: Files,
    folder: TempDir,
}

impl House {
    /// `keys` are further ones of `admin.tls`.
    async fn build(keys: &str) -> Self {
        let (authority, folder) = (Authority::new("operators"), TempDir::new().expect("a temporary folder"));
        let files = authority.write_for(folder.path(), &["localhost"], Validity::Valid);
        let scenario = Setup::rules(RULES).admin(&Self::tls(&files, keys)).start().await;
        Self { scenario, authority, files, folder }
    }

    fn tls(files: &Files, keys: &str) -> String {
        let keys = keys.replace("CA", &files.ca.display().to_string());
        let (certificate, key) = (files.certificate.display(), files.key.display());
        format!("tls = {{ certificate = \"{certificate}\", key = \"{key}\"{keys} }}")
    }

    fn address(&self) -> SocketAddr {
        self.scenario.running.admin_address
    }

    fn url(&self) -> String {
        format!("https://localhost:{}", self.address().port())
    }

    /// The exit code and what was said.
    async fn run(&self, program: &str, arguments: &[&str]) -> (Option<i32>, String) {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.folder.path());
        let output = within(arguments.join(" "), command.output()).await.expect("it runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    }

    async fn curl(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let url = format!("{}/readyz", self.url());
        let usual = ["--silent", "--show-error", "--fail", "--cacert", "ca.pem", &url];
        self.run("curl", &[&usual[..], arguments].concat()).await
    }

    async fn larder(&self, arguments: &[&str]) -> (Option<i32>, String) {
        self.run(env!("CARGO_BIN_EXE_larder"), arguments).await
    }
}

#[tokio::test]
async fn curl_and_the_commands_ask_over_tls_and_believe_their_authority_alone() {
    let house = House::build("").await;
    let (code, said) = house.curl(&[]).await;
    assert_eq!(code, Some(0), "{said}");
    let url = house.url();
    let asked = house.larder(&["switch", "--admin-url", &url, "--admin-ca", "ca.pem"]).await;
    assert_eq!(asked, (Some(0), "no switch is on\n".to_owned()));
    let (code, said) = house.larder(&["switch", "--admin-url", &url]).await;
    assert!(code == Some(1) && said.contains("UnknownIssuer"), "{said}");
    // In clear text nothing is answered.
    let (code, said) = house.larder(&["switch", "--admin-url", &url.replace("https", "http")]).await;
    assert!(code == Some(1) && said.contains("no admin API answers"), "{said}");
}

#[tokio::test]
async fn a_command_that_reads_the_configuration_believes_the_very_certificate_that_it_names() {
    let house = House::build("").await;
    let configured = |files: &Files| {
        let tls = House::tls(files, "");
        format!("[upstream]\nservers = [\"http://127.0.0.1:9\"]\n[admin]\nlisten = \"{}\"\n{tls}\n", house.address())
    };
    let _ = written(house.folder.path(), "proxy.toml", &configured(&house.files));
    assert_eq!(house.larder(&["healthcheck"]).await, (Some(0), "ready\n".to_owned()));
    let other = house.folder.path().join("other");
    std::fs::create_dir(&other).expect("the folder is ours");
    let others = house.authority.write_for(&other, &["localhost"], Validity::Valid);
    let _ = written(house.folder.path(), "proxy.toml", &configured(&others));
    let (code, said) = house.larder(&["healthcheck"]).await;
    assert!(code == Some(1) && said.contains("not the one of [admin] tls"), "{said}");
}

#[tokio::test]
async fn only_who_shows_a_certificate_of_the_authority_is_let_in_where_one_is_asked_for() {
    let house = House::build(", client_ca = \"CA\"").await;
    let [certificate, key] = house.authority.vouch_for(&["ops"]);
    let _ = written(house.folder.path(), "ops.pem", &certificate);
    let _ = written(house.folder.path(), "ops.key", &key);
    assert_ne!(house.curl(&[]).await.0, Some(0));
    let (code, said) = house.curl(&["--cert", "ops.pem", "--key", "ops.key"]).await;
    assert_eq!(code, Some(0), "{said}");
    let url = house.url();
    let asked = ["switch", "--admin-url", &url, "--admin-ca", "ca.pem"];
    assert_eq!(house.larder(&asked).await.0, Some(1));
    let shown = ["--admin-certificate", "ops.pem", "--admin-key", "ops.key"];
    assert_eq!(house.larder(&[&asked[..], &shown].concat()).await.0, Some(0));
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_to_new_callers() {
    let house = House::build("").await;
    let before = std::fs::read_to_string(&house.files.certificate).expect("it is there");
    let other = Authority::new("another");
    let _ = written(house.folder.path(), "other-ca.pem", &other.pem);
    let [certificate, key] = other.vouch_for(&["localhost"]);
    assert_ne!(certificate, before);
    rename_into_place(&house.files.certificate, &certificate);
    rename_into_place(&house.files.key, &key);
    within("the renewed certificate", async {
        while house.curl(&["--cacert", "other-ca.pem"]).await.0 != Some(0) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
