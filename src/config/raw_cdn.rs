//! `[[cdn]]`, raw. The documentation of each key is its description in the JSON Schema.

use super::table::raw_table;
use super::values::{DurationText, FieldTable, MethodText, Texts, words};

raw_table! {
    /// A cache in front of Larder, which is purged of what is purged here, once every live instance has applied it. A call that fails is
    /// made again until it succeeds; in a fleet one instance at a time makes them, and Redis remembers how far it has come.
    /// What a CDN can't be asked for is asked wider: everything, if need be.
    struct RawCdn {
        /// Its name in receipts, metrics and the log: a-z, 0-9, `-` and `_`.
        #[schemars(required)]
        name: String,
        /// "fastly", "cloudflare", "varnish", or "http" for any other API, by templates.
        #[schemars(required)]
        kind: CdnWord,
        /// The file that holds its token; read again for each purge.
        token_file: String,
        /// The names, with their port if it is none of the usual, under which it serves. Without them a URL without a host is everything for
        /// an API that wants one.
        hosts: Texts,
        /// Whether it knows the tags of all that it has, by the field that it reads them from (`Surrogate-Key`, `Cache-Tag`, `xkey`).
        /// Not for "http". Default: false, so that a purge of a tag is one of everything.
        knows_tags: bool,
        /// After this time each purge is made once more: an answer that was on its way to the CDN when the purge was made can be stored there
        /// still. Longer than any answer takes. "0s": once only. Default: "5s".
        repeat_after: DurationText,
        /// How many calls are made in a time: "10/s", "300/m". Not set: as fast as it answers.
        rate: String,
        /// How long a call may take. Default: "10s".
        timeout: DurationText,
        /// A PEM file of certificates that are trusted instead of the system's.
        ca_file: String,
        /// For "fastly": the id of the service.
        service: String,
        /// For "cloudflare": the id of the zone.
        zone: String,
        /// For "varnish": the URLs of all its servers, "http://varnish-1:6081".
        servers: Texts,
        /// For "fastly" and "cloudflare": the URL of the API, if it is another than the usual.
        api: String,
        /// For "http": fields of every call. `{token}` is the token.
        headers: FieldTable,
        /// For "http": how tags are purged, by `{tag}` or, as a JSON array in the body, `{tags}`. Not set: by everything.
        tags: RawCdnCall,
        /// For "http": how URLs are purged, by `{url}`, `{host}` and `{path}`, or `{urls}`. Not set: by prefix, or everything.
        urls: RawCdnCall,
        /// For "http": how prefixes of URLs are purged, by `{prefix}`, `{host}` and `{path}`, or `{prefixes}`. Not set: by everything.
        prefixes: RawCdnCall,
        /// For "http": how everything is purged.
        everything: RawCdnCall,
    }
}

raw_table! {
    /// One kind of call. `{soft}` is whether the purge is soft, `true` or `false`.
    struct RawCdnCall {
        /// Default: "POST".
        method: MethodText,
        /// Where. What stands in braces is percent-encoded, but for `{host}` and `{path}`.
        #[schemars(required)]
        url: String,
        /// What is sent. What stands in braces is written as JSON: a text without its quotes, a list as an array.
        body: String,
        /// How many are named in one call, where it names a list. Default: 30.
        batch: u64,
    }
}

/// A kind of CDN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CdnKind {
    Fastly,
    Cloudflare,
    Varnish,
    Http,
}

words! {
    /// `cdn.kind`
    enum CdnWord => CdnKind {
        fastly = CdnKind::Fastly,
        cloudflare = CdnKind::Cloudflare,
        varnish = CdnKind::Varnish,
        http = CdnKind::Http,
    }
}
