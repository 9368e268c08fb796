//! Several upstream servers of which one fails, as an operator and the clients see it.

use crate::support::deadline::within;
use crate::support::origin::Origin;
use crate::support::served::Served;
use crate::support::{Setup, reply};

#[tokio::test]
async fn a_server_that_fails_is_taken_out_and_comes_back_and_the_log_says_both() {
    let (good, bad) = (Origin::start().await, Origin::start().await);
    let keys = "eject = { failures = 3, within = \"10s\", for = \"3s\" }";
    let folder = Setup::rules("").before(good.address).upstream(keys).folder();
    let path = folder.path().join("proxy.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let both = format!("servers = [\"http://{}\", \"http://{}\"]", good.address, bad.address);
    let text: Vec<_> = text.lines().map(|line| if line.starts_with("servers") { &both } else { line }).collect();
    std::fs::write(&path, text.join("\n")).unwrap();
    let larder = Served::start(folder).await;

    good.on("/p", reply(200).body("good"));
    bad.on("/p", reply(503).body("bad"));
    for _ in 0..20 {
        larder.get("/p").await.status(200).body("good");
    }
    bad.saw("/p", 3);
    let log = larder.log();
    let out = log.lines().find(|line| line.contains("keeps failing and is taken out"));
    assert!(out.is_some_and(|line| line.contains(&bad.address.to_string()) && line.contains("503")), "{log}");

    let up = |address| format!("larder_upstream_server_up{{pool=\"default\",server=\"{address}\"}}");
    let states = [larder.metric(&up(good.address)).await, larder.metric(&up(bad.address)).await];
    assert_eq!(states.map(|up| up > 0.5), [true, false]);
    let retries = format!(
        "larder_upstream_retries_total{{pool=\"default\",server=\"{}\",cause=\"upstream-error-status\"}}",
        bad.address
    );
    assert!((larder.metric(&retries).await - 3.0).abs() < f64::EPSILON);

    bad.on("/p", reply(200).body("mended"));
    within("the server to be back", async {
        while !larder.log().contains("answers again and is back") {
            larder.get("/p").await.status(200);
        }
    })
    .await;
}
