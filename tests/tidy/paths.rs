//! Nothing that is true on one machine only.

use crate::Source;

/// Folders that exist on somebody's machine, and hosts that somebody's mirror stands in for. Cut in two, so that this
/// file does not break its own rule.
const PLACES: [&str; 9] = [
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/Us", "ers/"),
    concat!("/wo", "rk/"),
    concat!("crates", ".io"),
    concat!("py", "pi.org"),
    concat!("pythonhosted", ".org"),
    concat!("npm", "js.org"),
    concat!("deb.debian", ".org"),
];

/// Every such place, with its line.
pub fn foreign_places(source: &Source) -> Vec<String> {
    let mut violations = Vec::new();
    for (number, line) in source.text.lines().enumerate() {
        for place in PLACES.iter().chain([&concat!(env!("CARGO_MANIFEST_DIR"), "/")]) {
            if line.contains(place) {
                violations.push(format!("line {} names {place}", number + 1));
            }
        }
    }
    violations
}

#[test]
fn a_machine_path_or_registry_host_is_found() {
    for place in PLACES {
        let source = Source::sample("docs/a.md", &format!("see\n{place}x"));
        assert_eq!(foreign_places(&source).len(), 1, "{place}");
    }
    assert_eq!(foreign_places(&Source::sample("docs/a.md", "/etc/larder/proxy.toml")), Vec::<String>::new());
}
