//! Addresses that can't go together.

use super::{load_text, refused};

#[test]
fn listeners_have_addresses_of_their_own_and_the_upstream_is_another() {
    for (listen, admin, upstream, expected) in [
        ("127.0.0.1:8080", "127.0.0.1:9180", "http://127.0.0.1:8000", ""),
        ("127.0.0.1:0", "127.0.0.1:0", "http://127.0.0.1:8000", ""),
        ("127.0.0.1:8080", "127.0.0.1:9180", "http://10.0.0.1:8080", ""),
        ("127.0.0.1:8080", "127.0.0.1:8080", "http://127.0.0.1:8000", "both listeners have the address"),
        ("0.0.0.0:8080", "127.0.0.1:8080", "http://127.0.0.1:8000", "both listeners have the address"),
        ("127.0.0.1:8080", "127.0.0.1:9180", "http://127.0.0.1:8080", "is Larder itself"),
        ("0.0.0.0:8080", "127.0.0.1:9180", "http://localhost:8080", "is Larder itself"),
        ("0.0.0.0:80", "127.0.0.1:9180", "http://127.0.0.1", "is Larder itself"),
        ("[::]:8080", "127.0.0.1:9180", "http://[::1]:8080", "is Larder itself"),
        ("127.0.0.1:8080", "127.0.0.1:9180", "http://127.0.0.1:9180", "is Larder itself"),
    ] {
        let text = format!(
            "[listen]\nhttp = \"{listen}\"\n[upstream]\nservers = [\"{upstream}\"]\n[admin]\nlisten = \"{admin}\"\n"
        );
        let loaded = load_text(&text);
        if expected.is_empty() {
            loaded.unwrap_or_else(|errors| panic!("{errors}"));
            continue;
        }
        let reports = refused(&text, loaded);
        assert_eq!(reports.len(), 1, "{text}{reports:?}");
        assert!(reports[0].message.contains(expected) && reports[0].hint.is_some(), "{text}{reports:?}");
        // The line of what is to be changed: the admin listener's, the servers'.
        let line = if expected.starts_with("both") { 6 } else { 4 };
        assert_eq!(reports[0].line, Some(line), "{text}{reports:?}");
    }
}
