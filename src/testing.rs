//! What the tests, benchmarks and fuzz targets of this package use of it. No other crate is meant to: Larder is a program.
//!
//! Everything else is private to the crate, so that the compiler finds what nobody uses.

/// Of `admin`.
pub mod admin {
    pub use crate::admin::{AdminState, Readiness, serve};
}

/// Of `cli`.
pub mod cli {
    pub use crate::cli::serve::{Running, start};
}

/// Of `clock`.
pub mod clock {
    pub use crate::clock::{Clock, ManualClock, SystemClock, Timestamp};
}

/// Of `config`.
pub mod config {
    pub use crate::config::problem::{ProblemReport, RenderStyle, Severity};
    pub use crate::config::reference::{METRICS, reference};
    pub use crate::config::reload::{Change, RulesReloader};
    pub use crate::config::schema::{proxy_schema, rules_schema};
    pub use crate::config::watch::watch;
    pub use crate::config::{
        AccessLog, AdminOptions, Config, ConfigErrors, Environment, LogFormat, LogLevel, LogOptions, Overrides,
        Problem, check_rules_text, load, load_rules, without_file,
    };
}

/// Of `decisions`.
pub mod decisions {
    pub use crate::decisions::Decisions;
}

/// Of `engine`.
pub mod engine {
    pub use crate::engine::arrival::Front;
    pub use crate::engine::exchange::{
        Client, Deadline, ExchangeNote, FieldsAs, InterimListener, Terms, UpgradeAbility, WhenFull,
    };
    pub use crate::engine::fast_path::{FastHit, Marked, PlainHeaders, PlainRequest};
    pub use crate::engine::origin::{Body, BodyError, Origin, OriginError, empty_body};
    pub use crate::engine::outcome::{Decision, Outcome};
    pub use crate::engine::refresh::RefreshOptions;
    pub use crate::engine::request_fields::RequestFields;
    pub use crate::engine::shared_tier::SharedTier;
    pub use crate::engine::switched::Switched;
    pub use crate::engine::{Answer, Engine, EngineParts, Failure, Handler, RequestContext};
    pub use crate::semantics::spelling::Spelling;
}

/// Of `entry`.
pub mod entry {
    pub use crate::entry::body::StoredBody;
    pub use crate::entry::{Entry, EntryParts};
}

/// Of `events`.
pub mod events {
    pub use crate::events::Intake;
}

/// Of `fleet`.
pub mod fleet {
    pub use crate::fleet::guarded_link::GuardedLink;
    pub use crate::fleet::link::{Keeper, Link, LinkError, LinkFailure};
    pub use crate::fleet::options::FleetOptions;
    pub use crate::fleet::redis_leases::{LeaseLinks, RedisLeases};
    pub use crate::fleet::redis_link::RedisLink;
}

/// Of `invalidation`.
pub mod invalidation {
    pub use crate::invalidation::barriers::Barriers;
    pub use crate::invalidation::purge::{Depth, Purge, PurgeSource};
    pub use crate::invalidation::{Currency, FleetLinks, Invalidation, InvalidationOptions, PurgeOptions, Standing};
}

/// Of `key`.
pub mod key {
    pub use crate::key::{KeyBuilder, KeyPart, PrimaryKey};
}

/// Of `jobs`.
pub mod jobs {
    pub use crate::jobs::Jobs;
}

/// Of `metrics`.
pub mod metrics {
    pub use crate::metrics::Metrics;
    pub use crate::metrics::requests::Why;
}

/// Of `proxy`.
pub mod proxy {
    pub use crate::proxy::entrance::Entrance;
    #[cfg(fuzzing)]
    pub use crate::proxy::fuzzing::{connections_end_and_say_what_was_said, cuts_make_no_difference};
    pub use crate::proxy::observer::{Closed, Ending, Finished, Observer, Observers, WhyClosed};
    pub use crate::proxy::{ListenAddress, ListenerOptions, Listening, OptionsInForce, ProxyOptions, Speaks, serve};
}

/// Of `rules`.
pub mod rules {
    /// The tags that products have in an answer of GraphQL, by `types = { Product = "product:{id}" }`; `None` where it is no
    /// answer, or one of which not all can be told.
    #[must_use]
    pub fn product_tags(body: &[u8]) -> Option<std::collections::BTreeSet<String>> {
        use crate::rules::entity_types::{Entities, EntityTypes, entities};
        let template = crate::rules::tag_template::TagTemplate::parse("product:{id}").expect("it is a template");
        let types = EntityTypes::new(vec![("Product".into(), template)]);
        match entities(&[types], body) {
            Ok((_, Entities::These(tags))) => Some(tags.iter().map(|tag| tag.as_str().to_owned()).collect()),
            Ok((_, Entities::AndOthers(_))) | Err(_) => None,
        }
    }

    pub use crate::rules::host_pattern::HostPattern;
    pub use crate::rules::key_recipe::{CookieRule, QueryRule};
    pub use crate::rules::lifetime::{IgnoredDirective, LifetimeRule, OriginPrecedence};
    pub use crate::rules::origin_request::PoolName;
    pub use crate::rules::pattern::PathPattern;
    pub use crate::rules::route::{ClientDirectives, RouteMode, SetCookieRule};
    pub use crate::rules::tag_template::TagTemplate;
    pub use crate::rules::{Route, RouteVerdict, RuleSet};
}

/// Of `scope`.
pub mod scope {
    pub use crate::scope::{Depth, Membership, RouteName, Scope, Tag, Tags};
}

/// Of `semantics`.
pub mod semantics {
    pub use crate::semantics::cache_control::{Qualified, RequestDirectives, ResponseDirectives};
    pub use crate::semantics::cache_status::CacheStatus;
    pub use crate::semantics::conditional::{Precondition, evaluate};
    pub use crate::semantics::content_coding::Coding;
    pub use crate::semantics::credentials::Credentials;
    pub use crate::semantics::date::{format_http_date, parse_http_date};
    pub use crate::semantics::entity_tag::EntityTag;
    pub use crate::semantics::lifetime_fields::LifetimeField;
    pub use crate::semantics::policy::{ExchangeTimes, ResponsePolicy};
    pub use crate::semantics::range::{RangeVerdict, content_range, resolve};
    pub use crate::semantics::reason::Reason;
    pub use crate::semantics::reuse::{Judgement, Validity, judge};
    pub use crate::semantics::storable::{Exchange, Storability, storability};
    pub use crate::semantics::target::Target;
    pub use crate::semantics::targeted::targeted_directives;
    pub use crate::semantics::vary::{VariantKey, normalise, parse_vary};

    /// The digest of a GraphQL document, and whether it names this operation; `None` where it is none.
    #[cfg(fuzzing)]
    #[must_use]
    pub fn graphql_digest(text: &str, operation: &str) -> Option<([u8; 32], bool)> {
        let document = crate::semantics::graphql::document::Document::parse(text).ok()?;
        Some((*document.digest().as_bytes(), document.choose(Some(operation)).is_some()))
    }

    /// The digest of what a GraphQL request asks for; `None` where that can't be told.
    #[cfg(fuzzing)]
    #[must_use]
    pub fn graphql_request(body: &[u8]) -> Option<[u8; 32]> {
        let operation = crate::semantics::graphql::request::Operation::of_body(body, |_| None).ok()?;
        Some(*operation.digest.as_bytes())
    }

    /// The canonical form of a JSON text; `None` where it has none.
    #[cfg(fuzzing)]
    #[must_use]
    pub fn canonical_json(text: &[u8]) -> Option<Vec<u8>> {
        crate::semantics::canonical_json::canonical_json(text).ok()
    }
}

/// Of `stamp`.
pub mod stamp {
    pub use crate::stamp::Stamp;
}

/// Of `store`.
pub mod store {
    pub use crate::store::codec::{decode, encode};
    pub use crate::store::memory::{MemoryOptions, MemoryTier};
    pub use crate::store::redis::RedisTier;
    pub use crate::store::write_behind::WriteBehind;
}

/// Of `upstream`.
pub mod upstream {
    #[cfg(fuzzing)]
    pub use crate::upstream::fuzzing::answers_are_read_alike;
    pub use crate::upstream::response_body::ResponseBodyError;
    pub use crate::upstream::stats::{ServerState, ServerStats};
    pub use crate::upstream::{
        Balancing, Drain, EjectOptions, HealthOptions, NotDrained, Pools, Protocol, RetryOptions, Tried,
        UpstreamOptions, UpstreamPool, try_servers,
    };
}

/// Of `learning`.
pub mod learning {
    pub use crate::learning::Learning;
}

/// Of `warming`.
pub mod warming {
    pub use crate::warming::Warming;
}
