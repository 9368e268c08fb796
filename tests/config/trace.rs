//! `[trace]`

use super::{load_text, refused};
use larder::testing::config::{Config, ConfigErrors};

fn load(trace: &str) -> Result<Config, ConfigErrors> {
    load_text(&format!("[upstream]\nservers = [\"http://127.0.0.1:8000\"]\n{trace}"))
}

#[test]
fn nothing_is_traced_unless_somebody_takes_the_spans() {
    let none = load("").unwrap_or_else(|errors| panic!("{errors}"));
    assert!(none.trace.is_none() && none.warnings.is_empty());
    let alone = load("[trace]\nsample = \"5%\"\n").unwrap_or_else(|errors| panic!("{errors}"));
    assert!(alone.trace.is_none());
    assert!(alone.warnings[0].to_string().contains("nothing is traced"), "{:?}", alone.warnings);
}

#[test]
fn a_collector_is_named_by_scheme_host_and_port() {
    for (endpoint, sample, expected) in [
        ("http://127.0.0.1:4317", "", 0.01),
        ("https://collector.internal:4317", "sample = \"100%\"", 1.0),
        ("http://[::1]:4317/", "sample = \"0%\"", 0.0),
    ] {
        let config = load(&format!("[trace]\notlp_endpoint = \"{endpoint}\"\n{sample}\n"));
        let trace = config.unwrap_or_else(|errors| panic!("{errors}")).trace.expect("there is a collector");
        assert_eq!(trace.otlp_endpoint, endpoint);
        assert!((trace.sample - expected).abs() < 1e-9, "{sample}");
    }
    for (endpoint, sample, expected) in [
        ("127.0.0.1:4317", "1%", "is not the URL of a collector"),
        ("ftp://a:1", "1%", "is not the URL of a collector"),
        ("http://", "1%", "is not the URL of a collector"),
        ("http://user:secret@a:4317", "1%", "is not the URL of a collector"),
        ("http://a:4318/v1/traces", "1%", "is not the URL of a collector"),
        ("", "1%", "is not the URL of a collector"),
        ("http://a:4317", "101%", "is not a percentage"),
        ("http://a:4317", "0.5", "is not a percentage"),
    ] {
        let text = format!("[trace]\notlp_endpoint = \"{endpoint}\"\nsample = \"{sample}\"\n");
        let found = refused(&text, load(&text));
        assert_eq!(found.len(), 1, "{endpoint} {sample}");
        assert!(found[0].message.contains(expected) && found[0].hint.is_some(), "{:?}", found[0]);
    }
}
