//! `[jwt]`: which bearer tokens are believed, and where the keys are that they are signed by.

use super::problem::{Place, Problem};
use super::raw_jwt::RawJwt;
use super::resolve::Resolver;
use super::table::Placed;
use crate::jwks::{JwksSource, JwksUrl, JwtOptions};
use crate::rules::tokens::{KeySet, TokenTrust};
use crate::tls::authorities;
use crate::upstream::{ServerUrl, TlsFiles, TlsOptions};
use http::{HeaderValue, Uri};
use rustls::RootCertStore;
use std::net::IpAddr;
use std::time::Duration;

/// `leeway`
const LEEWAY_DEFAULT: Duration = Duration::from_secs(30);

/// The longest leeway: beyond it, nothing would be left of what `exp` means.
const LEEWAY_MAX: Duration = Duration::from_mins(10);

/// `refresh`
const REFRESH_DEFAULT: Duration = Duration::from_mins(10);

/// The shortest and the longest: a key that was taken back must not be believed for days.
const REFRESH: (Duration, Duration) = (Duration::from_secs(1), Duration::from_hours(24));

impl Resolver<'_> {
    pub(super) fn jwt(&mut self, raw: Option<Placed<RawJwt>>) -> Option<JwtOptions> {
        let Placed { value: raw, place } = raw?;
        let trust = self.token_trust(&raw, &place);
        let Some(jwks) = &raw.jwks else {
            self.missing(&place, "jwks", "jwks = \"https://id.example.com/.well-known/jwks.json\"");
            return None;
        };
        let is_url = jwks.value.contains("://");
        let source =
            if is_url { self.jwks_url(jwks, raw.ca_file.as_ref()) } else { self.jwks_file(jwks, &raw, &trust) };
        let refresh = self.timeout(raw.refresh.as_ref(), REFRESH_DEFAULT);
        if let Some(written) = raw.refresh.as_ref().filter(|_| !(REFRESH.0..=REFRESH.1).contains(&refresh)) {
            let hint = "keys are read at least once a day, and at most once a second";
            self.problems.error(&written.place, "no useful time between two readings", Some(hint));
        }
        Some(JwtOptions { source: source?, trust, refresh })
    }

    fn token_trust(&mut self, raw: &RawJwt, place: &Place) -> TokenTrust {
        let issuer = raw.issuer.as_ref().map(|issuer| issuer.value.clone()).unwrap_or_default();
        if issuer.is_empty() {
            self.missing(place, "issuer", "issuer = \"https://id.example.com\"");
        }
        let audience = raw.audience.iter().flat_map(|audience| &audience.value).map(|one| one.value.clone());
        let audience: Vec<String> = audience.collect();
        if audience.is_empty() || audience.iter().any(String::is_empty) {
            self.missing(place, "audience", "audience = [\"shop\"]");
        }
        let algorithms = raw.algorithms.iter().flat_map(|algorithms| &algorithms.value).map(|one| one.value.0);
        let algorithms: Vec<_> = algorithms.collect();
        if algorithms.is_empty() {
            self.missing(place, "algorithms", "algorithms = [\"RS256\"]");
        }
        let leeway = raw.leeway.as_ref().map_or(LEEWAY_DEFAULT, |leeway| leeway.value.0);
        if let Some(written) = raw.leeway.as_ref().filter(|leeway| leeway.value.0 > LEEWAY_MAX) {
            let hint = "clocks that are kept differ by seconds: at most \"10m\"";
            self.problems.error(&written.place, "expired tokens would be believed for too long", Some(hint));
        }
        TokenTrust { issuer, audience, algorithms, leeway }
    }

    /// What is there, but can't be read, has been noted already.
    fn missing(&mut self, place: &Place, key: &str, example: &str) {
        if !self.problems.has_errors_within(place) {
            self.problems.error(place, format!("`[jwt]` has no `{key}`"), Some(format!("write it: {example}")));
        }
    }

    /// A file must hold keys at once: nothing keeps it from being there.
    fn jwks_file(&mut self, written: &Placed<String>, raw: &RawJwt, trust: &TokenTrust) -> Option<JwksSource> {
        if let Some(file) = &raw.ca_file {
            self.problems.error(&file.place, "a `ca_file` is of no use for a file", Some("remove it"));
        }
        let path = self.folder.join(&written.value);
        if trust.algorithms.is_empty() {
            return None;
        }
        let read = JwksSource::text(&path).and_then(|text| Ok(KeySet::read(&text, &trust.algorithms)?));
        if let Err(error) = read {
            let hint = "name a file with a JSON Web Key Set (RFC 7517), {\"keys\": […]}, or a URL";
            self.problems.error(&written.place, format!("no keys in `{}`: {error}", written.value), Some(hint));
        }
        Some(JwksSource::File(path))
    }

    fn jwks_url(&mut self, written: &Placed<String>, ca_file: Option<&Placed<String>>) -> Option<JwksSource> {
        let parts = written.value.parse::<Uri>().ok().and_then(|url| {
            let (scheme, authority) = (url.scheme()?.clone(), url.authority()?.clone());
            let server: ServerUrl = format!("{scheme}://{authority}").parse().ok()?;
            Some((server, HeaderValue::from_str(authority.as_str()).ok()?, url.path_and_query()?.clone()))
        });
        let Some((server, host, path)) = parts else {
            let hint = "write \"https://host/path\", without a user";
            self.problems.error(&written.place, format!("`{}` is not the URL of a key set", written.value), Some(hint));
            return None;
        };
        let is_here = server.host() == "localhost" || server.host().parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        if !server.is_secure() && !is_here {
            let message = "without TLS, anyone on the way can say whose tokens are believed";
            self.problems.push(Problem::warning(&written.place, message, "write https://"));
        }
        if let Some(file) = ca_file.filter(|_| !server.is_secure()) {
            self.problems.error(
                &file.place,
                "a `ca_file` is of no use without TLS",
                Some("write https://, or remove it"),
            );
        }
        let tls = server.is_secure().then(|| match ca_file {
            Some(file) => {
                let roots = self.usable(file, authorities).unwrap_or_else(RootCertStore::empty);
                let files = TlsFiles { authorities: Some(self.folder.join(&file.value)), identity: None };
                TlsOptions::new(roots, None, files, None)
            }
            None => TlsOptions::system(),
        });
        Some(JwksSource::Url(Box::new(JwksUrl { server, host, path, tls })))
    }
}
