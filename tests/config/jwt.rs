//! `[jwt]`, and the routes that need it.

use super::{Expected, assert_problems, refused};
use larder::testing::config::{Config, ConfigErrors, Environment, Overrides};

/// An elliptic key (RFC 7517 appendix A.1), and one that is for something else.
const KEYS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"1","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
"y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"},{"kty":"oct","k":"AAAA"}]}"#;

const REST: &str = "issuer = \"https://id.test\"\naudience = [\"shop\"]\nalgorithms = [\"ES256\"]\n";

const ROUTE: &str = "[[route]]\npath = \"/**\"\n";

fn loaded(jwt: &str, rules: &str) -> Result<Config, ConfigErrors> {
    let text = format!("rules = \"rules.toml\"\n[upstream]\nservers = [\"http://127.0.0.1:1\"]\n{jwt}");
    let files =
        [("proxy.toml", text.as_str()), ("rules.toml", rules), ("keys.json", KEYS), ("none.json", "{\"keys\":[]}")];
    // The rules are read while the folder is there.
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("the folder is there");
    }
    let path = folder.path().join("proxy.toml");
    let config = larder::testing::config::load(&path, &Overrides::default(), &Environment::default())?;
    config.load_rules()?;
    Ok(config)
}

#[test]
fn keys_are_in_a_file_or_at_a_url() {
    let claims = format!("{ROUTE}claims = [\"group\", \"https://shop.test/tier\"]\n");
    for jwks in ["keys.json", "https://id.test/keys?v=1", "http://127.0.0.1:1/keys"] {
        let config = loaded(&format!("[jwt]\njwks = \"{jwks}\"\n{REST}"), &claims);
        let warnings = config.unwrap_or_else(|errors| panic!("{errors}")).warnings;
        assert!(warnings.is_empty(), "{jwks} {warnings:?}");
    }
    let config = loaded(&format!("[jwt]\njwks = \"http://id.test/keys\"\n{REST}"), ROUTE);
    let warnings = config.unwrap_or_else(|errors| panic!("{errors}")).warnings;
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].report().message.starts_with("without TLS"), "{:?}", warnings[0]);
}

#[test]
fn what_is_missing_is_named() {
    let url = "jwks = \"https://id.test/keys\"\n";
    let rows: &[(String, &[Expected])] = &[
        (
            format!("[jwt]\n{REST}"),
            &[(
                4,
                1,
                "`[jwt]` has no `jwks`",
                Some("write it: jwks = \"https://id.example.com/.well-known/jwks.json\""),
            )],
        ),
        (
            format!("[jwt]\n{url}audience = [\"a\"]\nalgorithms = [\"RS256\"]\n"),
            &[(4, 1, "`[jwt]` has no `issuer`", Some("write it: issuer = \"https://id.example.com\""))],
        ),
        (
            format!("[jwt]\n{url}issuer = \"a\"\naudience = []\nalgorithms = [\"RS256\"]\n"),
            &[(4, 1, "`[jwt]` has no `audience`", Some("write it: audience = [\"shop\"]"))],
        ),
        (
            format!("[jwt]\n{url}issuer = \"a\"\naudience = [\"a\"]\nalgorithms = []\n"),
            &[(4, 1, "`[jwt]` has no `algorithms`", Some("write it: algorithms = [\"RS256\"]"))],
        ),
    ];
    for (jwt, expected) in rows {
        assert_problems(jwt, &refused(jwt, loaded(jwt, ROUTE)), expected);
    }
}

#[test]
fn what_cannot_be_meant_is_refused_with_its_place() {
    let url = "jwks = \"https://id.test/keys\"\n";
    let rows: &[(String, &[Expected])] = &[
        (
            format!("[jwt]\n{url}{REST}leeway = \"11m\"\nrefresh = \"25h\"\n"),
            &[
                (
                    9,
                    10,
                    "expired tokens would be believed for too long",
                    Some("clocks that are kept differ by seconds: at most \"10m\""),
                ),
                (
                    10,
                    11,
                    "no useful time between two readings",
                    Some("keys are read at least once a day, and at most once a second"),
                ),
            ],
        ),
        (
            format!("[jwt]\njwks = \"https://u:p@id.test/keys\"\n{REST}"),
            &[(
                5,
                8,
                "`https://u:p@id.test/keys` is not the URL of a key set",
                Some("write \"https://host/path\", without a user"),
            )],
        ),
        (
            format!("[jwt]\njwks = \"keys.json\"\nca_file = \"ca.pem\"\n{REST}"),
            &[(6, 11, "a `ca_file` is of no use for a file", Some("remove it"))],
        ),
        (
            format!("[jwt]\njwks = \"none.json\"\n{REST}"),
            &[(
                5,
                8,
                "no keys in `none.json`: it has no key for signatures by ES256",
                Some("name a file with a JSON Web Key Set (RFC 7517), {\"keys\": […]}, or a URL"),
            )],
        ),
    ];
    for (jwt, expected) in rows {
        assert_problems(jwt, &refused(jwt, loaded(jwt, ROUTE)), expected);
    }
    for word in ["HS256", "none", "rs256", "ES512"] {
        let text = format!("[jwt]\n{url}issuer = \"a\"\naudience = [\"a\"]\nalgorithms = [\"{word}\"]\n");
        let found = refused(&text, loaded(&text, ROUTE));
        assert!(found[0].message.contains(&format!("`{word}` is not one of")), "{word}: {:?}", found[0]);
    }
}

#[test]
fn claims_need_tokens_that_are_believed_and_reach_the_origin() {
    let jwt = format!("[jwt]\njwks = \"keys.json\"\n{REST}");
    let refresh = "leave it out: who comes first after the lifetime fetches with its own token";
    let rows: &[(&str, &str, &[Expected])] = &[
        (
            "",
            "claims = [\"group\"]",
            &[(
                3,
                10,
                "no token is believed, so nothing that one claims can be keyed",
                Some("say in proxy.toml whose tokens are believed: `[jwt]` with jwks, issuer, audience and algorithms"),
            )],
        ),
        (
            &jwt,
            "claims = []",
            &[(
                3,
                10,
                "a route keys some claims, or has no `claims`",
                Some("name up to 16 claims: claims = [\"group\"]"),
            )],
        ),
        (
            &jwt,
            "claims = [\"group\"]\nheaders = [\"authorization\"]",
            &[(
                3,
                10,
                "the token itself is part of the key, so nothing is shared",
                Some("take \"authorization\" out of `headers`"),
            )],
        ),
        (
            &jwt,
            "claims = [\"group\"]\nremove_request_headers = [\"authorization\"]",
            &[(3, 10, "the origin is not sent the token", Some("leave Authorization as clients send it"))],
        ),
        (
            &jwt,
            "claims = [\"group\"]\nttl = \"1m\"\ncookies = []\nstale_while_revalidate = \"1m\"\nrefresh_ahead = \"80%\"",
            &[
                (
                    6,
                    26,
                    "`stale_while_revalidate` refreshes without a client's token, which `claims` needs",
                    Some(refresh),
                ),
                (7, 17, "`refresh_ahead` refreshes without a client's token, which `claims` needs", Some(refresh)),
            ],
        ),
    ];
    for (jwt, keys, expected) in rows {
        let rules = format!("{ROUTE}{keys}\n");
        assert_problems(&rules, &refused(&rules, loaded(jwt, &rules)), expected);
    }
}
