//! The admin API held to its own OpenAPI document by a tool that this project did not write: Schemathesis.

use crate::run;
use crate::support::deadline::within_time;
use crate::support::{Scenario, Setup, get};
use std::path::PathBuf;
use std::time::Duration;
use tokio::process::Command;

/// How a call that does not fit the schema may be answered: as by default, and with 413 where a list is so long that its body
/// is over the bound.
const REJECTED: &str = r#"
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 428, 429, "5xx"]
"#;

const RULES: &str = "[[route]]\nname = \"product\"\npath = \"/products/{id}\"\nttl = \"1m\"\ntags = [\"product:{id}\"]\n\
                     [[event]]\non = \"product.updated\"\npurge = { tags = [\"product:{id}\"] }\n";

/// Long enough on two busy cores; on quiet ones it takes ten seconds.
const DEADLINE: Duration = Duration::from_mins(2);

const TOKEN: &str = "s3cret-of-the-test";

/// Calls of every kind that the document describes, well and badly formed, the same each time: no answer is a 5xx or other than
/// described, what is badly formed is refused, and no call is answered without the token where the document wants it.
///
/// Left out is the check that whatever fits the schema is accepted: what a URL is, is more than a pattern says.
async fn conforms(token: Option<&str>) {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    run(&mut Command::new(root.join("scripts/install-schemathesis.sh"))).await;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    std::fs::write(folder.path().join("schemathesis.toml"), REJECTED).expect("a fresh folder takes a file");
    let mut setup = Setup::rules(RULES);
    if let Some(token) = token {
        let file = folder.path().join("token");
        std::fs::write(&file, token).expect("a fresh folder takes a file");
        setup = setup.section(&format!("token_file = \"{}\"", file.display()));
    }
    let larder = setup.start().await;
    let address = larder.running.admin_address;
    let mut tool = Command::new(target.join("tools/schemathesis/bin/schemathesis"));
    tool.arg("run").arg(format!("http://{address}/openapi.json"));
    tool.args(["--checks", "all", "--exclude-checks", "positive_data_acceptance"]);
    tool.args(["--generation-deterministic", "-n", "15"]);
    tool.args(["--suppress-health-check", "all", "--continue-on-failure", "--no-color", "--warnings", "off"]);
    // Events without end, for which the tool would wait.
    tool.args(["--exclude-path", "/requests", "--exclude-path", "/live"]);
    // What a page of this listener sends, so that logging in is let through to its form.
    tool.arg("-H").arg(format!("Origin: http://{address}"));
    if let Some(token) = token {
        tool.arg("-H").arg(format!("Authorization: Bearer {token}"));
    }
    let output =
        within_time(DEADLINE, "the tool", tool.current_dir(folder.path()).output()).await.expect("the tool runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    // All but the document, by which it knows them, and the events.
    let document: serde_json::Value = serde_json::from_slice(&document_of(&larder, token).await).expect("JSON");
    let calls: usize = document["paths"]
        .as_object()
        .expect("calls")
        .values()
        .map(|call| call.as_object().map_or(0, serde_json::Map::len))
        .sum();
    assert!(text.contains(&format!("Tested: {}", calls - 3)), "not every call was tried:\n{text}");
    larder.admin(get("/readyz")).await.status(200);
}

async fn document_of(larder: &Scenario, token: Option<&str>) -> Vec<u8> {
    let request = token.map_or_else(
        || get("/openapi.json"),
        |token| get("/openapi.json").header("Authorization", &format!("Bearer {token}")),
    );
    larder.admin(request).await.body
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_is_as_described_with_the_token() {
    conforms(Some(TOKEN)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_is_as_described_where_no_token_is_set() {
    conforms(None).await;
}
