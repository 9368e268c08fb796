//! RFC 9110, 9111, 5861, 9211, 9213 and 9875, clause by clause. Pure: no I/O, no clock, no async; `now` is passed in.
//!
//! Reading order is that of an exchange: what the request asks ([`target`], [`cache_control`], [`vary`], [`encoding`]),
//! who sent it ([`trust`]), whether a stored response answers it ([`policy`], [`lifetime`], [`reuse`]), what is sent on ([`forwarding`],
//! [`conditional`]), whether the answer may be stored ([`storable`]) and given to others ([`sharing`]), how it changes what is stored ([`update`],
//! [`partial`], [`invalidate`]), and what the client gets ([`conditional`], [`range`], [`cache_status`]).

// Fields.
pub(crate) mod age;
pub(crate) mod answer_lines;
pub(crate) mod authority;
pub(crate) mod bearer;
pub(crate) mod cache_control;
pub(crate) mod cache_status;
pub(crate) mod canonical_json;
pub(crate) mod chunks;
pub(crate) mod content_coding;
pub(crate) mod credentials;
pub(crate) mod date;
pub(crate) mod directives;
pub(crate) mod encoding;
pub(crate) mod entity_tag;
pub(crate) mod event_stream;
mod forwarded;
pub(crate) mod forwarding;
pub(crate) mod graphql;
pub(crate) mod lifetime;
pub(crate) mod network;
pub(crate) mod origin_tags;
mod path;
pub(crate) mod proxy_status;
mod quality;
pub(crate) mod range;
pub(crate) mod reason;
pub(crate) mod spelling;
pub(crate) mod target;
pub(crate) mod trace_context;
pub(crate) mod trust;

// Clauses on stored responses.
pub(crate) mod conditional;
pub(crate) mod invalidate;
pub(crate) mod known_end;
pub(crate) mod lifetime_fields;
pub(crate) mod partial;
pub(crate) mod policy;
pub(crate) mod targeted;
pub(crate) mod update;
pub(crate) mod vary;

// Verdicts.
pub(crate) mod reuse;
pub(crate) mod sharing;
pub(crate) mod storable;
