//! Warnings of things that look like what other tools understand and Larder reads letter by letter, and of values that
//! nothing can match.

use super::problem::{Problem, Problems, Severity};
use super::route::WrittenRoute;
use super::table::{Placed, nearest};
use super::values::Texts;
use crate::rules::key_recipe::CookieRule;
use std::path::Path;

/// Methods that are registered, or that caches and WebDAV servers know.
const KNOWN_METHODS: [&str; 20] = [
    "BAN",
    "COPY",
    "DELETE",
    "GET",
    "HEAD",
    "LOCK",
    "MKCOL",
    "MOVE",
    "OPTIONS",
    "PATCH",
    "POST",
    "PROPFIND",
    "PROPPATCH",
    "PURGE",
    "PUT",
    "QUERY",
    "REPORT",
    "SEARCH",
    "TRACE",
    "UNLOCK",
];

/// What regular expressions have and paths hardly do.
const OF_EXPRESSIONS: [&str; 9] = ["^", "$", "(", "[", "|", "\\", ".*", ".+", "+/"];

/// More than any memory holds of one body.
const BODY_BYTES_MAX: u64 = 1 << 36;

/// Less than the answers that are worth keeping.
const BODY_BYTES_MIN: u64 = 64;

/// Endings of files that were probably meant to hold rules.
const OTHER_ENDINGS: [&str; 8] = ["cfg", "conf", "ini", "json", "tml", "yaml", "yml", "toml~"];

pub(super) fn lint(written: &WrittenRoute, problems: &mut Problems) {
    let raw = &written.raw;
    if let Some(path) = &raw.path {
        lint_path(path, problems);
    }
    for method in raw.methods.iter().flat_map(|methods| &methods.value) {
        let name = method.value.0.as_str();
        if !KNOWN_METHODS.contains(&name) {
            let lower = KNOWN_METHODS.map(str::to_ascii_lowercase);
            let hint = match nearest(name, lower.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{}`?", near.to_ascii_uppercase()),
                None => "it is matched literally".to_owned(),
            };
            problems.push(Problem::warning(&method.place, format!("`{name}` is not a known method"), hint));
        }
    }
    let query = raw.query.as_ref().map(|query| &query.value);
    let lists = [query.and_then(|query| query.allow.as_ref()), query.and_then(|query| query.deny.as_ref())];
    let bypass = raw.bypass.as_ref().and_then(|bypass| bypass.value.query.as_ref());
    for names in lists.into_iter().chain([bypass]).flatten() {
        lint_parameters(names, problems);
    }
    let cookie =
        raw.headers.iter().flat_map(|names| &names.value).find(|name| name.value.eq_ignore_ascii_case("cookie"));
    if let (Some(header), CookieRule::Only(_)) = (cookie, &written.route.key.cookies) {
        let hint = "`cookies` says which cookies count; leave `Cookie` out of `headers`";
        problems.push(Problem::warning(&header.place, "`Cookie` is part of the key in addition to `cookies`", hint));
    }
    if let Some(max_body) = &raw.max_body
        && !(BODY_BYTES_MIN..=BODY_BYTES_MAX).contains(&max_body.value.0)
        && max_body.value.0 > 0
    {
        let message = format!("a body of up to {} bytes is probably not intended", max_body.value.0);
        problems.push(Problem::warning(&max_body.place, message, "a size has a unit: \"64KiB\", \"2MiB\""));
    }
}

fn lint_path(path: &Placed<String>, problems: &mut Problems) {
    let text = &path.value;
    if let Some(sign) = OF_EXPRESSIONS.iter().find(|sign| text.contains(**sign)) {
        let message = format!("`{sign}` is matched literally: a path is not a regular expression");
        let hint = "write `{name}` for a segment, `*` within one, `**` for any number of them";
        problems.push(Problem::warning(&path.place, message, hint));
    }
    let is_name = |segment: &&str| {
        segment.strip_prefix(':').is_some_and(|name| name.starts_with(|c: char| c.is_ascii_alphabetic()))
    };
    if let Some(segment) = text.split('/').find(is_name) {
        let hint = format!("write `{{{}}}`", segment.trim_start_matches(':'));
        problems.push(Problem::warning(&path.place, format!("`{segment}` is matched literally"), hint));
    }
}

/// Parameters are compared by their decoded names.
fn lint_parameters(names: &Placed<Texts>, problems: &mut Problems) {
    for name in &names.value {
        let text = &name.value;
        let is_encoded =
            text.split('%').skip(1).any(|after| after.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2);
        if text.contains(['=', '&', '#']) || text.starts_with('?') || is_encoded {
            let hint = "write the name alone, decoded: `page`, `filter[*]`";
            problems.push(Problem::warning(&name.place, format!("`{text}` matches no parameter name"), hint));
        }
    }
}

/// Files and folders beside the rules that look like rules and are not read.
pub(super) fn lint_folder(path: &Path, problems: &mut Problems) {
    // What can't be read is reported elsewhere, as an error.
    let Ok(entries) = std::fs::read_dir(path) else { return };
    let mut unread: Vec<_> =
        entries.flatten().map(|entry| entry.path()).filter(|path| looks_like_rules(path)).collect();
    unread.sort();
    for file in unread {
        let message = format!("`{}` is not read", file.display());
        let hint = if file.is_dir() {
            "rules are read from one folder, not from its subfolders"
        } else {
            "rules are read from files that end in .toml"
        };
        let warning = Problem { severity: Severity::Warning, ..Problem::without_place(&message, Some(hint)) };
        problems.push(warning);
    }
}

fn looks_like_rules(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if name.starts_with('.') {
        return false;
    }
    let is_toml = |path: &Path| path.extension().is_some_and(|ending| ending == "toml");
    if path.is_dir() {
        return std::fs::read_dir(path).is_ok_and(|entries| entries.flatten().any(|entry| is_toml(&entry.path())));
    }
    let ending = path.extension().unwrap_or_default().to_string_lossy();
    !is_toml(path) && (OTHER_ENDINGS.contains(&&*ending) || ending.eq_ignore_ascii_case("toml"))
}
