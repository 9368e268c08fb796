//! A cacheable request as the origin sees it: only what the key holds or what is harmless goes through.

use super::key_recipe::{CookieRule, QueryRule, cookie_field, listed_cookies};
use super::poison::{has_two_readings, is_poison};
use super::route::Route;
use crate::key::{KeyBuilder, KeyPart, PrimaryKey};
use crate::semantics::bearer::{NoToken, bearer_token};
use crate::semantics::conditional::CONDITIONAL_FIELDS;
use crate::semantics::encoding::AcceptedCodings;
use crate::semantics::forwarding::{is_hop_by_hop, is_set_here, strip_hop_by_hop};
use crate::semantics::reason::Reason;
use crate::semantics::target::Target;
use crate::semantics::vary::{VariantKey, Vary, normalise};
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, ORIGIN, TE};
use http::{HeaderMap, HeaderName, HeaderValue};

/// How one field of a client's request reaches the origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FieldRule {
    /// As it came, unless it turns out to be hop-by-hop.
    AsReceived,
    /// Never.
    Dropped,
    /// Reduced to the listed cookies.
    ListedCookies,
    /// Replaced by the canonical form of what is accepted.
    Codings,
    /// As it came where the value is listed, else never.
    ListedOrigin,
    /// With the route's own value.
    Set,
}

/// Room for what a fetch's headers get later: Accept-Encoding, Host, a validator or range, and the fields of forwarding.
const FIELDS_ADDED: usize = 8;

/// Fields that no fetch carries besides conditional ones: what they say is of a body or of one connection.
static NEVER_SENT: [HeaderName; 3] = [EXPECT, CONTENT_LENGTH, TE];

impl Route {
    /// The target as keyed and sent: the query after the route's recipe.
    #[must_use]
    pub fn keyed_target(&self, target: Target) -> Target {
        match (&self.key.query, target.query()) {
            (QueryRule::AsReceived, _) | (_, None) => target,
            (rule, Some(query)) => target.with_query(rule.apply(query).as_deref()),
        }
    }

    /// The primary key of a request for `keyed` (from [`Self::keyed_target`]) with these client headers.
    #[must_use]
    pub fn primary_key(&self, keyed: &Target, headers: &HeaderMap) -> PrimaryKey {
        let mut key = KeyBuilder::default();
        key.part(KeyPart::Scheme, keyed.scheme().as_bytes());
        key.part(KeyPart::Authority, keyed.authority().as_bytes());
        key.part(KeyPart::Path, keyed.path().as_bytes());
        if let Some(query) = keyed.query() {
            key.part(KeyPart::Query, query.as_bytes());
        }
        for name in &self.key.headers {
            key.part(KeyPart::Header, name.as_str().as_bytes());
            key.part(KeyPart::Value, &self.fetch_value(headers, name));
        }
        if self.key.origins.is_some() {
            key.part(KeyPart::Header, ORIGIN.as_str().as_bytes());
            key.part(KeyPart::Value, &self.fetch_value(headers, &ORIGIN));
        }
        if let CookieRule::Only(listed) = &self.key.cookies {
            for (name, value) in listed_cookies(listed, headers.get_all(COOKIE).iter()) {
                key.part(KeyPart::Cookie, name.as_bytes());
                key.part(KeyPart::Value, value);
            }
        }
        key.finish()
    }

    /// The headers of the fetch: the client's without hop-by-hop, conditional and range fields, without unlisted
    /// cookies and Origin, without headers that poison caches unless keyed, with the canonical Accept-Encoding, and with
    /// what the route puts in or takes out.
    #[must_use]
    pub fn fetch_headers(&self, client: &HeaderMap) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(client.keys_len() + FIELDS_ADDED);
        for (name, value) in client {
            if self.rule_of(name) == FieldRule::AsReceived {
                headers.append(name, value.clone());
            }
        }
        strip_hop_by_hop(&mut headers);
        for name in [COOKIE, ACCEPT_ENCODING, ORIGIN] {
            if let Some(value) = self.replacement(client, &name) {
                headers.insert(name, value);
            }
        }
        for (name, value) in &self.to_origin.set {
            headers.insert(name, value.clone());
        }
        headers
    }

    /// The normalised value of one field as it would stand in [`Self::fetch_headers`], without building them all.
    #[must_use]
    pub fn fetch_value(&self, client: &HeaderMap, name: &HeaderName) -> Box<[u8]> {
        match self.rule_of(name) {
            FieldRule::Dropped => normalise(name, std::iter::empty()),
            FieldRule::ListedCookies | FieldRule::Codings | FieldRule::ListedOrigin | FieldRule::Set => {
                normalise(name, self.replacement(client, name).iter())
            }
            FieldRule::AsReceived if may_be_hop_by_hop(client, name) => {
                let mut alone = HeaderMap::with_capacity(2);
                for name in [name, &CONNECTION] {
                    for value in client.get_all(name) {
                        alone.append(name, value.clone());
                    }
                }
                strip_hop_by_hop(&mut alone);
                normalise(name, alone.get_all(name).iter())
            }
            FieldRule::AsReceived => normalise(name, client.get_all(name).iter()),
        }
    }

    /// The variant that a request picks among responses that vary by `vary`; none for [`Vary::Anything`].
    #[must_use]
    pub fn variant_key(&self, client: &HeaderMap, vary: &Vary) -> Option<VariantKey> {
        match vary {
            Vary::Anything => None,
            Vary::Fields(names) => {
                Some(VariantKey(names.iter().map(|name| (name.clone(), self.fetch_value(client, name))).collect()))
            }
        }
    }

    /// The bearer token of a request, if the origin is sent it, too: what a fetch without it brings is not for those who
    /// claim the same.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn sent_token<'h>(&self, headers: &'h HeaderMap) -> Result<&'h str, Reason> {
        let token = bearer_token(headers)?;
        // Its client has had it dropped on the way, by naming it in Connection.
        let is_dropped = self.to_origin.replaces(&AUTHORIZATION) || may_be_hop_by_hop(headers, &AUTHORIZATION);
        if is_dropped { Err(Reason::TokenMalformed) } else { Ok(token) }
    }

    fn rule_of(&self, name: &HeaderName) -> FieldRule {
        if self.to_origin.set_value(name).is_some() {
            FieldRule::Set
        } else if self.to_origin.removed.contains(name) {
            FieldRule::Dropped
        } else if *name == ORIGIN && self.key.origins.is_some() {
            FieldRule::ListedOrigin
        } else if *name == ACCEPT_ENCODING {
            FieldRule::Codings
        } else if *name == COOKIE && self.key.cookies != CookieRule::AsReceived {
            FieldRule::ListedCookies
        } else if NEVER_SENT.contains(name)
            || CONDITIONAL_FIELDS.contains(name)
            // What Larder itself has written into a request's fields is no client's to choose.
            || ((has_two_readings(name) || (!is_set_here(name) && is_poison(name)))
                && !self.key.headers.contains(name))
        {
            FieldRule::Dropped
        } else {
            FieldRule::AsReceived
        }
    }

    /// What stands in the fetch for a field that is rewritten.
    fn replacement(&self, client: &HeaderMap, name: &HeaderName) -> Option<HeaderValue> {
        match (self.rule_of(name), &self.key.cookies) {
            (FieldRule::Codings, _) => AcceptedCodings::parse(client).canonical(),
            (FieldRule::ListedCookies, CookieRule::Only(listed)) => {
                cookie_field(&listed_cookies(listed, client.get_all(COOKIE).iter()))
            }
            (FieldRule::ListedOrigin, _) => {
                let mut lines = client.get_all(name).iter();
                let listed = self.key.origins.as_ref()?;
                // A browser sends one line; more are nobody's.
                lines.next().filter(|line| lines.next().is_none() && listed.contains(line)).cloned()
            }
            (FieldRule::Set, _) => self.to_origin.set_value(name).cloned(),
            _ => None,
        }
    }
}

impl From<NoToken> for Reason {
    fn from(why: NoToken) -> Self {
        match why {
            NoToken::Absent => Self::TokenMissing,
            NoToken::Malformed => Self::TokenMalformed,
        }
    }
}

/// Whether [`strip_hop_by_hop`] might remove a field: it is such a field by definition, or Connection could name it.
/// A cheap test that may say yes too often.
fn may_be_hop_by_hop(client: &HeaderMap, name: &HeaderName) -> bool {
    let is_named = |line: &HeaderValue| {
        line.as_bytes().windows(name.as_str().len()).any(|part| part.eq_ignore_ascii_case(name.as_str().as_bytes()))
    };
    is_hop_by_hop(name) || client.get_all(CONNECTION).iter().any(is_named)
}

#[cfg(test)]
#[path = "fetch_tests.rs"]
mod tests;
