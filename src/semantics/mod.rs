//! RFC 9110, 9111, 5861, 9211, 9213 and 9875, clause by clause. Pure: no I/O, no clock, no async; `now` is passed in.
//!
//! Reading order is that of an exchange: what the request asks ([`target`], [`cache_control`], [`vary`], [`encoding`]),
//! who sent it ([`trust`]), whether a stored response answers it ([`policy`], [`lifetime`], [`reuse`]), what is sent on ([`forwarding`],
//! [`conditional`]), whether the answer may be stored ([`storable`]) and given to others ([`sharing`]), how it changes what is stored ([`update`],
//! [`partial`], [`invalidate`]), and what the client gets ([`conditional`], [`range`], [`cache_status`]).

pub mod age;
pub(crate) mod authority;
pub mod cache_control;
pub mod cache_status;
pub mod conditional;
pub mod credentials;
pub mod date;
pub mod directives;
pub mod encoding;
pub mod entity_tag;
pub mod event_stream;
mod forwarded;
pub(crate) mod forwarding;
pub mod invalidate;
pub mod lifetime;
pub mod lifetime_fields;
pub mod multipart;
pub mod origin_tags;
pub mod partial;
mod path;
pub mod policy;
pub mod proxy_status;
mod quality;
pub mod range;
pub mod reason;
pub mod reuse;
pub mod sharing;
pub mod storable;
pub mod target;
pub mod targeted;
pub(crate) mod trust;
pub mod update;
pub mod vary;
