//! Which of several variants answers: RFC 9111 section 4.1.

use crate::support::{Scenario, Setup, get, reply};

/// An origin that has German for whoever names it and English for the others.
async fn two_languages() -> Scenario {
    let scenario = Setup::route("ttl = \"1m\"").start().await;
    scenario.origin.on_request("/p", |seen| {
        let german = seen.value("Accept-Language").is_some_and(|ranges| ranges.contains("de"));
        let answer = reply(200).header("Vary", "Accept-Language, Device");
        if german {
            answer.header("Content-Language", "de").body("Preis")
        } else {
            answer.header("Content-Language", "en").body("price")
        }
    });
    scenario
}

#[tokio::test]
async fn a_stored_response_in_the_language_wanted_most_answers() {
    let scenario = two_languages().await;
    scenario.fetch(&get("/p").header("Accept-Language", "en, de")).await.body("Preis");
    for (presented, hit) in [
        ("de, en", true),
        ("fr;q=0.5, de;q=1.0", true),
        ("DE", true),
        ("de, fr", false),
        ("de-AT, de;q=0.9", false),
        ("fr, de;q=0.5", false),
    ] {
        let scenario = two_languages().await;
        scenario.fetch(&get("/p").header("Accept-Language", "en, de")).await.body("Preis");
        let answer = scenario.fetch(&get("/p").header("Accept-Language", presented)).await;
        assert_eq!(answer.is_hit(), hit, "{presented}\n{answer}");
    }
    let elsewhere = get("/p").header("Accept-Language", "de").header("Device", "phone");
    scenario.fetch(&elsewhere).await.not_a_hit();
}

#[tokio::test]
async fn what_was_stored_before_the_origin_said_vary_answers_no_longer() {
    let scenario = Setup::route("ttl = \"1m\"").start().await;
    let varied = reply(200).header("Vary", "Device").body("phone");
    scenario.origin.on_each("/p", [reply(200).body("any"), varied, reply(200).header("Vary", "Device").body("tablet")]);
    scenario.get("/p").await.body("any");
    scenario.fetch(&get("/p").header("Device", "phone").header("Cache-Control", "no-cache")).await.body("phone");
    scenario.fetch(&get("/p").header("Device", "tablet")).await.not_a_hit().body("tablet");
    scenario.fetch(&get("/p").header("Device", "phone")).await.hit().body("phone");
}
