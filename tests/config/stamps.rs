//! `[stamps]`

use larder::testing::config::{Config, ConfigErrors, Environment, Overrides, load};
use tempfile::TempDir;

fn read(stamps: &str, secret: &str, rest: &str) -> Result<Config, ConfigErrors> {
    let folder = TempDir::new().expect("a temporary folder");
    let text = format!("[upstream]\nservers = [\"http://127.0.0.1:8000\"]\n[stamps]\n{stamps}\n{rest}");
    for (name, text) in [("proxy.toml", text.as_str()), ("secret", secret)] {
        std::fs::write(folder.path().join(name), text).expect("a fresh folder takes a file");
    }
    load(&folder.path().join("proxy.toml"), &Overrides::default(), &Environment::default())
}

const SECRET: &str = "a secret of more than thirty-two letters";

const REDIS: &str = "[redis]\nurl = \"redis://127.0.0.1\"\npartition_grace = \"4m\"";

#[test]
fn a_secret_is_all_that_stamps_need() {
    for (keys, rest) in [
        ("", ""),
        ("wait = \"0s\"", ""),
        ("wait = \"10s\"\ncookie = true\ncookie_max_age = \"5m\"", REDIS),
        ("cookie = true", REDIS),
    ] {
        let config = read(&format!("secret_file = \"secret\"\n{keys}"), SECRET, rest);
        let config = config.unwrap_or_else(|errors| panic!("{keys}: {errors}"));
        assert!(config.warnings.is_empty(), "{keys}: {:?}", config.warnings);
    }
    let config = read("secret_file = \"secret\"\ncookie_max_age = \"5m\"", SECRET, "");
    let config = config.unwrap_or_else(|errors| panic!("{errors}"));
    assert!(config.warnings[0].to_string().contains("no cookie is set"), "{:?}", config.warnings);
}

#[test]
fn what_cannot_be_obeyed_is_refused_with_its_place_and_a_hint() {
    let long = format!("{SECRET}\nshort");
    for (keys, secret, rest, expected) in [
        ("", SECRET, "", "`stamps.secret_file` is missing"),
        ("secret_file = \"nowhere\"", SECRET, "", "cannot read the secret"),
        ("secret_file = \"secret\"", "", "", "it is empty"),
        ("secret_file = \"secret\"", "short", "", "shorter than 32 characters"),
        ("secret_file = \"secret\"", &long, "", "shorter than 32 characters"),
        ("secret_file = \"secret\"\nwait = \"11s\"", SECRET, "", "too long for a wait"),
        ("secret_file = \"secret\"\ncookie = true\ncookie_max_age = \"2h\"", SECRET, "", "not a useful time"),
        ("secret_file = \"secret\"\ncookie = true\ncookie_max_age = \"0s\"", SECRET, "", "not a useful time"),
        ("secret_file = \"secret\"\ncookie = true\ncookie_max_age = \"4m\"", SECRET, REDIS, "cut off for longer"),
        ("secret_file = \"secret\"\ncookies = true", SECRET, "", "cookie"),
    ] {
        let errors = read(keys, secret, rest).expect_err(keys).to_string();
        assert!(errors.contains(expected) && errors.contains("proxy.toml"), "{keys}: {errors}");
    }
}
