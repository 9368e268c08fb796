//! Invariant 7: a bad rules file never replaces a good one.

use crate::support::{Scenario, Setup, get, post, reply};

const GOOD: &str = "[[route]]\nname = \"good\"\npath = \"/p\"\nttl = \"1m\"\n";

async fn running() -> Scenario {
    let scenario = Setup::rules(GOOD).start().await;
    scenario.origin.on("/p", reply(200).body("p"));
    scenario.origin.on("/q", reply(200).body("q"));
    scenario.get("/p").await.says("stored");
    scenario
}

#[tokio::test]
async fn invariant_7_a_bad_rules_file_is_refused_and_the_running_rules_go_on() {
    for bad in [
        "[[route]\n",
        "[[route]]\nname = \"x\"\npath = \"/p\"\nttll = \"1m\"\n",
        "[[route]]\nname = \"x\"\npath = \"/p\"\nttl = \"one minute\"\n",
        "[[route]]\nname = \"x\"\n",
        "[[route]]\nname = \"x\"\npath = \"/{a\"\n",
    ] {
        let scenario = running().await;
        std::fs::write(scenario.rules_file(), bad).unwrap();
        let answer = scenario.admin(post("/reload", "")).await;
        assert!(!(200..300).contains(&answer.status), "{bad:?} was accepted\n{answer}");
        scenario.get("/p").await.hit();
        let rules = scenario.admin(get("/rules")).await;
        assert!(rules.text().contains("good") && rules.text().contains("rejected"), "{bad:?}\n{rules}");
        assert!((scenario.metric("larder_rules_rejected").await - 1.0).abs() < f64::EPSILON, "{bad:?}");
    }
}

#[tokio::test]
async fn invariant_7_a_good_rules_file_replaces_the_old_one_and_keeps_the_cache() {
    let scenario = running().await;
    std::fs::write(scenario.rules_file(), format!("{GOOD}\n[[route]]\nname = \"q\"\npath = \"/q\"\nttl = \"1m\"\n"))
        .unwrap();
    scenario.admin(post("/reload", "")).await.status(200);
    scenario.get("/p").await.hit();
    scenario.get("/q").await.says("stored");
    scenario.get("/q").await.hit();
}

#[tokio::test]
async fn invariant_7_a_changed_file_is_noticed_without_being_told() {
    let scenario = running().await;
    std::fs::write(scenario.rules_file(), "[[route]]\nname = \"p\"\npath = \"/p\"\ncache = false\n").unwrap();
    let passed = scenario.until("the new rules", &get("/p"), |response| !response.is_hit()).await;
    passed.body("p");
}
