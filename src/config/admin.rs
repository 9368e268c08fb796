//! `[admin]`, resolved.

use super::ADMIN_TOKEN_VARIABLE;
use super::admin_scope::May;
use super::problem::Place;
use super::proxy_file::RawAdmin;
use super::raw_admin::{RawAdminTls, RawAdminToken};
use super::resolve::Resolver;
use super::table::Placed;
use super::values::Texts;
use crate::proxy::tls::{IdentityFiles, MinVersion, TlsOptions};
use crate::scope::Tag;
use crate::secret;
use crate::tls::authorities;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use ipnet::IpNet;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The names that calls without a named token have in the audit log.
pub(crate) const NAME_OF_THE_TOKEN: &str = "token";
pub(crate) const NAME_OF_ANYONE: &str = "anyone";
pub(crate) const NAME_OF_ADDRESSES: &str = "address";

/// How the admin API is served.
#[derive(Debug, Clone)]
pub struct AdminOptions {
    /// `listen`
    pub listen: SocketAddr,
    /// From `token_file` or `LARDER_ADMIN_TOKEN`; none only on loopback.
    pub token: Option<String>,
    /// Where that one is read again.
    pub(crate) token_file: Option<PathBuf>,
    /// `hosts`: names, without port, that a call's Host may have besides the listener's own address and loopback.
    pub hosts: Vec<String>,
    /// `tokens`
    pub(crate) tokens: Vec<NamedToken>,
    /// `tls`
    pub(crate) tls: Option<TlsOptions>,
    /// `purge_from`: from where the purges that other caches know are taken without a token.
    pub(crate) purge_from: Vec<IpNet>,
}

impl AdminOptions {
    /// Listens here, for anyone.
    #[must_use]
    pub const fn on(listen: SocketAddr) -> Self {
        Self {
            listen,
            token: None,
            token_file: None,
            hosts: Vec::new(),
            tokens: Vec::new(),
            tls: None,
            purge_from: Vec::new(),
        }
    }
}

/// One of `tokens`.
#[derive(Debug, Clone)]
pub(crate) struct NamedToken {
    /// `name`
    pub(crate) name: String,
    /// `file`
    pub(crate) file: PathBuf,
    /// What was in it.
    pub(crate) token: String,
    /// `may`
    pub(crate) may: Vec<May>,
    /// `tags`; `None` if it may purge whatever there is.
    pub(crate) tags: Option<GlobSet>,
}

/// The tags that these patterns are for.
pub(crate) fn tag_patterns<'t>(patterns: impl Iterator<Item = &'t str>) -> Result<GlobSet, globset::Error> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        // Only `*` means something: a tag may hold whatever else globs know.
        let literal =
            |c: char| if matches!(c, '?' | '[' | ']' | '{' | '}' | '\\' | '!') { format!("\\{c}") } else { c.into() };
        let glob = pattern.chars().map(literal).collect::<String>();
        set.add(GlobBuilder::new(&glob).backslash_escape(true).literal_separator(false).build()?);
    }
    set.build()
}

impl Resolver<'_> {
    pub(super) fn admin(&mut self, raw: RawAdmin, token: Option<String>) -> AdminOptions {
        let RawAdmin { listen, token_file, hosts, tokens, tls, purge_from } = raw;
        let place = listen.as_ref().map(|listen| listen.place.clone());
        let errors_before = self.problems.len();
        let (token, token_file) = match (token, token_file) {
            (Some(token), _) => (self.token(token.trim(), &Place::argument(ADMIN_TOKEN_VARIABLE, "")), None),
            (None, Some(file)) => (self.token_of_file(&file), Some(self.folder.join(&file.value))),
            (None, None) => (None, None),
        };
        let tokens = self.named_tokens(tokens.map(|tokens| tokens.value).unwrap_or_default(), token.as_deref());
        let listen = self.address(listen, ([127, 0, 0, 1], 9180));
        let is_open = token.is_none() && tokens.is_empty();
        // A token that was given but can't be used is a problem of its own.
        if let (Some(place), true, false) = (place, is_open, listen.ip().is_loopback())
            && self.problems.len() == errors_before
        {
            let message = format!("the admin API would be open to everyone who reaches `{listen}`");
            let hint = format!("set {ADMIN_TOKEN_VARIABLE} or `admin.token_file`, or listen on 127.0.0.1");
            self.problems.error(&place, message, Some(hint));
        }
        let hosts = hosts.map(|hosts| self.admin_hosts(hosts.value)).unwrap_or_default();
        let purge_from = purge_from.map(|networks| self.networks(&networks.value)).unwrap_or_default();
        let tls = tls.and_then(|tls| self.admin_tls(&tls));
        AdminOptions { listen, token, token_file, hosts, tokens, tls, purge_from }
    }

    fn admin_hosts(&mut self, hosts: Texts) -> Vec<String> {
        let is_name = |name: &str| {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
        };
        let mut names = Vec::new();
        for host in hosts {
            if is_name(&host.value) {
                names.push(host.value);
            } else {
                let message = format!("`{}` is not a host name", host.value);
                self.problems.error(&host.place, message, Some("write the name alone, without scheme and port"));
            }
        }
        names
    }

    fn named_tokens(&mut self, raw: Vec<Placed<RawAdminToken>>, token: Option<&str>) -> Vec<NamedToken> {
        let mut tokens: Vec<NamedToken> = Vec::new();
        for Placed { value, place } in raw {
            let Some(read) = self.named_token(value, &place) else { continue };
            if tokens.iter().any(|known| known.name == read.name) {
                self.problems.error(&place, format!("two tokens are called `{}`", read.name), None::<String>);
            } else if token == Some(&read.token) || tokens.iter().any(|known| known.token == read.token) {
                let hint = "give each name a token of its own: `openssl rand -hex 32`";
                self.problems.error(&place, "another name has the same token", Some(hint));
            } else {
                tokens.push(read);
            }
        }
        tokens
    }

    fn named_token(&mut self, raw: RawAdminToken, place: &Place) -> Option<NamedToken> {
        let RawAdminToken { name, file, may, tags } = raw;
        let (Some(name), Some(file), Some(may)) = (name, file, may) else {
            if !self.problems.has_errors_within(place) {
                let hint = "write { name = \"deploy\", file = \"tokens/deploy\", may = [\"purge\"] }";
                self.problems.error(place, "a token wants `name`, `file` and `may`", Some(hint));
            }
            return None;
        };
        let is_fit = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
        let is_taken = [NAME_OF_THE_TOKEN, NAME_OF_ANYONE, NAME_OF_ADDRESSES].contains(&name.value.as_str());
        if name.value.is_empty() || name.value.len() > 100 || !name.value.chars().all(is_fit) || is_taken {
            let hint = "a name is at most 100 of a-z, 0-9, `-`, `_` and `.`; `token`, `anyone` and `address` are taken";
            self.problems.error(&name.place, format!("`{}` is not a name for a token", name.value), Some(hint));
        }
        let may_place = may.place;
        let may: Vec<May> = may.value.iter().map(|word| word.value.0).collect();
        if may.is_empty() && !self.problems.has_errors_within(&may_place) {
            self.problems.error(&may_place, "the token may do nothing", Some("name a scope: may = [\"purge\"]"));
        }
        let tags = tags.and_then(|tags| self.tags_of_token(&tags, &may));
        let token = self.token_of_file(&file)?;
        Some(NamedToken { name: name.value, file: self.folder.join(&file.value), token, may, tags })
    }

    /// Tags bind what a token may purge. What an event purges is the rules' to say, so no tags can bind that.
    fn tags_of_token(&mut self, tags: &Placed<Texts>, may: &[May]) -> Option<GlobSet> {
        if may.contains(&May::Events) || may.contains(&May::All) || !may.contains(&May::Purge) {
            let hint = "list \"purge\", and neither \"events\" nor \"all\", or leave `tags` out";
            self.problems.error(&tags.place, "`tags` binds purges alone", Some(hint));
        }
        for tag in &tags.value {
            if let Err(error) = Tag::new(&tag.value) {
                self.problems.error(&tag.place, error.to_string(), None::<String>);
            }
        }
        match tag_patterns(tags.value.iter().map(|tag| tag.value.as_str())) {
            Ok(patterns) => Some(patterns),
            Err(error) => {
                self.problems.error(&tags.place, error.to_string(), None::<String>);
                None
            }
        }
    }

    fn admin_tls(&mut self, raw: &Placed<RawAdminTls>) -> Option<TlsOptions> {
        let RawAdminTls { certificate, key, client_ca } = &raw.value;
        let Some(certificate) = certificate else {
            if !self.problems.has_errors_within(&raw.place) {
                let hint = "write tls = { certificate = \"tls/admin.pem\", key = \"tls/admin.key\" }";
                self.problems.error(&raw.place, "`admin.tls` has no certificate", Some(hint));
            }
            return None;
        };
        let identities: Vec<IdentityFiles> = vec![self.identity(certificate, key.as_ref())];
        let client_ca = client_ca.as_ref().map(|file| {
            let path = self.folder.join(&file.value);
            if let Err(failure) = authorities(&path) {
                self.file_failure(file, &failure);
            }
            path
        });
        Some(TlsOptions { identities, min_version: MinVersion::Tls12, client_ca })
    }

    fn token_of_file(&mut self, file: &Placed<String>) -> Option<String> {
        match secret::read(&self.folder.join(&file.value)) {
            Ok(text) => self.token(text.trim(), &file.place),
            Err(error) => {
                self.problems.error(&file.place, format!("cannot read the token: {error}"), None::<String>);
                None
            }
        }
    }

    fn token(&mut self, token: &str, place: &Place) -> Option<String> {
        if !secret::is_token(token) {
            let hint = "a token is a line of visible ASCII characters, e.g. from `openssl rand -hex 32`";
            self.problems.error(place, "the admin token is empty or cannot stand in a header", Some(hint));
        }
        secret::is_token(token).then(|| token.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_tag_in_which_a_star_stands_for_anything() {
        for (pattern, tag, expected) in [
            ("product:*", "product:42", true),
            ("product:*", "product:", true),
            ("product:*", "product:a/b", true),
            ("product:*", "products", false),
            ("product:*", "my product:42", false),
            ("a?[b]{c}\\", "a?[b]{c}\\", true),
            ("a?", "ab", false),
            ("[ab]", "a", false),
            ("*", "anything at all", true),
        ] {
            let patterns = tag_patterns([pattern].into_iter()).unwrap();
            assert_eq!(patterns.is_match(tag), expected, "{pattern} {tag}");
        }
    }
}
