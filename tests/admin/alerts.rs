//! The alerts for Prometheus and the dashboard for Grafana: each alert fires when it must and not otherwise, and both ask
//! for metrics and labels that exist.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

fn deployed(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(file);
    std::fs::read_to_string(&path).expect("the file is part of the repository")
}

/// The values of `key: value` in lines or in braces.
fn values<'a>(text: &'a str, key: &str) -> Vec<&'a str> {
    let all = text.split(key).skip(1);
    all.map(|rest| rest.split([',', '\n', '}']).next().unwrap_or_default().trim()).collect()
}

#[test]
fn every_alert_fires_where_it_must_and_only_there() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/prometheus");
    let run = Command::new("promtool").args(["test", "rules", "alerts.test.yml"]).current_dir(folder).output();
    let run = run.expect("promtool is installed: scripts/install-prerequisites.sh test");
    assert!(run.status.success(), "{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));

    let (rules, tests) = (deployed("prometheus/alerts.yml"), deployed("prometheus/alerts.test.yml"));
    let alerts = values(&rules, "- alert:");
    assert!(alerts.len() > 10);
    for alert in alerts {
        let cases: Vec<_> = tests.split("\n  - name: ").filter(|case| values(case, "alertname:") == [alert]).collect();
        let quiet = cases.iter().filter(|case| case.contains("exp_alerts: []")).count();
        assert_eq!((quiet, cases.len()), (1, 2), "{alert} is tried once firing and once not");
    }
}

/// The metrics of the reference, each with its labels.
fn metrics() -> BTreeMap<String, BTreeSet<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference.md");
    let reference = std::fs::read_to_string(path).expect("the reference is part of the repository");
    let rows = reference.lines().filter(|line| line.starts_with("| `larder_"));
    rows.map(|row| {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let labels = cells[3].split(',').map(|label| label.trim().trim_matches('`').to_owned()).collect();
        (cells[1].trim_matches('`').to_owned(), labels)
    })
    .collect()
}

/// Checks that every metric in `text` exists, with the labels it is asked for by; how many there are.
fn check_metrics(text: &str) -> usize {
    let known = metrics();
    let is_name = |char: char| char.is_ascii_alphanumeric() || char == '_';
    let places = text.match_indices("larder_");
    places
        .map(|(at, _)| {
            let name: String = text[at..].chars().take_while(|char| is_name(*char)).collect();
            let base = ["_bucket", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(&name);
            let labels = known.get(base).unwrap_or_else(|| panic!("{name} is no metric of Larder"));
            let matchers = text[at + name.len()..].strip_prefix('{').and_then(|rest| rest.split('}').next());
            for matcher in matchers.into_iter().flat_map(|matchers| matchers.split(',')) {
                let label = matcher.split(['=', '!', '~']).next().expect("a split has a first part").trim();
                assert!(label == "instance" || labels.contains(label), "{name} has no label {label}");
            }
        })
        .count()
}

#[test]
fn alerts_ask_for_metrics_and_labels_that_exist() {
    assert!(check_metrics(&deployed("prometheus/alerts.yml")) > 20);
}

#[test]
fn the_dashboard_for_grafana_asks_for_metrics_and_labels_that_exist() {
    let dashboard: serde_json::Value =
        serde_json::from_str(&deployed("grafana/larder.json")).expect("Grafana takes JSON only");
    let panels = dashboard["panels"].as_array().expect("a dashboard has panels");
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let expressions: Vec<_> = targets.map(|target| target["expr"].as_str().expect("a query")).collect();
    assert!(expressions.len() > 20);
    for expression in &expressions {
        assert!(check_metrics(expression) > 0, "{expression}");
    }
    let places: std::collections::HashSet<_> = panels.iter().map(|panel| panel["gridPos"].to_string()).collect();
    assert_eq!(places.len(), panels.len(), "no panel covers another");
}
