//! Warnings of tags that are purged and that no route can give: a purge by such a tag finds nothing.
//!
//! An origin may tag its answers itself, with any tag. Where a route says in which fields (`tag_fields`), or no route gives
//! tags of its own, nothing is known of them and nothing is said. Otherwise a tag that resembles one of the routes' is
//! probably misspelt; one that resembles none is reported only where each route that caches gives tags of its own.

use super::problem::{Problem, Problems};
use super::raw_rules::RawEventPurge;
use super::route::WrittenRoute;
use super::table::{Placed, nearest};
use super::values::Texts;
use crate::rules::route::RouteMode;
use crate::rules::tag_template::TagTemplate;

pub(super) fn lint<'p>(
    written: &[WrittenRoute],
    named: impl Iterator<Item = &'p Placed<RawEventPurge>>,
    problems: &mut Problems,
) {
    let caching: Vec<_> = written.iter().filter(|written| written.route.mode == RouteMode::Cache).collect();
    let names_fields = |written: &&WrittenRoute| written.raw.tag_fields.as_ref().is_some_and(|at| !at.value.is_empty());
    if caching.iter().any(names_fields) {
        return;
    }
    let given: Vec<&TagTemplate> = caching.iter().flat_map(|written| &written.route.tags).collect();
    let prefixes: Vec<&str> = caching.iter().filter_map(|written| body_prefix(written)).collect();
    if given.is_empty() && prefixes.is_empty() {
        return;
    }
    let all_give_tags = caching.iter().all(|written| {
        !written.route.tags.is_empty() || body_prefix(written).is_some() || written.raw.tag_fields.is_some()
    });
    let of_purges = named.filter_map(|purge| purge.value.tags.as_ref());
    let of_writes = written.iter().filter_map(|written| written.raw.purge_on_write.as_ref());
    for tag in of_purges.chain(of_writes).flat_map(|tags: &Placed<Texts>| &tags.value) {
        let Ok(purged) = TagTemplate::parse(&tag.value) else { continue };
        let is_given = given.iter().any(|given| given.overlaps(&purged))
            || prefixes.iter().any(|prefix| purged.can_begin_with(prefix));
        if is_given {
            continue;
        }
        let near = nearest(&tag.value, given.iter().map(|given| given.source()));
        let hint = match near {
            Some(near) => format!("did you mean `{near}`? {OF_ORIGIN}"),
            None if all_give_tags => OF_ORIGIN.to_owned(),
            None => continue,
        };
        problems.push(Problem::warning(&tag.place, format!("no route gives the tag `{}`", tag.value), hint));
    }
}

/// What to write where the tag is the origin's.
const OF_ORIGIN: &str = "if the origin's responses carry it, name their field: tag_fields = [\"Surrogate-Key\"]";

/// With what the tags begin that a route takes from bodies, where it takes any.
fn body_prefix(written: &WrittenRoute) -> Option<&str> {
    written.raw.tags_from_body.as_ref()?;
    Some(written.raw.tag_prefix.as_ref().map_or("", |prefix| &prefix.value))
}
