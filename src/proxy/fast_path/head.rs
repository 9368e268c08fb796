//! The head of a hit, as bytes.

use crate::engine::deliver::AtRest;
use crate::engine::fast_path::FastHit;
use crate::rules::answer::Kept;
use crate::semantics::cache_status::put_decimal;
use bytes::BufMut;

/// Writes status line and fields of a hit, as HTTP/1.1 has them, without the empty line that ends a head.
pub(super) fn write_fields(hit: &FastHit, out: &mut Vec<u8>) {
    match (&hit.changes, hit.form) {
        (None, AtRest::Whole) => out.put_slice(hit.entry.head_at_rest()),
        (None, AtRest::NotModified) => hit.entry.write_not_modified(|_| false, out),
        (Some((rule, now)), form) => {
            let status = hit.status();
            let drops = |name: &str| rule.drops(name, status, Kept::Here);
            match form {
                AtRest::Whole => hit.entry.write_head_without(drops, out),
                AtRest::NotModified => hit.entry.write_not_modified(drops, out),
            }
            for (name, value) in rule.adds(status, Kept::Here, *now) {
                for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                    out.put_slice(part);
                }
            }
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
