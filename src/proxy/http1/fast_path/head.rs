//! The head of a hit, as bytes.

use crate::engine::deliver::AtRest;
use crate::engine::fast_path::FastHit;
use crate::proxy::https_policy::OwnFields;
use crate::rules::answer::Kept;
use crate::semantics::cache_status::put_decimal;
use bytes::BufMut;

/// Writes status line and fields of a hit, as HTTP/1.1 has them, without the empty line that ends a head; these fields
/// take the place of others of their names.
pub(super) fn write_fields(hit: &FastHit, own: &OwnFields, out: &mut Vec<u8>) {
    match (&hit.changes, hit.form) {
        (None, AtRest::Whole) if !names_any(own, hit.entry.head_at_rest()) => {
            out.put_slice(hit.entry.head_at_rest());
        }
        (None, AtRest::NotModified) if own.is_empty() => hit.entry.write_not_modified(|_| false, out),
        (changes, form) => {
            let status = hit.status();
            let makes_way = |name: &str| own.iter().any(|(of_own, _)| of_own.as_str() == name);
            let rule = changes.as_ref().map(|(rule, _)| rule);
            let drops = |name: &str| makes_way(name) || rule.is_some_and(|rule| rule.drops(name, status, Kept::Here));
            match form {
                AtRest::Whole => hit.entry.write_head_without(drops, out),
                AtRest::NotModified => hit.entry.write_not_modified(drops, out),
            }
            let added = changes.iter().flat_map(|(rule, now)| rule.adds(status, Kept::Here, *now));
            for (name, value) in added.filter(|(name, _)| !makes_way(name.as_str())) {
                for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                    out.put_slice(part);
                }
            }
        }
    }
    for (name, value) in own.iter() {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            out.put_slice(part);
        }
    }
    out.put_slice(b"age: ");
    put_decimal(out, hit.age_secs);
    out.put_slice(b"\r\nvia: 1.1 larder\r\n");
    if let Some(cache_status) = &hit.decision.cache_status {
        out.put_slice(b"cache-status: ");
        cache_status.write_into(out);
        out.put_slice(b"\r\n");
    }
}

/// Whether a head may have one of these fields; what merely looks like it costs the longer way.
fn names_any(own: &OwnFields, head: &[u8]) -> bool {
    own.iter().any(|(name, _)| memchr::memmem::find(head, name.as_str().as_bytes()).is_some())
}
