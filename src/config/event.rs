//! From one raw `[[event]]` to [`EventRule`], and from one raw `[[change]]` to [`ChangeRule`].

use super::problem::Problems;
use super::raw_rules::{RawChange, RawEvent, RawEventPurge};
use super::table::{Placed, nearest};
use super::values::Texts;
use crate::rules::change::{ChangeRule, TableName};
use crate::rules::event::EventRule;
use crate::rules::tag_template::TagTemplate;
use crate::scope::{Depth, RouteName, Scope};

/// Resolves an event block; `routes` are the names that it may purge. What is wrong is noted.
pub(super) fn resolve_event(
    raw: &Placed<RawEvent>,
    routes: &[RouteName],
    problems: &mut Problems,
) -> Option<EventRule> {
    let is_whole = !problems.has_errors_within(&raw.place);
    let (Some(on), Some(purge)) = (&raw.value.on, &raw.value.purge) else {
        if is_whole {
            let hint = "on = \"product.updated\" and purge = { tags = [\"product:{id}\"] }";
            problems.error(&raw.place, "the event block lacks `on` or `purge`", Some(hint));
        }
        return None;
    };
    if on.value.is_empty() {
        problems.error(&on.place, "an event type cannot be empty", None::<String>);
    }
    Some(resolve_purge((&on.value, "the event"), purge, raw.value.soft.as_ref(), is_whole, routes, problems))
}

/// Resolves a change block; `routes` are the names that it may purge. What is wrong is noted.
pub(super) fn resolve_change(
    raw: &Placed<RawChange>,
    routes: &[RouteName],
    problems: &mut Problems,
) -> Option<ChangeRule> {
    let is_whole = !problems.has_errors_within(&raw.place);
    let (Some(table), Some(purge)) = (&raw.value.table, &raw.value.purge) else {
        if is_whole {
            let hint = "table = \"public.product\" and purge = { tags = [\"product:{id}\"] }";
            problems.error(&raw.place, "the change block lacks `table` or `purge`", Some(hint));
        }
        return None;
    };
    let Some(name) = TableName::parse(&table.value) else {
        problems.error(&table.place, format!("`{}` is not the name of a table", table.value), Some(TABLE));
        return None;
    };
    let columns = raw.value.columns.as_ref().map(|columns| columns.value.as_slice()).unwrap_or_default();
    if let Some(empty) = columns.iter().find(|column| column.value.is_empty()) {
        problems.error(&empty.place, "a column has a name", None::<String>);
    }
    let what = (name.to_string(), "the change");
    let purge = resolve_purge((&what.0, what.1), purge, raw.value.soft.as_ref(), is_whole, routes, problems);
    let columns = columns.iter().map(|column| column.value.clone()).collect();
    Some(ChangeRule { table: name, columns, purge, place: raw.place.to_string() })
}

const TABLE: &str = "write \"schema.table\" as the database's catalog does, without quotes around the parts";

fn resolve_purge(
    (on, what): (&str, &str),
    purge: &Placed<RawEventPurge>,
    soft: Option<&Placed<bool>>,
    is_whole: bool,
    routes: &[RouteName],
    problems: &mut Problems,
) -> EventRule {
    let mut always = named_routes(purge.value.routes.as_ref(), routes, problems);
    if purge.value.all.as_ref().is_some_and(|all| all.value) {
        always.push(Scope::All);
    }
    let mut templates = |texts: &Option<Placed<Texts>>, form: Form| self::templates(texts.as_ref(), form, problems);
    let rule = EventRule {
        on: on.to_owned(),
        tags: templates(&purge.value.tags, Form::Tag),
        urls: templates(&purge.value.urls, Form::Url),
        prefixes: templates(&purge.value.prefixes, Form::Url),
        always,
        depth: if soft.is_some_and(|soft| soft.value) { Depth::Soft } else { Depth::Hard },
    };
    let names_something = [&rule.tags, &rule.urls, &rule.prefixes].iter().any(|templates| !templates.is_empty());
    if is_whole && !names_something && rule.always.is_empty() && !problems.has_errors_within(&purge.place) {
        let hint = "list something in tags, urls, prefixes or routes, or set all = true";
        problems.error(&purge.place, format!("{what} purges nothing"), Some(hint));
    }
    rule
}

const PLACES: &str = "{name} stands for the event's field of that name, or the row's column";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Tag,
    Url,
}

fn templates(written: Option<&Placed<Texts>>, form: Form, problems: &mut Problems) -> Vec<TagTemplate> {
    let mut templates = Vec::new();
    for text in written.map(|texts| texts.value.as_slice()).unwrap_or_default() {
        let is_url = ["/", "http://", "https://"].iter().any(|begin| text.value.starts_with(begin));
        if form == Form::Url && !is_url {
            let hint = "write /path for every host, or http://host/path";
            problems.error(&text.place, format!("`{}` is neither absolute nor a path", text.value), Some(hint));
            continue;
        }
        match TagTemplate::parse(&text.value) {
            Ok(template) => templates.push(template),
            Err(error) => {
                problems.error(&text.place, error.to_string(), Some(PLACES));
            }
        }
    }
    templates
}

fn named_routes(written: Option<&Placed<Texts>>, routes: &[RouteName], problems: &mut Problems) -> Vec<Scope> {
    let mut scopes = Vec::new();
    for name in written.map(|names| names.value.as_slice()).unwrap_or_default() {
        if routes.iter().any(|route| route.as_str() == name.value) {
            scopes.push(Scope::Route(RouteName::new(&name.value)));
            continue;
        }
        let known = nearest(&name.value, routes.iter().map(RouteName::as_str));
        let hint = known.map(|known| format!("did you mean `{known}`?"));
        problems.error(&name.place, format!("there is no route `{}`", name.value), hint);
    }
    scopes
}
