//! The dashboard in a real browser: headless Chromium, driven by Playwright, looked over by axe-core.

use crate::run;
use crate::support::deadline::within_time;
use crate::support::{Scenario, Setup, reply};
use std::path::PathBuf;
use std::time::Duration;
use tokio::process::Command;

const RULES: &str = "[[route]]\nname = \"product\"\npath = \"/api/products/{id}\"\nttl = \"1h\"\ntags = [\"product:{id}\"]\n\
                     [[route]]\nname = \"search\"\npath = \"/api/search\"\nttl = \"1s\"\nquery = { allow = [\"q\"] }\nsearch_term = \"q\"\n\
                     [[route]]\nname = \"odd\"\npath = \"/api/odd\"\nttl = \"1h\"\n\
                     [[route]]\nname = \"aged\"\npath = \"/api/aged\"\nttl = \"1h\"\naudit = \"100%\"\n\
                     [[route]]\nname = \"basket\"\npath = \"/api/basket\"\ncache = false\n";

/// Starting a browser and asking it for everything takes half a minute on two busy cores.
const DEADLINE: Duration = Duration::from_mins(3);

const TOKEN: &str = "s3cret-of-the-test";

const PRODUCTS: usize = 40;

async fn shop() -> (Scenario, tempfile::TempDir) {
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let file = folder.path().join("token");
    std::fs::write(&file, TOKEN).expect("a fresh folder takes a file");
    let larder = Setup::rules(RULES).section(&format!("token_file = \"{}\"", file.display())).start().await;
    for product in 1..=PRODUCTS {
        let body = format!("{{\"id\": {product}, \"name\": \"{}\"}}", "chair ".repeat(40));
        larder.origin.on(&format!("/api/products/{product}"), reply(200).body(body));
    }
    larder.origin.on("/api/search", reply(200).body("[1, 2, 3]"));
    larder.origin.on_each("/api/aged", ["old", "new"].map(|body| reply(200).body(body)));
    larder.origin.on("/api/odd", reply(200).body("odd"));
    larder.origin.on("/api/basket", reply(200).header("Cache-Control", "no-store").body("[]"));
    (larder, folder)
}

/// The script logs in, makes load, watches, purges, explains, drains, breaks the rules and mends them; it looks for errors
/// in the browser's console and for what axe-core finds, in light and in dark, and takes the pictures that docs/dashboard.md shows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_sees_values_move_and_does_by_click_what_the_page_offers() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    run(&mut Command::new(root.join("scripts/install-browser-tools.sh"))).await;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let (larder, folder) = shop().await;
    let pictures = match std::env::var_os("LARDER_BLESS") {
        Some(_) => root.join("docs/pictures"),
        None => folder.path().join("pictures"),
    };
    let mut script = Command::new(target.join("tools/browser/bin/python"));
    script.arg("-B").arg(root.join("tests/real_upstream/dashboard.py"));
    script.arg("--admin").arg(format!("http://{}", larder.running.admin_address));
    script.arg("--data").arg(larder.running.data_address.to_string());
    script.args(["--token", TOKEN, "--products", &PRODUCTS.to_string()]);
    script.arg("--rules").arg(larder.rules_file());
    script.arg("--axe").arg(target.join("tools/axe-core/package/axe.min.js"));
    script.arg("--pictures").arg(&pictures);
    let output = within_time(DEADLINE, "the browser", script.kill_on_drop(true).output()).await.expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    for name in ["light", "dark", "phone"] {
        assert!(pictures.join(format!("dashboard-{name}.png")).exists(), "no picture {name}");
    }
}
