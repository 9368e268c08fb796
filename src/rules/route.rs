//! One route, resolved.

use super::answer::AnswerRule;
use super::audit::AuditRule;
use super::body_key::{BodyKeyRule, KeyedForm};
use super::body_tags::BodyTags;
use super::bypass::BypassRule;
use super::claims::ClaimsRule;
use super::entity_types::EntityTypes;
use super::host_pattern::HostPattern;
use super::key_recipe::{CookieRule, KeyRecipe, QueryRule};
use super::lifetime::LifetimeRule;
use super::origin_request::OriginRequestRule;
use super::pattern::PathPattern;
use super::tag_template::TagTemplate;
use crate::scope::{RouteName, Tag, TagError, distinct};
use crate::semantics::content_coding::Coding;
use crate::semantics::origin_tags::TAG_FIELDS;
use crate::semantics::reason::Reason;
use crate::semantics::target::Target;
use http::header::COOKIE;
use http::{HeaderMap, HeaderName, Method};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

/// Whether a route caches or is an exception that passes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteMode {
    /// `cache = true`
    Cache,
    /// `cache = false`
    PassThrough,
}

/// What to do with an answer that sets a cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetCookieRule {
    /// Do not store it.
    Refuse,
    /// Drop the field from what is stored and sent.
    Strip,
    /// Store it, field and all.
    Store,
}

/// What to do with an answer of GraphQL that has data and errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GraphqlErrorsRule {
    /// Do not store it.
    Refuse,
    /// Store it as any.
    Store,
}

/// What a client's `no-cache`, `max-age=0` and Pragma do. Its `no-store` and `only-if-cached` are obeyed always.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientDirectives {
    /// Each such request asks the origin on its own.
    Obey,
    /// Those who come together share one validation.
    Collapse,
    /// As if they were not said.
    Ignore,
}

impl ClientDirectives {
    /// The word that rules use.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Obey => "obey",
            Self::Collapse => "collapse",
            Self::Ignore => "ignore",
        }
    }
}

/// One `[[route]]`, resolved: every default filled in.
#[derive(Debug, Clone)]
pub struct Route {
    /// Unique name.
    pub name: RouteName,
    /// Which paths.
    pub path: PathPattern,
    /// Which methods; HEAD is there where GET is. Empty: every method.
    pub methods: Vec<Method>,
    /// Which host; none: any.
    pub host: Option<HostPattern>,
    /// Cache or pass through.
    pub mode: RouteMode,
    /// For how long.
    pub lifetime: LifetimeRule,
    /// Under which key.
    pub key: KeyRecipe,
    /// What of a body of a POST or QUERY is part of the key; none: such requests pass the cache by.
    pub(crate) body_key: Option<BodyKeyRule>,
    /// Which operation of GraphQL; none: any.
    pub(crate) operation: Option<Box<str>>,
    /// Which objects of an answer of GraphQL tag it; none: none does.
    pub(crate) types: Option<EntityTypes>,
    /// The fields of GraphQL's Mutation that change only what is one client's own.
    pub(crate) private_mutations: Vec<Box<str>>,
    /// Answers of GraphQL with data and errors.
    pub(crate) graphql_errors: GraphqlErrorsRule,
    /// Which claims of a verified token are part of the key; none: what a request claims counts for nothing.
    pub(crate) claims: Option<ClaimsRule>,
    /// Which requests pass the cache by; none: as far as the route has a say, none does.
    pub bypass: Option<BypassRule>,
    /// What the origin is asked instead.
    pub to_origin: OriginRequestRule,
    /// What clients get in place of it; none: what the origin said.
    pub answer: Option<Arc<AnswerRule>>,
    /// In which fields the origin tags its answers.
    pub tag_fields: Arc<[HeaderName]>,
    /// In which field clients get all tags of an answer; none: as the origin sent them.
    pub send_tags_as: Option<HeaderName>,
    /// The protocols that its clients may change to, by name and in lower case; others are ignored.
    pub upgrade: Vec<String>,
    /// Tags besides the origin's.
    pub tags: Vec<TagTemplate>,
    /// Answers that set cookies.
    pub set_cookie: SetCookieRule,
    /// The codings in which bodies are sent where that helps, the one that they are kept in first; none: as they came.
    pub codings: Box<[Coding]>,
    /// What clients may ask of the cache.
    pub client_directives: ClientDirectives,
    /// The largest body stored, in bytes.
    pub max_body_bytes: u64,
    /// How long a follower waits for a shared fetch's head before it asks on its own.
    pub coalesce_wait: Duration,
    /// How long the origin may be silent between two reads; none: as long as `upstream.read_timeout` says.
    pub read_timeout: Option<Duration>,
    /// How many fetches of this route may be under way at once; none: any number.
    pub miss_limit: Option<NonZeroUsize>,
    /// For how long after a purge an answer may come from a replica that lags; none: it never does.
    pub settle: Option<Duration>,
    /// Where in a JSON body further tags stand.
    pub body_tags: Option<BodyTags>,
    /// Of which hits the answer is compared with the origin's; none: of none.
    pub(crate) audit: Option<AuditRule>,
    /// The query parameter whose value is counted as a search term; none: none is.
    pub search_term: Option<String>,
    /// What a successful unsafe request through this path purges, besides RFC 9111 section 4.4.
    pub purge_on_write: Vec<TagTemplate>,
}

/// `upgrade` where a route does not say, and where there is no route.
pub(crate) const UPGRADE_DEFAULT: [&str; 1] = ["websocket"];

/// `max_body` where a route does not say.
pub(crate) const MAX_BODY_BYTES_DEFAULT: u64 = 8 * 1024 * 1024;

/// `coalesce_wait` where a route does not say.
pub(crate) const COALESCE_WAIT_DEFAULT: Duration = Duration::from_secs(5);

impl Route {
    /// What a route with nothing but a path is: a plain shared cache by RFC 9111, for GET and HEAD.
    #[must_use]
    pub fn plain(name: RouteName, path: PathPattern) -> Self {
        Self {
            name,
            path,
            methods: vec![Method::GET, Method::HEAD],
            host: None,
            mode: RouteMode::Cache,
            lifetime: LifetimeRule::by_origin(),
            key: KeyRecipe {
                query: QueryRule::AsReceived,
                headers: Vec::new(),
                cookies: CookieRule::AsReceived,
                origins: None,
            },
            body_key: None,
            operation: None,
            types: None,
            private_mutations: Vec::new(),
            graphql_errors: GraphqlErrorsRule::Refuse,
            claims: None,
            bypass: None,
            to_origin: OriginRequestRule::default(),
            answer: None,
            tag_fields: Arc::new(TAG_FIELDS),
            send_tags_as: None,
            upgrade: UPGRADE_DEFAULT.map(str::to_owned).to_vec(),
            tags: Vec::new(),
            set_cookie: SetCookieRule::Refuse,
            codings: Box::default(),
            client_directives: ClientDirectives::Collapse,
            max_body_bytes: MAX_BODY_BYTES_DEFAULT,
            coalesce_wait: COALESCE_WAIT_DEFAULT,
            read_timeout: None,
            miss_limit: None,
            settle: None,
            body_tags: None,
            audit: None,
            search_term: None,
            purge_on_write: Vec::new(),
        }
    }

    /// Whether the route names `method`: HEAD comes with GET, and an empty list names every method.
    #[must_use]
    pub fn names_method(&self, method: &Method) -> bool {
        self.methods.is_empty()
            || self.methods.contains(method)
            || (*method == Method::HEAD && self.methods.contains(&Method::GET))
    }

    /// How a request of `method` is keyed by its body, where it is. The operator declares such requests safe.
    #[must_use]
    pub(crate) fn keys_body(&self, method: &Method) -> Option<BodyKeyRule> {
        self.body_key
            .filter(|_| self.mode == RouteMode::Cache && BodyKeyRule::is_about(method) && self.names_method(method))
    }

    /// Whether it answers operations of GraphQL from the cache.
    #[must_use]
    pub(crate) fn caches_operations(&self) -> bool {
        self.mode == RouteMode::Cache && self.body_key.is_some_and(|rule| rule.form == KeyedForm::Graphql)
    }

    /// Whether bodies tag what is stored: what all of its tags are is known only once the body is there.
    #[must_use]
    pub(crate) const fn tags_by_body(&self) -> bool {
        self.body_tags.is_some() || self.types.is_some()
    }

    /// Whether a body may give a response this tag.
    #[must_use]
    pub(crate) fn may_tag_by_body(&self, tag: &str) -> bool {
        self.body_tags.is_some() || self.types.as_ref().is_some_and(|types| types.make(tag))
    }

    /// Whether what is done about a request of `method`, which it names, depends on the operation that is asked for.
    #[must_use]
    pub(crate) fn reads_operations(&self, method: &Method) -> bool {
        let brings_one = matches!(*method, Method::GET | Method::HEAD) || BodyKeyRule::is_about(method);
        brings_one && (self.operation.is_some() || self.caches_operations())
    }

    /// Why a request passes the cache by though the route caches, if its `bypass` says so. The target is the client's,
    /// before the query's rule.
    #[must_use]
    #[inline]
    pub fn bypasses(&self, target: &Target, headers: &HeaderMap) -> Option<Reason> {
        self.bypass.as_ref()?.applies(target.query(), headers)
    }

    /// Whether it sends every cookie on and does not say which of them change an answer.
    #[must_use]
    pub fn leaves_cookies_undecided(&self) -> bool {
        self.key.cookies == CookieRule::AsReceived
            && !self.key.headers.contains(&COOKIE)
            && !self.to_origin.removed.contains(&COOKIE)
            && self.to_origin.set.iter().all(|(name, _)| *name != COOKIE)
            && !self.to_origin.replaces(&COOKIE)
    }

    /// The tags for a settled path that the route's pattern matches, without repeats.
    ///
    /// # Errors
    /// Where a template makes no tag of the path: an answer for it could not be purged by it.
    pub fn tags_for(&self, path: &str) -> Result<Vec<Tag>, TagError> {
        self.filled(&self.tags, path).into_iter().collect::<Result<Vec<_>, _>>().map(distinct)
    }

    /// As [`Self::tags_for`], without what is no tag: by these an answer is purged that was stored under other rules.
    #[must_use]
    pub fn tags_known_for(&self, path: &str) -> Vec<Tag> {
        distinct(self.filled(&self.tags, path).into_iter().flatten())
    }

    /// The tags that a successful unsafe request for a settled path purges, without repeats. What a template makes that is
    /// no tag is left out, since nothing stored has it.
    #[must_use]
    pub fn tags_written_by(&self, path: &str) -> Vec<Tag> {
        distinct(self.filled(&self.purge_on_write, path).into_iter().flatten())
    }

    fn filled(&self, templates: &[TagTemplate], path: &str) -> Vec<Result<Tag, TagError>> {
        let needs_captures = templates.iter().any(|template| template.capture_names().next().is_some());
        let captures = if needs_captures { self.path.captures(path) } else { None };
        let value = |name: &str| captures.as_ref()?.name(name).map(|taken| taken.as_str());
        templates.iter().map(|template| template.fill(value)).collect()
    }
}
