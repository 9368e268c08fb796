//! Answers that go back to what they were: with time they do so for everyone, and by who asks for one alone.

use super::*;

/// Visits to twenty products, four a second, of `clients` clients: some products are asked for often, most seldom.
fn visits(clients: u64) -> Vec<Visit> {
    let draw = |what: &str, n: u64, of: u64| hashes().hash_one((what, n)) % of;
    let product = |n: u64| 20 / (1 + draw("product", n, 20));
    (0..4_000).map(|n| visit(draw("client", n, clients), n / 4, format!("/stock/{}", product(n)))).collect()
}

/// Whether some of a product are left: it changes back and forth, each product at its own times.
fn stock(visit: &Visit) -> u64 {
    let period = hashes().hash_one(("turns", visit.second / 80, &visit.url)) % 3;
    if period == 0 { 7 } else { hashes().hash_one((visit.second / 80, &visit.url)) % 2 }
}

fn at_random(visit: &Visit, of: u64) -> u64 {
    hashes().hash_one(("at random", visit.client, visit.second, &visit.url)) % of
}

#[test]
fn a_stock_that_swings_is_proposed_with_a_short_lifetime() {
    for clients in [3, 20, 200] {
        let proposal = learn(&visits(clients), |visit| (stock(visit).to_string(), OPEN));
        let text = proposal.to_toml();
        assert_eq!(paths(&proposal).0, ["/stock/{id}"], "{clients} clients: {text}");
        let findings = &proposal.routes[0].verdict.findings;
        assert!(findings.returned > 0 && findings.swings.followed > findings.swings.kept, "{findings:?}");
        assert!(text.contains("came back after another, for all alike"), "{text}");
        let ttl = proposal.routes[0].verdict.lifetime.ttl;
        assert!(ttl <= Duration::from_secs(30), "{ttl:?}");
    }
}

#[test]
fn a_price_that_goes_up_and_down_again_for_everyone_is_proposed() {
    // A, B, A: nothing else ever.
    let proposal = learn(&rounds(&["/price"], 600), |visit| ((visit.second / 97 % 2).to_string(), OPEN));
    assert_eq!(paths(&proposal).0, ["/price"], "{}", proposal.to_toml());
}

#[test]
fn a_lifetime_is_no_longer_than_what_swings_allows() {
    let proposal = learn(&rounds(&["/stock"], 900), |visit| ((visit.second / 3 % 2).to_string(), OPEN));
    assert_eq!(paths(&proposal).0, Vec::<String>::new(), "{}", proposal.to_toml());
}

/// What someone gets who has a price of their own.
type Own = dyn Fn(&Visit) -> String;

fn only(is_theirs: bool) -> String {
    if is_theirs { "theirs" } else { "" }.to_owned()
}

#[test]
fn what_differs_by_who_asks_is_left_out_although_it_also_swings_with_time() {
    let rows: [(&str, u64, &Own); 10] = [
        ("each of three clients", 3, &|visit| visit.client.to_string()),
        ("each of forty clients", 40, &|visit| visit.client.to_string()),
        ("one of thirty", 30, &|visit| only(visit.client == 7)),
        ("two of forty, the same for both", 40, &|visit| only(visit.client < 2)),
        ("half of twenty", 20, &|visit| only(visit.client < 10)),
        ("a region of one in ten", 40, &|visit| only(visit.client.is_multiple_of(10))),
        ("one of thirty, for one product alone", 30, &|visit| only(visit.client == 7 && visit.url == "/stock/1")),
        ("one of thirty, after a while", 30, &|visit| only(visit.client == 7 && visit.second > 800)),
        ("some, in turn with the others", 20, &|visit| only((visit.client + visit.second / 50).is_multiple_of(2))),
        ("half of all answers, by chance", 20, &|visit| only(at_random(visit, 2) == 0)),
    ];
    for (whose, clients, own) in rows {
        for proposal in [
            learn(&visits(clients), |visit| (format!("{} {}", stock(visit), own(visit)), OPEN)),
            learn(&visits(clients), |visit| (own(visit), OPEN)),
        ] {
            let (routes, left_out) = paths(&proposal);
            assert_eq!(routes, Vec::<String>::new(), "{whose}: {}", proposal.to_toml());
            let reasons = ["differs-by-request", "undecided", "differs-by-client", "changes-too-often"];
            assert!(reasons.contains(&left_out[0].1.as_str()), "{whose}: {left_out:?}");
        }
    }
}

#[test]
#[allow(clippy::type_complexity)] // A row is a name, what is done to a visit, and another name.
fn where_a_cookie_or_a_header_chooses_what_swings_it_counts_or_its_bearers_pass_by() {
    let sent = |visit: &Visit, name: &str| visit.fields.iter().find(|field| field.contains(name)).cloned();
    let country = |n: u64| ["NL", "BE", "DE"][usize::try_from(n % 3).expect("few")];
    let rows: [(&str, &dyn Fn(Visit) -> Visit, &str); 4] = [
        (
            "a country",
            &|visit| {
                let it = format!("cf-ipcountry: {}", country(visit.client));
                visit.with(it)
            },
            "cf-ipcountry",
        ),
        (
            "a choice",
            &|visit| {
                let it = format!("cookie: currency={}", country(visit.client));
                visit.with(it)
            },
            "currency",
        ),
        (
            "a session of few",
            &|visit| match visit.client {
                0..4 => {
                    let it = format!("cookie: sid=0123456789abcdef{}", visit.client);
                    visit.with(it)
                }
                _ => visit,
            },
            "sid",
        ),
        ("a level of few", &|visit| if visit.client < 4 { visit.with("cookie: level=gold") } else { visit }, "level"),
    ];
    for (what, with, name) in rows {
        let visits: Vec<Visit> = visits(30).into_iter().map(with).collect();
        let proposal = learn(&visits, |visit| (format!("{} {:?}", stock(visit), sent(visit, name)), OPEN));
        for route in &proposal.routes {
            let Proposed { cookies, headers, bypass_cookies, bypass_headers, .. } = &route.verdict;
            let names = [cookies, headers, bypass_cookies, bypass_headers];
            assert!(names.into_iter().flatten().any(|it| it == name), "{what}: {}", proposal.to_toml());
        }
    }
}

#[test]
fn where_it_is_not_clear_why_answers_come_back_the_file_says_so() {
    // One of thirty has a price of their own, beside a stock that swings for everyone.
    let proposal = learn(&visits(30), |visit| (format!("{} {}", stock(visit), visit.client == 7), OPEN));
    assert_eq!(paths(&proposal).1[0].1, "undecided", "{}", proposal.to_toml());
    let text = proposal.to_toml().replace("\n#", "");
    assert!(text.contains("it is not clear whether with time or by who asks"), "{text}");
}
