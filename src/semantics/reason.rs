//! Every reason that a decision can have, each with the one label that Cache-Status, log, metric and explain share.

use std::fmt;

/// Makes an enum of which every variant has a stable label and one sentence.
macro_rules! labelled {
    ($(#[$about:meta])* $name:ident { $($variant:ident $label:literal $explanation:literal,)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $(#[doc = $explanation] $variant,)+
        }

        impl $name {
            /// All of them, in the order of a request's path.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The stable label: lower case, words joined by hyphens, never renamed.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self { $(Self::$variant => $label,)+ }
            }

            /// One sentence for people.
            #[must_use]
            pub const fn explanation(self) -> &'static str {
                match self { $(Self::$variant => $explanation,)+ }
            }
        }
    };
}

pub(crate) use labelled;

labelled! {
    /// Why a request was answered as it was, or a response stored or not.
    Reason {
        // The door.
        RedirectHttps "redirect-https" "The request came in clear text, and `listen.redirect_https` sends such clients to TLS.",
        ClientConnections "client-connections" "The client has as many connections as `limits.per_client` allows.",
        ClientRate "client-rate" "The client has made as many requests in this second as `limits.per_client` allows.",
        ClientMisses "client-misses" "As many of the client's requests wait for the origin as `limits.per_client` allows.",
        // The route's verdict.
        NoRoute "no-route" "No route matches the request, so it passes through.",
        RoutePasses "route-passes" "The route says `cache = false`.",
        MethodNotNamed "method-not-named" "The route does not name this method, so it passes through.",
        InvalidTarget "invalid-target" "The request does not name one host and one path.",
        AmbiguousPath "ambiguous-path" "The path can be read in more than one way (encoded delimiters, backslashes, path parameters), so it is never cached.",
        RequestBody "request-body" "The request carries a body, which is not part of a key.",
        RequestBodyTooLarge "request-body-too-large" "The request's body is larger than the route's body_key_max, so it is not part of a key.",
        RequestBodyCoding "request-body-coding" "The request's body has a content coding other than gzip, or one that cannot be decoded, so it is not part of a key.",
        RequestBodyUnreadable "request-body-unreadable" "The request's body is not what the route's body_key says, such as valid JSON, so it is not part of a key.",
        RequestBodyAmbiguous "request-body-ambiguous" "The request's body has a name twice in an object, or a number that a double cannot hold: another one could share its key.",
        GraphqlUnreadable "graphql-unreadable" "The request is none of GraphQL over HTTP, or its document cannot be read within the bounds, so it is not part of a key.",
        GraphqlBatch "graphql-batch" "The request is a batch of GraphQL operations, which passes through.",
        GraphqlMutation "graphql-mutation" "The operation is a mutation, which is never answered from the cache.",
        GraphqlSubscription "graphql-subscription" "The operation is a subscription, which is never answered from the cache.",
        GraphqlOperationUnknown "graphql-operation-unknown" "The request names none of its document's operations, or does not say which of several it asks for.",
        GraphqlNoRoute "graphql-no-route" "No route with `body_key = \"graphql\"` is for this operation.",
        GraphqlHashUnknown "graphql-hash-unknown" "The request names its document by a hash, and this instance has not seen the document with it.",
        GraphqlHashMismatch "graphql-hash-mismatch" "The request's document does not have the hash that the request gives it.",
        Upgrade "upgrade" "The request asks for another protocol.",
        BypassCookie "bypass-cookie" "The request carries a cookie that the route's bypass names.",
        BypassHeader "bypass-header" "The request carries a header that the route's bypass names.",
        BypassQuery "bypass-query" "The request carries a query parameter that the route's bypass names.",
        TokenMissing "token-missing" "The route keys claims, and the request has no bearer token.",
        TokenMalformed "token-malformed" "The route keys claims, and what the request has is not one signed token that can be read: RFC 6750 and 7519.",
        TokenAlgorithm "token-algorithm" "The token is signed by an algorithm that `jwt.algorithms` does not name.",
        TokenKeyUnknown "token-key-unknown" "No key of `jwt.jwks` is the one that the token says it is signed by.",
        TokenSignature "token-signature" "The token's signature is not one of the keys of `jwt.jwks`.",
        TokenIssuer "token-issuer" "The token is not from `jwt.issuer`.",
        TokenAudience "token-audience" "The token is for none of `jwt.audience`.",
        TokenExpired "token-expired" "The token has expired, or does not say when it does.",
        TokenNotYetValid "token-not-yet-valid" "The token is not valid yet.",
        TokenBound "token-bound" "The token counts only together with its sender's key (`cnf`), which only the origin can ask for.",
        TokenClaim "token-claim" "The token lacks a claim that the route keys, or has one that cannot be part of a key: null, longer than 1 KiB, or with a number that a double cannot hold.",
        SwitchBypass "switch-bypass" "An operator has switched the route to `bypass` for a while: everything passes through.",
        Expectation "expectation" "The request expects an interim answer of its own.",
        OriginCondition "origin-condition" "The request has If-Match or If-Unmodified-Since, which only the origin can evaluate.",
        // Lookup.
        NoEntry "no-entry" "Nothing was stored under this key.",
        NoVariant "no-variant" "Something was stored under this key, but no variant that fits the request's headers.",
        PartStored "part-stored" "Only a part is stored, and the request asks for more.",
        CookieUndecided "cookie-undecided" "The request carries cookies, the lifetime comes from the rule or is a guess from Last-Modified, and nothing says whether cookies change the response: the rule has no `cookies`, and the origin says neither public, s-maxage nor Vary: Cookie. Set `cookies = []` if they change nothing, or list those that do.",
        Purged "purged" "A purge made what was stored unusable.",
        Settled "settled" "The response was fetched within the route's `settle` after a purge of it, so it may have come from a replica that lagged; that time is over, and it is not kept longer.",
        SoftPurged "soft-purged" "A soft purge made what was stored stale.",
        Unproven "unproven" "This instance cannot prove that it knows of every purge, so what is stored must be validated.",
        OlderThanStamp "older-than-stamp" "What is stored was fetched before the stamp that the request presents, so the origin is asked whether it still holds.",
        StampUnreached "stamp-unreached" "This instance has not reached the stamp that the request presents, or cannot compare it with what it knows, so the origin is asked.",
        SharedTier "shared-tier" "A fresh response was stored in the tier that all instances share.",
        // Reuse, RFC 9111 section 4.
        Fresh "fresh" "The stored response is fresh.",
        Expired "expired" "The stored response is older than its freshness lifetime.",
        NotAfter "not-after" "The stored response is from before a moment that the route names in `not_after`, which has come.",
        ResponseNoCache "response-no-cache" "The stored response says no-cache: it must be validated each time.",
        RequestNoCache "request-no-cache" "The request says no-cache.",
        RequestPragma "request-pragma" "The request says Pragma: no-cache and has no Cache-Control.",
        RequestNoStore "request-no-store" "The request says no-store.",
        RequestMaxAge "request-max-age" "The stored response is older than the request's max-age.",
        RequestMinFresh "request-min-fresh" "The stored response is not fresh for as long as the request's min-fresh.",
        RequestMaxStale "request-max-stale" "The request accepts this staleness with max-stale.",
        OnlyIfCached "only-if-cached" "The request says only-if-cached and nothing stored fits.",
        RefreshAhead "refresh-ahead" "The hit is late in the lifetime, so a refresh runs in the background.",
        StaleWhileRevalidate "stale-while-revalidate" "Stale, within stale-while-revalidate: served while a refresh runs.",
        StaleIfError "stale-if-error" "Stale, within stale-if-error: the origin failed.",
        StaleOnDisconnect "stale-on-disconnect" "Stale: the origin could not be reached.",
        SwitchStaleOnly "switch-stale-only" "An operator has switched the route to `stale-only` for a while: what is stored is served stale rather than validated.",
        SwitchFreeze "switch-freeze" "An operator has switched the route to `freeze` for a while: lifetimes do not run out.",
        // Storing, RFC 9111 section 3.
        Stored "stored" "The response was stored.",
        MethodNotStorable "method-not-storable" "Answers to this method are not stored.",
        ResponseNoStore "response-no-store" "The response says no-store.",
        ResponsePrivate "response-private" "The response says private.",
        SetCookie "set-cookie" "The response sets a cookie, and the route does not store such responses.",
        Authorized "authorization" "The request carries credentials (Authorization, or a field of its kind that is not part of the key), and the response does not allow sharing (public, s-maxage, must-revalidate).",
        VaryAny "vary-any" "The response says Vary: *.",
        VaryToken "vary-token" "The route keys claims of the token, and the response says Vary: Authorization: it is for one token alone.",
        TokenRefused "token-refused" "The origin refused the token (401), which says nothing of others that claim the same.",
        StatusNotUnderstood "status-not-understood" "must-understand is set and the status is not one that Larder understands.",
        StatusNotStorable "status-not-storable" "This status is never stored.",
        NoLifetime "no-lifetime" "Neither the response nor the route gives a lifetime, and there is no validator.",
        StatusWithoutTtl "status-without-ttl" "The route's `ttl` does not cover this status (it does 200, 203, 204, 206, 300, 301 and 308), and the origin gives no lifetime: name the status in `ttl_by_status` to cache such responses.",
        PartNotStorable "part-not-storable" "The partial response has no strong validator or no single valid Content-Range.",
        BodyTooLarge "body-too-large" "The body is larger than the route's max_body.",
        InFlightFull "in-flight-full" "What bodies under way hold has reached in_flight_bytes, or this one alone would take more than half of it.",
        BodyTruncated "body-truncated" "The body was cut short.",
        Overtaken "overtaken-by-purge" "A purge came while the response was being fetched.",
        TagsUnreadable "tags-unreadable" "A tag of the response (in a field, or from the route's template) cannot be stored as it is, so a purge might miss the response.",
        BodyTagsUnreadable "body-tags-unreadable" "The tags in the body (tags_from_body) could not all be read.",
        GraphqlErrors "graphql-errors" "The answer has errors, and the route does not store such answers.",
        GraphqlAnswerUnreadable "graphql-answer-unreadable" "The response is no whole answer to a GraphQL request with data, as JSON.",
        TypesUnreadable "types-unreadable" "The route tags by `types`, and an object of the answer has no `__typename` or lacks a field of its tag.",
        TypesRenamed "types-renamed" "The route tags by `types`, and the document gives `__typename` or a field of a tag to something else, by an alias or arguments.",
        GraphqlHint "graphql-hint" "The answer's hints in `extensions.cacheControl` give it no lifetime, or say that it is for one user.",
        Superseded "superseded" "What was confirmed had been evicted, purged or replaced meanwhile.",
        EntryTooLarge "entry-too-large" "The response is larger than the tier can hold.",
        // Coalescing.
        HeadOrRange "head-or-range" "A HEAD or a range is asked for on its own.",
        CoalesceWaitOver "coalesce-wait-over" "The shared fetch took longer than coalesce_wait.",
        LeaderGone "leader-gone" "The shared fetch ended without a response.",
        LeaderUncacheable "leader-uncacheable" "The response of the shared fetch may not be shared.",
        // The origin.
        MissLimit "miss-limit" "As many fetches of this route are under way as its miss_limit allows.",
        MaxRequests "max-requests" "As many requests are under way at these upstream servers as their max_requests allows.",
        UpstreamNoServer "upstream-no-server" "The pool that the route names has no upstream server.",
        UpstreamConnect "upstream-connect" "No connection to the upstream could be made.",
        UpstreamCertificate "upstream-certificate" "The upstream's certificate was not accepted; the log says why.",
        UpstreamTls "upstream-tls" "No TLS connection to the upstream could be made; the log says why.",
        UpstreamTlsAlert "upstream-tls-alert" "The upstream ended the TLS connection with an alert; the log says which.",
        UpstreamTimeout "upstream-timeout" "The upstream did not answer in time.",
        UpstreamClosed "upstream-closed" "The upstream closed the connection before it responded.",
        UpstreamInvalid "upstream-invalid" "The upstream's response is not valid HTTP.",
        UpstreamHeadTooLarge "upstream-head-too-large" "The upstream's response has a larger head, or more fields, than limits.upstream_header_bytes and limits.upstream_headers allow.",
        UpstreamErrorStatus "upstream-error-status" "The upstream answered with a server error.",
        CutOff "cut-off" "The exchange was ended before its answer: its client had left and too much went on without clients, or Larder was ending.",
        ClientBody "client-body" "The client's request body failed before its end.",
        ClientLeft "client-left" "The client left before the response.",
        Panicked "panicked" "Larder itself failed; the log says where.",
        Loop "loop" "The request has already passed through this instance.",
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn labels_are_unique_tokens() {
        let mut seen = HashSet::new();
        for reason in Reason::ALL {
            assert!(seen.insert(reason.label()), "{reason:?} repeats a label");
            assert!(reason.label().bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{reason:?}");
        }
    }
}
