//! The rules, raw. The documentation of each key is its description in the JSON Schema.

use super::raw_warm::RawWarm;
use super::route_audit::AuditText;
use super::route_codings::CompressText;
use super::table::{FromToml, Placed, Reader, raw_table};
use super::values::{
    ByStatus, DurationText, FieldTable, LifetimeText, MethodText, MomentText, PercentageText, SizeText, Texts, word,
    words,
};
use crate::rules::body_key::KeyedForm;
use crate::rules::lifetime::{IgnoredDirective, OriginPrecedence};
use crate::rules::route::{ClientDirectives, GraphqlErrorsRule, SetCookieRule};
use crate::semantics::lifetime_fields::LifetimeField;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;
use toml::Spanned;
use toml::de::DeValue;

raw_table! {
    /// Rules: what may be cached, and for how long. The first route that matches a request decides.
    struct RawRulesFile {
        /// The routes, first match first.
        route: Vec<Placed<RawRoute>>,
        /// What to purge when another system says that something has changed.
        event: Vec<Placed<RawEvent>>,
        /// What to purge when a row of a database's table changes; for `[events.postgres_changes]` and `[events.mysql_changes]`.
        change: Vec<Placed<RawChange>>,
        /// What is fetched before anyone asks: at the start, or again and again.
        warm: Vec<Placed<RawWarm>>,
    }
}

raw_table! {
    /// One route. With nothing but `path` it is a plain shared cache by RFC 9111.
    struct RawRoute {
        /// The label in metrics and logs, unique: a-z, 0-9, - and _. Default: made from `path`.
        #[schemars(regex(pattern = "^[a-z0-9_-]+$"))]
        name: String,
        /// Which paths: {name} is one segment or a part of one, {name...} the rest, * anything within a segment, ** any
        /// number of segments.
        #[schemars(required, regex(pattern = "^/"))]
        path: String,
        /// Which methods; HEAD comes with GET. Default: GET, or every method where `cache = false`.
        methods: Vec<Placed<MethodText>>,
        /// Which host, * for any characters; without a port it matches every port. Default: every host.
        host: String,
        /// false: what matches passes through, as an exception before a wider route. Default: true.
        cache: bool,
        /// How long a response of status 200, 203, 204, 206, 300, 301 or 308 is fresh, from when it was received; for
        /// others see `ttl_by_status`. `cookies` says for whom. `{ adaptive = [shortest, longest] }`: half as long as the
        /// response has not changed, within these bounds. Not set: only what the origin says.
        ttl: LifetimeText,
        /// "respect": the origin's explicit freshness takes precedence over `ttl`; "override": `ttl` takes precedence.
        /// Default: "respect".
        origin: OriginWord,
        /// With `origin = "override"`, the origin's directives that do not count for requests without credentials:
        /// "no-cache", "private", "no-store". Requires `cookies`.
        ignore: Vec<Placed<IgnoreWord>>,
        /// The longest lifetime that the origin may give. Not set: any.
        max_ttl: DurationText,
        /// Moments that no lifetime crosses, here or at a client: what was received before one is not served after it
        /// without asking the origin. At most 1,000. Default: none.
        not_after: Vec<Placed<MomentText>>,
        /// Fields that take precedence over CDN-Cache-Control, Cache-Control and Expires, in this order:
        /// "surrogate-control", "x-accel-expires". Default: none.
        lifetime_fields: Vec<Placed<LifetimeFieldWord>>,
        /// Lifetimes of responses with these statuses, errors and temporary redirects included.
        ttl_by_status: ByStatus,
        /// The share by which lifetimes given by this route are shortened at random, so that not all end at once.
        /// Default: "0%".
        jitter: PercentageText,
        /// How long past its lifetime a response may be served while a fresh one is fetched; also under the origin's
        /// s-maxage.
        stale_while_revalidate: DurationText,
        /// How long past its lifetime a response may be served when the origin fails.
        stale_if_error: DurationText,
        /// The statuses that count as such a failure. Default: [500, 502, 503, 504].
        stale_if_error_on: Vec<Placed<u64>>,
        /// A hit after this share of the lifetime refreshes the response in the background.
        refresh_ahead: PercentageText,
        /// Which query parameters count; they are sorted, and the others are not sent to the origin. Absent: the query
        /// as it came.
        query: RawQuery,
        /// Request headers that are part of the key, besides those that Vary names.
        headers: Texts,
        /// Cookies that are part of the key; others are not sent to the origin. [] sends none. Not set: all are sent,
        /// and count only if Vary names them.
        cookies: Texts,
        /// What of a body is part of the key of POST and QUERY: "json": what it says, whatever the order of names and the
        /// spacing (RFC 8785); "bytes": every byte. Both declare that such requests change nothing at the origin.
        /// "graphql": the operation that it asks for and its variables; only queries are cached. Not set: requests with a
        /// body pass the cache by.
        body_key: BodyKeyWord,
        /// The longest such body; a longer one passes through. Default: "64KiB".
        body_key_max: SizeText,
        /// The operation of GraphQL that the route is for, by its name: "ProductDetail". Others, and those without a name,
        /// are for later routes. Brings `body_key = "graphql"`. Default: every operation.
        #[schemars(regex(pattern = "^[_A-Za-z][_0-9A-Za-z]*$"))]
        operation: String,
        /// Tags of an answer's objects, by their type: { Product = "product:{id}" } takes {id} from the field `id` of each
        /// object whose `__typename` is Product. An answer in which an object has no `__typename`, or lacks the field, is not
        /// stored. Requires `body_key = "graphql"`.
        types: FieldTable,
        /// The fields of GraphQL's Mutation that change only what is one client's own, such as a cart or a session: "login",
        /// "addItemToOrder". A mutation that asks for these alone purges neither what its answer returns nor the routes. Counts
        /// for all routes of the same URL. Requires `body_key = "graphql"`.
        private_mutations: Texts,
        /// What to do with an answer of GraphQL that has data and errors: "refuse" to store it, or "store" it. Default:
        /// "refuse".
        graphql_errors: GraphqlErrorsWord,
        /// The claims of a verified bearer token (JWT) that are part of the key, by name. An answer is shared by all whose
        /// tokens claim the same, and by no others, also where RFC 9111 would not share an answer to a request with
        /// Authorization. Requests without such a token pass the cache by. Requires `[jwt]` in proxy.toml.
        claims: Texts,
        /// Requests that carry one of these pass the cache by: their answers are neither stored nor taken from what is.
        bypass: RawBypass,
        /// The protocols that clients may upgrade to: ["websocket"]. An upgrade to any other is ignored, and the
        /// request is treated like any other. Default: ["websocket"].
        upgrade: Texts,
        /// The values of Origin that count (CORS): one entry for each of these, which are sent to the origin; all other
        /// requests share one and are sent without Origin. Not set: Origin is sent as received, and counts only if Vary
        /// names it.
        vary_origin: Texts,
        /// The pool of servers that is asked: a name of `[upstreams.NAME]` in proxy.toml, or "default" for that of
        /// `[upstream]`. Default: "default".
        upstream: String,
        /// Removed from the beginning of the path that the origin is asked for: "/shop". Location and Content-Location
        /// are mapped back; keys and purges use the client's path.
        strip_prefix: String,
        /// Added to the beginning of the path that the origin is asked for, after `strip_prefix`: "/v2".
        add_prefix: String,
        /// The Host sent to the origin, and over TLS the name that its certificate must be for; "keep" is the client's.
        /// Default: that of its pool. The client's host is part of the key either way.
        upstream_host: String,
        /// Fields sent to the origin with these values, whatever the client sent.
        set_request_headers: FieldTable,
        /// Fields that are not sent to the origin.
        remove_request_headers: Texts,
        /// Replaces the origin's Cache-Control and Expires towards clients: "max-age=60", if Larder keeps a response
        /// for longer; Age begins anew. Purges do not reach browsers. Only stored responses are changed.
        browser_cache_control: String,
        /// Fields sent to clients with these values, whatever the origin sent; on hits too.
        set_headers: FieldTable,
        /// Fields that are not sent to clients; on hits too.
        remove_headers: Texts,
        /// The response fields that hold tags. Default: "Surrogate-Key", "xkey", "Cache-Tag" and "Cache-Groups".
        tag_fields: Texts,
        /// Whether those fields are sent to clients. Default: true.
        send_tags: bool,
        /// The field in which clients, and so CDNs, get all tags of an answer, the route's and the origin's: "Surrogate-Key", "xkey" or
        /// "Cache-Tag". After it is set or the tags are changed, purge everything once. Default: the origin's own fields alone.
        send_tags_as: String,
        /// Tags to purge by, in addition to those of the origin: "product:{id}" takes {id} from the path.
        tags: Texts,
        /// What to do with a response that sets a cookie: "refuse" to store it, "strip" the field, or "store" it as it
        /// is. Default: "refuse".
        set_cookie: SetCookieWord,
        /// The effect of a client's no-cache, max-age=0 and Pragma: "obey": each asks the origin; "collapse":
        /// concurrent ones share one validation; "ignore": none. no-store and only-if-cached are always obeyed.
        /// Default: "collapse".
        client_directives: ClientDirectivesWord,
        /// The codings, of "zstd", "br" and "gzip", in which compressible bodies of 1 KiB and more are sent. They are kept in
        /// the first; another is made of that once a client comes that takes none before it, and each client gets the one
        /// that it prefers, of equals the first. true is "gzip" alone. Default: false.
        compress: CompressText,
        /// The largest body stored. Default: "8MiB".
        max_body: SizeText,
        /// Tags taken from a JSON body, by JSONPath: ["$.items[*].sku"]. A body that cannot be parsed is not stored.
        tags_from_body: Texts,
        /// The prefix of each tag found by `tags_from_body`.
        tag_prefix: String,
        /// Tags that a successful POST, PUT, PATCH or DELETE through this path purges, in addition to its own URL.
        purge_on_write: Texts,
        /// The share of hits whose answer is compared in the background with what the origin says, for
        /// `GET /consistency`; also of hot keys once they were fetched again after a purge:
        /// "1%", or `{ share = "1%", ignore = ["$.generated_at"] }` with what of a JSON body may differ, by JSONPath.
        /// Default: "0%".
        audit: AuditText,
        /// The query parameter that holds what was searched for: "q". Its values are counted, in lower case and with one
        /// space between words, for `GET /searches`.
        search_term: String,
        /// How long a request waits for another request's fetch of the same resource before it asks the origin itself.
        /// Default: "5s".
        coalesce_wait: DurationText,
        /// How long the upstream may be silent between two reads, the head of its response included: long polls need
        /// more than others. An event stream that nobody shares may be silent for any time. Default:
        /// `upstream.read_timeout`.
        read_timeout: DurationText,
        /// How many fetches of this route may run at once, each until its body has ended. Above it: a stale response if
        /// there is one, else a wait of up to `coalesce_wait`, else 503 with Retry-After. Not set: any number.
        miss_limit: u64,
        /// For how long after a purge the origin may still read from a replica that lags. What is fetched within that time is
        /// kept only until it is over, also at clients. At most "1h". Not set: the origin never reads older data.
        settle: DurationText,
    }
}

raw_table! {
    /// What to purge on one type of event.
    struct RawEvent {
        /// The type of the event: "product.updated".
        #[schemars(required)]
        on: String,
        /// What is purged. {id} stands for the event's field `id`; for a list, for each of its values.
        #[schemars(required)]
        purge: RawEventPurge,
        /// Whether what is purged becomes stale instead of unusable. Default: false.
        soft: bool,
    }
}

raw_table! {
    /// What to purge when a row of one table changes.
    struct RawChange {
        /// The table: "public.product"; without a schema, one in `public`.
        #[schemars(required)]
        table: String,
        /// An update purges only if one of these columns changed, or one that `purge` names. Default: any update does.
        columns: Texts,
        /// What is purged. {id} stands for the row's column `id`, as it is and as it was before; for a list, for each of
        /// its values.
        #[schemars(required)]
        purge: RawEventPurge,
        /// Whether what is purged becomes stale instead of unusable. Default: false.
        soft: bool,
    }
}

raw_table! {
    /// What an event or a change purges.
    struct RawEventPurge {
        /// Labels: "product:{id}".
        tags: Texts,
        /// URLs, absolute or beginning with "/" for every host: "/api/products/{id}".
        urls: Texts,
        /// What URLs begin with.
        prefixes: Texts,
        /// Names of routes.
        routes: Texts,
        /// Everything. Default: false.
        all: bool,
    }
}

raw_table! {
    /// Which query parameters count: either `allow` or `deny`. * stands for any characters in a name.
    struct RawQuery {
        /// Only these count.
        allow: Texts,
        /// All but these count.
        deny: Texts,
    }
}

raw_table! {
    /// What makes a request pass the cache by. * stands for any characters in a name.
    struct RawBypass {
        /// Names of cookies: ["wp_logged_in_*"].
        cookies: Texts,
        /// Names of headers: "authorization".
        headers: Texts,
        /// Names of query parameters: "preview".
        query: Texts,
    }
}

words! {
    /// `origin`
    enum OriginWord => OriginPrecedence {
        respect = OriginPrecedence::Respect,
        override = OriginPrecedence::Override,
    }
}

words! {
    /// `body_key`
    enum BodyKeyWord => KeyedForm {
        json = KeyedForm::Json,
        bytes = KeyedForm::Bytes,
        graphql = KeyedForm::Graphql,
    }
}

words! {
    /// `graphql_errors`
    enum GraphqlErrorsWord => GraphqlErrorsRule {
        refuse = GraphqlErrorsRule::Refuse,
        store = GraphqlErrorsRule::Store,
    }
}

words! {
    /// `client_directives`
    enum ClientDirectivesWord => ClientDirectives {
        obey = ClientDirectives::Obey,
        collapse = ClientDirectives::Collapse,
        ignore = ClientDirectives::Ignore,
    }
}

words! {
    /// `set_cookie`
    enum SetCookieWord => SetCookieRule {
        refuse = SetCookieRule::Refuse,
        strip = SetCookieRule::Strip,
        store = SetCookieRule::Store,
    }
}

/// Declares a type whose values are words with hyphens.
macro_rules! hyphenated_words {
    ($(#[$about:meta])* $name:ident => $target:ty { $($word:literal = $choice:expr,)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) struct $name(pub(super) $target);

        impl FromToml for $name {
            fn from_toml(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<Self> {
                word(value, reader, &[$(($word, $choice),)+]).map(Self)
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "enum": [$($word,)+] })
            }
        }
    };
}

hyphenated_words! {
    /// One of `ignore`.
    IgnoreWord => IgnoredDirective {
        "no-cache" = IgnoredDirective::NoCache,
        "private" = IgnoredDirective::Private,
        "no-store" = IgnoredDirective::NoStore,
    }
}

hyphenated_words! {
    /// One of `lifetime_fields`.
    LifetimeFieldWord => LifetimeField {
        "surrogate-control" = LifetimeField::SurrogateControl,
        "x-accel-expires" = LifetimeField::XAccelExpires,
    }
}
