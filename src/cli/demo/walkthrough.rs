//! What the demo prints: curl lines to paste, one after another, and what each shows.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Where everything is.
#[derive(Debug)]
pub(super) struct Places {
    /// The proxy.
    pub larder: SocketAddr,
    /// Its admin API.
    pub admin: SocketAddr,
    /// The shop itself, for changes behind the proxy's back.
    pub shop: SocketAddr,
    /// The rules file.
    pub rules: PathBuf,
}

/// The whole text.
pub(super) fn text(places: &Places) -> String {
    let Places { larder, admin, shop, rules } = places;
    let mut text = format!(
        "\nNow you. Larder is at http://{larder}, its admin API and status page at http://{admin},\n\
         the shop itself at http://{shop}. The rules are in {}: edit them and save.\n\n\
         Paste these lines into another terminal. Look at Cache-Status and Age.\n",
        rules.display()
    );
    for (says, commands) in steps(places) {
        write!(text, "\n{says}\n").expect("a String takes all that is written");
        for command in commands {
            writeln!(text, "  {command}").expect("a String takes all that is written");
        }
    }
    text.push_str("\nCtrl-C stops the demo.\n");
    text
}

fn steps(places: &Places) -> Vec<(&'static str, Vec<String>)> {
    let Places { larder, admin, shop, .. } = places;
    let look = |path: &str| format!("curl -is 'http://{larder}{path}'");
    let purge =
        |purge: &str| format!("curl -is 'http://{admin}/purge' -H 'Content-Type: application/json' -d '{purge}'");
    let reprice = |place: &SocketAddr, cents: u32| {
        format!(
            "curl -is -X PATCH 'http://{place}/api/products/42' -H 'Content-Type: application/json' \
             -d '{{\"price_cents\": {cents}}}'"
        )
    };
    let product = || look("/api/products/42");
    vec![
        (
            "A search takes the shop 300 ms. The first one is a miss, the second a hit; utm_source is no part of the key.",
            vec![look("/api/search?q=red+shoe"), look("/api/search?q=red+shoe&utm_source=mail")],
        ),
        (
            "A price changed through Larder: the write itself makes the stored answer unusable.",
            vec![product(), product(), reprice(larder, 4200), product()],
        ),
        (
            "A price changed behind Larder's back: the old one is a hit until the shop says what changed.",
            vec![reprice(shop, 1999), product(), purge("{\"tags\": [\"product:42\"]}"), product()],
        ),
        (
            "A soft purge: the stale answer is served at once, and a fresh one is fetched behind it.",
            vec![purge("{\"tags\": [\"catalog\"], \"soft\": true}"), product()],
        ),
        (
            "The stock changes with every look at it; its answers live for one second.",
            vec![look("/api/inventory/7"), look("/api/inventory/7")],
        ),
        (
            "Why? What would happen to a request, and what every part of it is for.",
            vec![format!("curl -s 'http://{admin}/explain?url=http://{larder}/api/products/42'")],
        ),
    ]
}
