//! Invariant 6: memory stays under its bound with any mix of sizes.

use crate::support::{Setup, get, reply};

#[tokio::test]
async fn invariant_6_the_memory_tier_stays_under_its_bound_with_any_mix_of_sizes() {
    let bound = 1024.0 * 1024.0;
    let scenario = Setup::route("ttl = \"1h\"\ncompress = false").memory("1MiB").start().await;
    for number in 0..300_usize {
        let path = format!("/p/{number}");
        // Bodies from nothing to 64 KiB, some with heads larger than their bodies.
        let body = vec![b'x'; (number * 7919) % 65_536];
        scenario.origin.on(&path, reply(200).header("X-Note", &"n".repeat((number * 131) % 3000)).body(body));
        scenario.get(&path).await.status(200);
        let charged = scenario.metric("larder_cache_bytes{tier=\"memory\"}").await;
        assert!(charged <= bound, "{charged} bytes charged after {path}, the bound is {bound}");
    }
    let charged = scenario.metric("larder_cache_bytes{tier=\"memory\"}").await;
    assert!(charged > bound / 4.0, "{charged} bytes charged: the bound was never near");
}

#[tokio::test]
async fn invariant_6_an_empty_body_is_charged_for_its_head_and_key() {
    let scenario = Setup::route("ttl = \"1h\"").start().await;
    let path = format!("/{}", "p".repeat(1000));
    scenario.origin.on(&path, reply(200).header("X-Note", &"n".repeat(2000)).body(""));
    scenario.get(&path).await.says("stored");
    scenario.get(&path).await.hit();
    let charged = scenario.metric("larder_cache_bytes{tier=\"memory\"}").await;
    assert!(charged >= 3000.0, "{charged} bytes charged for 3,000 bytes of head and key");
}

#[tokio::test]
async fn invariant_6_a_body_over_the_routes_cap_is_sent_whole_and_not_stored() {
    let scenario = Setup::route("ttl = \"1h\"\nmax_body = \"10KiB\"").start().await;
    let large = "x".repeat(10 * 1024 + 1);
    scenario.origin.on("/known", reply(200).body(&large));
    scenario.origin.on("/unknown", reply(200).chunked().body(&large[..5000]).body(&large[5000..]));
    scenario.origin.on("/fits", reply(200).body(&large[1..]));
    for path in ["/known", "/unknown"] {
        scenario.get(path).await.body(&large);
        scenario.get(path).await.not_a_hit().body(&large);
    }
    scenario.get("/fits").await;
    scenario.fetch(&get("/fits")).await.hit();
}
