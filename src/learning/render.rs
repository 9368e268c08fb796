//! A proposal as a rules file, with its evidence in comments, and as JSON.

use super::exchange::PassedOver;
use super::proposal::{Learned, Proposal};
use super::sequences::Findings;
use super::swings::Swings;
use super::verdict::{LeftOut, Proposed, counted};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

impl Proposal {
    /// The rules file.
    pub(crate) fn to_toml(&self) -> String {
        let mut text = self.heading();
        for left_out in self.exceptions() {
            exception(&mut text, left_out);
        }
        let mut names = BTreeSet::new();
        for learned in &self.routes {
            route(&mut text, learned, &mut names);
        }
        if !self.left_out.is_empty() {
            text.push_str("\n# Left out, and so passed through as before:\n#\n");
        }
        for Learned { pattern, answers, urls, verdict } in &self.left_out {
            let counts = format!("{}, {}", counted_u64(*answers, "answer"), counted(*urls, "URL"));
            comment(&mut text, &format!("{pattern} ({counts}): {}", verdict.explanation()));
        }
        text
    }

    fn heading(&self) -> String {
        let mut text = String::new();
        let watched = humantime::format_duration(Duration::from_secs(self.watched.as_secs()));
        comment(
            &mut text,
            &format!(
                "Proposed by `larder learn`: {} of {} in {watched}. Nothing of it is in force. Read each route before you put it \
             into the rules folder.",
                counted_u64(self.answers, "answer"),
                counted(self.urls, "URL"),
            ),
        );
        text.push_str("#\n");
        comment(
            &mut text,
            &format!(
                "Behind each line stand at least {} and {}. {{id}} also matches what nobody has asked for meanwhile. What \
             changes is out of date for up to its ttl unless it is purged, and longer for the first who asks after that.",
                counted(self.clients_min, "client"),
                counted(self.answers_min, "answer"),
            ),
        );
        let passed: Vec<String> = self
            .passed_over
            .iter()
            .filter(|(why, _)| why.bound().is_none())
            .map(|(why, count)| format!("{count} {}", why.label()))
            .collect();
        if !passed.is_empty() {
            comment(&mut text, &format!("Not looked at: {}.", passed.join(", ")));
        }
        for (count, bound) in self.bounds() {
            comment(&mut text, &format!("A bound was reached: {} {bound}.", counted_u64(count, "answer")));
        }
        if self.not_judged > 0 {
            comment(
                &mut text,
                &format!("A bound was reached: {} of paths were not judged.", counted(self.not_judged, "pattern")),
            );
        }
        text
    }

    /// As JSON.
    pub(crate) fn to_json(&self) -> Value {
        let route = |learned: &Learned<Proposed>| {
            let Proposed { cookies, headers, bypass_cookies, bypass_headers, dropped, lifetime, findings, bypassed } =
                &learned.verdict;
            json!({
                "path": learned.pattern.to_string(),
                "ttl_secs": lifetime.ttl.as_secs(),
                "stale_while_revalidate_secs": lifetime.stale_while_revalidate.as_secs(),
                "cookies": cookies,
                "headers": headers,
                "bypass": { "cookies": bypass_cookies, "headers": bypass_headers },
                "query_deny": dropped.iter().map(|dropped| &dropped.name).collect::<Vec<_>>(),
                "evidence": {
                    "answers": learned.answers, "urls": learned.urls, "compared": findings.answers,
                    "clients": findings.clients, "same": findings.same, "same_for_others": findings.same_for_others,
                    "changed": findings.changed, "returned": findings.returned, "followed": findings.swings.followed,
                    "kept": findings.swings.kept, "bypassed": bypassed,
                    "hits": lifetime.hits, "stale_hits": lifetime.stale,
                },
            })
        };
        let left_out = |learned: &Learned<LeftOut>| {
            json!({
                "path": learned.pattern.to_string(),
                "reason": learned.verdict.label(),
                "detail": learned.verdict.explanation(),
                "looks_personal": learned.verdict.looks_personal(),
                "evidence": { "answers": learned.answers, "urls": learned.urls },
            })
        };
        let passed_over = |(why, count): (&PassedOver, &u64)| (why.label().to_owned(), Value::from(*count));
        json!({
            "watched_secs": self.watched.as_secs(),
            "min_clients": self.clients_min,
            "min_answers": self.answers_min,
            "answers": self.answers,
            "urls": self.urls,
            "passed_over": self.passed_over.iter().map(passed_over).collect::<serde_json::Map<_, _>>(),
            "bounds": self.bounds().map(|(count, bound)| format!("{} {bound}", counted_u64(count, "answer"))).collect::<Vec<_>>(),
            "patterns_not_judged": self.not_judged,
            "routes": self.routes.iter().map(route).collect::<Vec<_>>(),
            "left_out": self.left_out.iter().map(left_out).collect::<Vec<_>>(),
            "rules": self.to_toml(),
        })
    }
}

fn exception(text: &mut String, left_out: &Learned<LeftOut>) {
    let pattern = left_out.pattern.to_string();
    text.push('\n');
    comment(text, &format!("Left out, and matched by a route below: {}.", left_out.verdict.explanation()));
    let _ = writeln!(text, "[[route]]\npath = {}\ncache = false", quoted(&pattern));
}

fn route(text: &mut String, learned: &Learned<Proposed>, names: &mut BTreeSet<String>) {
    let Learned { pattern, answers, urls, verdict } = learned;
    let Proposed { findings, lifetime, .. } = verdict;
    text.push('\n');
    comment(
        text,
        &format!(
            "{} of {} to {}. In a row to one key {} the same ({} of them for two clients), {} changed, {}.",
            counted_u64(*answers, "answer"),
            counted(*urls, "URL"),
            counted(findings.clients, "client"),
            were(findings.same),
            findings.same_for_others,
            findings.changed,
            came_back(findings),
        ),
    );
    let ttl = humantime::format_duration(lifetime.ttl);
    let more = Some(lifetime.stale_while_revalidate).filter(|more| !more.is_zero()).map(humantime::format_duration);
    let after = more
        .as_ref()
        .map_or_else(String::new, |more| format!(" and served stale for {more} more while it is fetched anew"));
    comment(
        text,
        &format!(
            "Kept for {ttl}{after}, {} would have come out of the cache, {} of them out of date.",
            counted(lifetime.hits, "answer"),
            lifetime.stale
        ),
    );
    let pattern = pattern.to_string();
    let _ = writeln!(
        text,
        "[[route]]\nname = {}\npath = {}\nttl = \"{ttl}\"",
        quoted(&name(&pattern, names)),
        quoted(&pattern)
    );
    if let Some(more) = more {
        let _ = writeln!(text, "stale_while_revalidate = \"{more}\"");
    }
    conditions(text, verdict);
}

/// How many came back after another, and why that is put down to time.
fn came_back(Findings { returned, swings, .. }: &Findings) -> String {
    if *returned == 0 {
        return "none came back after another".to_owned();
    }
    let Swings { followed, kept, .. } = swings;
    format!(
        "{returned} came back after another, for all alike: {followed} times someone got what another had just got, {kept} times \
         their own earlier answer again"
    )
}

/// What of a request counts.
fn conditions(text: &mut String, verdict: &Proposed) {
    let Proposed { cookies, headers, bypass_cookies, bypass_headers, dropped, bypassed, .. } = verdict;
    let _ = match cookies.as_slice() {
        [] => writeln!(text, "cookies = []"),
        some => writeln!(text, "cookies = {}                # they change the answer", list(some)),
    };
    if !headers.is_empty() {
        let _ = writeln!(text, "headers = {}                # they change the answer", list(headers));
    }
    let bypass: Vec<String> = [("cookies", bypass_cookies), ("headers", bypass_headers)]
        .into_iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(kind, names)| format!("{kind} = {}", list(names)))
        .collect();
    if !bypass.is_empty() {
        comment(
            text,
            &format!(
                "{} had one of these, and got answers of their own or too few to tell.",
                counted(*bypassed, "request")
            ),
        );
        let _ = writeln!(text, "bypass = {{ {} }}", bypass.join(", "));
    }
    if !dropped.is_empty() {
        let names: Vec<String> = dropped.iter().map(|dropped| dropped.name.clone()).collect();
        let same = dropped.iter().map(|dropped| dropped.same).min().unwrap_or_default();
        comment(text, &format!("They never changed an answer, in {} or more each.", counted(same, "comparison")));
        let _ = writeln!(text, "query = {{ deny = {} }}", list(&names));
    }
}

/// A name for a route, as it would have by its path, and no other has.
fn name(pattern: &str, names: &mut BTreeSet<String>) -> String {
    let words = pattern.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let name = words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-");
    let name = if name.is_empty() { "root".to_owned() } else { name };
    let numbered = std::iter::once(name.clone()).chain((2..).map(|number| format!("{name}-{number}")));
    let free = numbered.into_iter().find(|name| names.insert(name.clone()));
    free.unwrap_or(name)
}

fn list(names: &[String]) -> String {
    toml::Value::Array(names.iter().map(|name| toml::Value::String(name.clone())).collect()).to_string()
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// A sentence in lines of a comment.
fn comment(text: &mut String, sentence: &str) {
    const WIDTH: usize = 116;
    let mut line = String::from("#");
    for word in sentence.split_whitespace() {
        if line.len() > 1 && line.len() + word.len() >= WIDTH {
            let _ = writeln!(text, "{line}");
            line = String::from("#");
        }
        let _ = write!(line, " {word}");
    }
    let _ = writeln!(text, "{line}");
}

fn were(count: usize) -> String {
    format!("{count} {}", if count == 1 { "was" } else { "were" })
}

fn counted_u64(number: u64, noun: &str) -> String {
    counted(usize::try_from(number).unwrap_or(usize::MAX), noun)
}
