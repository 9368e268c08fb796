//! From the raw `[[cdn]]` to its options.

use super::problem::Place;
use super::raw_cdn::{CdnKind, RawCdn, RawCdnCall};
use super::resolve::Resolver;
use super::table::Placed;
use crate::callout::believing;
use crate::cdn::kind::{CallTemplate, HttpKind, Kind};
use crate::cdn::{Able, CdnOptions, Hole, Template};
use crate::rules::warm::Rate;
use crate::tls::authorities;
use crate::upstream::system_roots;
use http::uri::Authority;
use http::{HeaderName, Method, Uri};
use std::sync::Arc;
use std::time::Duration;

/// `timeout`
const TIMEOUT: Duration = Duration::from_secs(10);

/// `repeat_after`
const REPEAT_AFTER: Duration = Duration::from_secs(5);

/// The longest for which purges are kept to be made again.
const REPEAT_AFTER_MAX: Duration = Duration::from_mins(10);

/// How many things a call by a template names, unless it says.
const BATCH: usize = 30;

const FASTLY_API: &str = "https://api.fastly.com";
const CLOUDFLARE_API: &str = "https://api.cloudflare.com/client/v4";

impl Resolver<'_> {
    /// `[[cdn]]`
    pub(super) fn cdns(&mut self, raw: Option<Placed<Vec<Placed<RawCdn>>>>) -> Vec<CdnOptions> {
        let mut cdns: Vec<CdnOptions> = Vec::new();
        for raw in raw.map(|raw| raw.value).unwrap_or_default() {
            let place = raw.place.clone();
            let Some(cdn) = self.cdn(raw) else { continue };
            if cdns.iter().any(|known| known.name == cdn.name) {
                self.problems.error(&place, format!("two CDNs are called `{}`", cdn.name), None::<String>);
            }
            cdns.push(cdn);
        }
        cdns
    }

    fn cdn(&mut self, Placed { value: raw, place }: Placed<RawCdn>) -> Option<CdnOptions> {
        let (Some(name), Some(kind)) = (&raw.name, &raw.kind) else {
            if !self.problems.has_errors_within(&place) {
                let hint = "write name = \"edge\" and kind = \"fastly\"";
                self.problems.error(&place, "a CDN wants `name` and `kind`", Some(hint));
            }
            return None;
        };
        let is_fit = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
        if name.value.is_empty() || name.value.len() > 64 || !name.value.chars().all(is_fit) {
            let hint = "a name is at most 64 of a-z, 0-9, `-` and `_`";
            self.problems.error(&name.place, format!("`{}` is not a name for a CDN", name.value), Some(hint));
        }
        self.refuse_keys_of_others(kind.value.0, &raw);
        let resolved = self.kind(kind.value.0, &raw, &place);
        let token_file = raw.token_file.as_ref().map(|file| {
            let path = self.folder.join(&file.value);
            if crate::secret::token_in(&path).is_none() {
                let hint = "a token is a line of visible ASCII characters";
                self.problems.error(&file.place, "the file holds no token that can be read", Some(hint));
            }
            path
        });
        let rate = raw.rate.as_ref().and_then(|written| match Rate::parse(&written.value) {
            Ok(rate) => Some(rate),
            Err(error) => {
                self.problems.error(&written.place, error.to_string(), None::<String>);
                None
            }
        });
        let timeout = self.timeout(raw.timeout.as_ref(), TIMEOUT);
        let repeat_after = raw.repeat_after.as_ref().map_or(REPEAT_AFTER, |after| after.value.0);
        if let Some(written) = raw.repeat_after.as_ref().filter(|_| repeat_after > REPEAT_AFTER_MAX) {
            let hint = "write at most 10m";
            self.problems.error(&written.place, "too long a time", Some(hint));
        }
        let hosts = self.cdn_hosts(raw.hosts.as_ref());
        let roots = match &raw.ca_file {
            Some(file) => self.usable(file, authorities)?,
            None => system_roots(),
        };
        let kind = resolved?;
        if kind.wants_token() && token_file.is_none() && !self.problems.has_errors_within(&place) {
            let hint = "write token_file = \"edge.token\"";
            self.problems.error(&place, "this CDN's API wants a token", Some(hint));
        }
        let trust = believing(roots).ok().map(|builder| Arc::new(builder.with_no_client_auth()));
        Some(CdnOptions { name: name.value.clone(), kind, hosts, token_file, timeout, repeat_after, rate, trust })
    }

    fn cdn_hosts(&mut self, hosts: Option<&Placed<Vec<Placed<String>>>>) -> Vec<String> {
        let mut names = Vec::new();
        for host in hosts.map(|hosts| hosts.value.as_slice()).unwrap_or_default() {
            match host.value.parse::<Authority>() {
                Ok(_) if !host.value.contains('@') => names.push(host.value.to_ascii_lowercase()),
                _ => {
                    let hint = "write the name alone: \"shop.example.com\"";
                    self.problems.error(&host.place, format!("`{}` is no host", host.value), Some(hint));
                }
            }
        }
        names
    }

    /// A key of another kind would be accepted and not obeyed.
    fn refuse_keys_of_others(&mut self, kind: CdnKind, raw: &RawCdn) {
        use CdnKind::{Cloudflare, Fastly, Http, Varnish};
        fn at<T>(key: Option<&Placed<T>>) -> Option<Place> {
            key.map(|key| key.place.clone())
        }
        let keys: [(&str, Option<Place>, &[CdnKind]); 10] = [
            ("service", at(raw.service.as_ref()), &[Fastly]),
            ("zone", at(raw.zone.as_ref()), &[Cloudflare]),
            ("servers", at(raw.servers.as_ref()), &[Varnish]),
            ("api", at(raw.api.as_ref()), &[Fastly, Cloudflare]),
            ("knows_tags", at(raw.knows_tags.as_ref()), &[Fastly, Cloudflare, Varnish]),
            ("headers", at(raw.headers.as_ref()), &[Http]),
            ("tags", at(raw.tags.as_ref()), &[Http]),
            ("urls", at(raw.urls.as_ref()), &[Http]),
            ("prefixes", at(raw.prefixes.as_ref()), &[Http]),
            ("everything", at(raw.everything.as_ref()), &[Http]),
        ];
        for (key, place, kinds) in keys {
            if let Some(place) = place.filter(|_| !kinds.contains(&kind)) {
                self.problems.error(&place, format!("`{key}` means nothing for this kind"), None::<String>);
            }
        }
    }

    fn kind(&mut self, kind: CdnKind, raw: &RawCdn, place: &Place) -> Option<Kind> {
        let tags = match raw.knows_tags {
            Some(Placed { value: true, .. }) => Able::Yes,
            _ => Able::No,
        };
        match kind {
            CdnKind::Fastly => {
                let service = self.segment(raw.service.as_ref(), "service", place)?;
                Some(Kind::Fastly { api: self.base(raw.api.as_ref(), FASTLY_API)?, service, tags })
            }
            CdnKind::Cloudflare => {
                let zone = self.segment(raw.zone.as_ref(), "zone", place)?;
                Some(Kind::Cloudflare { api: self.base(raw.api.as_ref(), CLOUDFLARE_API)?, zone, tags })
            }
            CdnKind::Varnish => {
                let servers = raw.servers.as_ref().map(|servers| servers.value.as_slice()).unwrap_or_default();
                if servers.is_empty() && !self.problems.has_errors_within(place) {
                    let hint = "write servers = [\"http://varnish-1:6081\"]";
                    self.problems.error(place, "the CDN lacks `servers`", Some(hint));
                }
                let servers = servers.iter().map(|server| self.base(Some(server), "")).collect::<Option<Vec<_>>>()?;
                Some(Kind::Varnish { servers, tags })
            }
            CdnKind::Http => self.http_kind(raw, place).map(|kind| Kind::Http(Box::new(kind))),
        }
    }

    /// What becomes a part of a path.
    fn segment(&mut self, written: Option<&Placed<String>>, key: &str, place: &Place) -> Option<String> {
        let Some(written) = written else {
            if !self.problems.has_errors_within(place) {
                self.problems.error(place, format!("the CDN lacks `{key}`"), Some(format!("write {key} = \"…\"")));
            }
            return None;
        };
        if written.value.is_empty() || !written.value.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            let hint = "write its letters and digits";
            self.problems.error(&written.place, format!("`{}` is no id", written.value), Some(hint));
        }
        Some(written.value.clone())
    }

    /// The URL that paths are put behind.
    fn base(&mut self, written: Option<&Placed<String>>, usual: &str) -> Option<String> {
        let Some(written) = written else { return Some(usual.to_owned()) };
        let url = written.value.parse::<Uri>().ok();
        let is_fit = url.is_some_and(|url| {
            let authority = url.authority().map(Authority::as_str);
            matches!(url.scheme_str(), Some("http" | "https"))
                && url.query().is_none()
                && authority.is_some_and(|authority| !authority.contains('@'))
        });
        if !is_fit {
            let hint = "write scheme, host and port: \"http://varnish-1:6081\"";
            self.problems.error(&written.place, format!("`{}` is not the URL of an API", written.value), Some(hint));
            return None;
        }
        Some(written.value.trim_end_matches('/').to_owned())
    }

    fn http_kind(&mut self, raw: &RawCdn, place: &Place) -> Option<HttpKind> {
        let mut fields = Vec::new();
        for (name, value) in raw.headers.iter().flat_map(|headers| &headers.value.0) {
            let template = self.template(value, &[Hole::Token, Hole::Soft]);
            match name.value.parse::<HeaderName>() {
                Ok(name) => fields.extend(template.map(|template| (name, template))),
                Err(_) => {
                    self.problems.error(&name.place, format!("`{}` is no field name", name.value), None::<String>);
                }
            }
        }
        let Some(everything) = &raw.everything else {
            if !self.problems.has_errors_within(place) {
                let hint = "what can't be asked for otherwise is purged by it: everything = { url = \"https://…\" }";
                self.problems.error(place, "the CDN lacks `everything`", Some(hint));
            }
            return None;
        };
        let everything = self.call(everything, &[Hole::Soft]);
        let of_address = |one, many| [one, many, Hole::Host, Hole::Path, Hole::Soft];
        let tags = raw.tags.as_ref().and_then(|call| self.call(call, &[Hole::Tag, Hole::Tags, Hole::Soft]));
        let urls = raw.urls.as_ref().and_then(|call| self.call(call, &of_address(Hole::Url, Hole::Urls)));
        let prefixes =
            raw.prefixes.as_ref().and_then(|call| self.call(call, &of_address(Hole::Prefix, Hole::Prefixes)));
        Some(HttpKind { fields, tags, urls, prefixes, everything: everything? })
    }

    fn template(&mut self, written: &Placed<String>, allowed: &[Hole]) -> Option<Template> {
        Template::parse(&written.value, allowed)
            .map_err(|error| {
                let known: Vec<String> = allowed.iter().map(|hole| format!("{{{}}}", hole.name())).collect();
                self.problems.error(
                    &written.place,
                    error.to_string(),
                    Some(format!("known here: {}", known.join(", "))),
                );
            })
            .ok()
    }

    fn call(&mut self, raw: &Placed<RawCdnCall>, allowed: &[Hole]) -> Option<CallTemplate> {
        let RawCdnCall { method, url, body, batch } = &raw.value;
        let Some(written) = url else {
            if !self.problems.has_errors_within(&raw.place) {
                self.problems.error(&raw.place, "the call lacks `url`", Some("write url = \"https://…\""));
            }
            return None;
        };
        let single: Vec<Hole> = allowed.iter().copied().filter(|hole| !hole.is_list()).collect();
        let url = self.template(written, &single);
        if !["http://", "https://"].iter().any(|scheme| written.value.starts_with(scheme)) {
            let hint = "write http://host/path or https://host/path";
            self.problems.error(&written.place, format!("`{}` is not the URL of a call", written.value), Some(hint));
        }
        let body_template = body.as_ref().and_then(|body| self.template(body, allowed));
        let holes = || url.iter().chain(&body_template).flat_map(Template::holes);
        let (has_list, has_single) =
            (holes().any(Hole::is_list), holes().any(|hole| !hole.is_list() && hole != Hole::Soft));
        if allowed != [Hole::Soft] && !has_list && !has_single && !self.problems.has_errors_within(&raw.place) {
            let known: Vec<String> = allowed.iter().map(|hole| format!("{{{}}}", hole.name())).collect();
            let hint = format!("name it by one of {}", known.join(", "));
            self.problems.error(&raw.place, "the call doesn't say what is purged", Some(hint));
        }
        if has_list && has_single {
            let hint = "a call names either one thing or a list of them";
            self.problems.error(&raw.place, "the call names one thing and a list", Some(hint));
        }
        if let Some(batch) = batch.as_ref().filter(|_| !has_list) {
            let hint = "name a list in the body: {tags}, {urls} or {prefixes}";
            self.problems.error(&batch.place, "the call names one thing at a time", Some(hint));
        }
        let batch = if has_list { self.number(batch.as_ref(), BATCH, 1..=10_000) } else { 1 };
        let method = method.as_ref().map_or(Method::POST, |method| method.value.0.clone());
        Some(CallTemplate { method, url: url?, body: body_template, batch })
    }
}
