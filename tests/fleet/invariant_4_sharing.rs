//! Invariant 4 in a fleet: an answer that must be asked for each time reaches one user only, whichever instance they ask.

use super::house::{House, shop};
use crate::support::{Barrier, Request, reply};

const ROWS: [&[(&str, &str)]; 8] = [
    &[("Cache-Control", "no-cache")],
    &[("Cache-Control", "no-cache, max-age=60")],
    &[("Cache-Control", "max-age=0, must-revalidate")],
    &[("Cache-Control", "max-age=8"), ("Age", "10")],
    &[("Expires", "0")],
    &[],
    &[("Cache-Control", "private, max-age=60")],
    &[("Cache-Control", "max-age=60"), ("Set-Cookie", "session=1")],
];

fn of(user: &str) -> Request {
    shop("/p").header("Cookie", user)
}

/// An origin with a page for each user, marked with these fields; it holds Alice's answers at the first gate and the
/// others' at the second, and answers 304 to whoever has their own page already.
fn script(house: &House, lines: &'static [(&'static str, &'static str)]) -> (Barrier, Barrier) {
    let (alice, rest) = (Barrier::new(), Barrier::new());
    let gates = (alice.clone(), rest.clone());
    house.one.origin.on_request("/p", move |seen| {
        let user = seen.value("Cookie").unwrap_or("nobody");
        let is_known = seen.value("If-None-Match").is_some_and(|tags| tags.contains(user));
        let answer = reply(if is_known { 304 } else { 200 }).header("ETag", &format!("\"{user}\""));
        let answer = lines.iter().fold(answer, |answer, (name, value)| answer.header(name, value));
        answer.hold(if user == "alice" { &gates.0 } else { &gates.1 }).body(user)
    });
    (alice, rest)
}

#[tokio::test]
async fn invariant_4_eight_users_at_two_instances_each_get_their_own_page() {
    for lines in ROWS {
        let house = House::routed("coalesce_wait = \"1h\"").await;
        let (alice, rest) = script(&house, lines);
        let mut first = house.one.begin(&of("alice")).await;
        alice.reached_by(1).await;
        let mut waiting = Vec::new();
        for number in 0..7 {
            let instance = if number % 2 == 0 { &house.two } else { &house.one };
            let user = format!("bob-{number}");
            waiting.push((user.clone(), instance.begin(&of(&user)).await));
        }
        alice.open();
        // They are told at once, those at the other instance by a word on the stream, and wait for nobody.
        rest.reached_by(7).await;
        first.response().await.body("alice");
        rest.open();
        for (user, client) in &mut waiting {
            client.response().await.body(&*user).does_not_say("collapsed").not_a_hit();
        }
        // And those who come when everything has its copy, at either instance.
        for (number, instance) in [&house.two, &house.one, &house.two].into_iter().enumerate() {
            let user = format!("carol-{number}");
            instance.fetch(&of(&user)).await.body(&user).not_a_hit();
        }
    }
}

#[tokio::test]
async fn invariant_4_a_304_at_one_instance_is_for_nobody_at_another() {
    for lines in ROWS {
        let house = House::routed("coalesce_wait = \"1h\"").await;
        let (alice, rest) = script(&house, lines);
        alice.open();
        house.one.fetch(&of("alice")).await.body("alice");
        house.two.fetch(&of("alice")).await.body("alice");
        let mut again = house.one.begin(&of("alice")).await;
        let mut waiting = Vec::new();
        for (number, instance) in [&house.two, &house.one, &house.two].into_iter().enumerate() {
            let user = format!("bob-{number}");
            waiting.push((user.clone(), instance.begin(&of(&user)).await));
        }
        rest.reached_by(3).await;
        again.response().await.body("alice");
        rest.open();
        for (user, client) in &mut waiting {
            client.response().await.body(&*user).does_not_say("collapsed").not_a_hit();
        }
    }
}
