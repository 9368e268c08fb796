//! A GraphQL request over HTTP: which operation of which document, with which variables.

use super::document::{Document, OperationKind};
use crate::semantics::canonical_json::{Member, NotCanonical, canonical_members};
use crate::semantics::reason::Reason;
use percent_encoding::percent_decode_str;
use std::borrow::Cow;
use std::sync::Arc;

/// The SHA-256 of a document's text, by which clients name one that they have sent before.
pub(crate) type TextHash = [u8; 32];

/// Whether a request may change something at the origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It reads.
    Reads,
    /// It writes, or nobody can tell.
    MayWrite,
}

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Operation {
    /// The name of the operation, if it has one.
    pub(crate) name: Option<Box<str>>,
    /// What it does.
    pub(crate) kind: OperationKind,
    /// The document that it is part of.
    pub(crate) document: Arc<Document>,
    /// Of all that makes the answer: document, operation, variables, and other members of the request.
    pub(crate) digest: blake3::Hash,
    /// The hash that the request gives its document, where that is right.
    pub(crate) text_hash: Option<TextHash>,
}

/// It can't be told, or not in one way only, what a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Untold {
    /// Why.
    pub(crate) why: Reason,
    /// What it may do all the same.
    pub(crate) effect: Effect,
}

/// Which operation a request asks for, or why that can't be told.
pub(crate) type Told = Result<Arc<Operation>, Untold>;

/// What a request may do.
pub(crate) fn effect_of(told: &Told) -> Effect {
    told.as_ref().map_or_else(|untold| untold.effect, |operation| operation.effect())
}

impl Untold {
    /// For this reason, by which it may be anything.
    pub(crate) const fn anything(why: Reason) -> Self {
        Self { why, effect: Effect::MayWrite }
    }
}

impl From<NotCanonical> for Untold {
    fn from(why: NotCanonical) -> Self {
        Self::anything(match Reason::from(why) {
            Reason::RequestBodyAmbiguous => Reason::RequestBodyAmbiguous,
            _ => Reason::GraphqlUnreadable,
        })
    }
}

const UNREADABLE: Untold = Untold::anything(Reason::GraphqlUnreadable);

impl Operation {
    /// What a body of JSON asks for. `known` has the document of a hash.
    ///
    /// # Errors
    /// Where that can't be told.
    pub(crate) fn of_body(text: &[u8], known: impl Fn(&TextHash) -> Option<Arc<Document>>) -> Result<Self, Untold> {
        if text.trim_ascii_start().starts_with(b"[") {
            return Err(Untold::anything(Reason::GraphqlBatch));
        }
        Parameters::of_members(canonical_members(text)?)?.operation(known)
    }

    /// What the query of a URL asks for.
    ///
    /// # Errors
    /// Where that can't be told.
    pub(crate) fn of_query(query: &str, known: impl Fn(&TextHash) -> Option<Arc<Document>>) -> Result<Self, Untold> {
        Parameters::of_query(query)?.operation(known)
    }

    /// Why it is never answered from the cache, if so.
    pub(crate) const fn why_not_cached(&self) -> Option<Reason> {
        match self.kind {
            OperationKind::Query => None,
            OperationKind::Mutation => Some(Reason::GraphqlMutation),
            OperationKind::Subscription => Some(Reason::GraphqlSubscription),
        }
    }

    /// Whether all that it asks for are fields of the root that `selects` takes, and `__typename`.
    pub(crate) fn asks_only_for(&self, selects: impl Fn(&str) -> bool) -> bool {
        let fields = self.document.choose(self.name.as_deref()).and_then(|chosen| chosen.root_fields.as_ref());
        fields.is_some_and(|fields| fields.iter().all(|field| **field == *"__typename" || selects(field)))
    }

    /// Whether it may change something.
    pub(crate) const fn effect(&self) -> Effect {
        match self.kind {
            OperationKind::Query | OperationKind::Subscription => Effect::Reads,
            OperationKind::Mutation => Effect::MayWrite,
        }
    }
}

/// The parameters of a request (GraphQL over HTTP section 5).
#[derive(Debug, Default)]
struct Parameters {
    text: Option<String>,
    operation_name: Option<String>,
    text_hash: Option<TextHash>,
    /// Names and canonical values of the other extensions.
    extensions: Vec<(String, Vec<u8>)>,
    /// And of all that counts besides.
    rest: Vec<(String, Vec<u8>)>,
}

impl Parameters {
    fn of_members(members: Vec<Member<'_>>) -> Result<Self, Untold> {
        let mut parameters = Self::default();
        for (name, value) in members {
            match (&*name, &*value) {
                ("query" | "operationName" | "variables" | "extensions", b"null") | ("variables", b"{}") => {}
                ("query", _) => parameters.text = Some(string(&value)?),
                ("operationName", _) => parameters.operation_name = Some(string(&value)?),
                ("extensions", _) => parameters.take_extensions(&value)?,
                ("variables", value) if !value.starts_with(b"{") => return Err(UNREADABLE),
                _ => parameters.rest.push((name.into_owned(), value)),
            }
        }
        Ok(parameters)
    }

    fn of_query(query: &str) -> Result<Self, Untold> {
        const NAMES: [&str; 4] = ["query", "operationName", "variables", "extensions"];
        let mut members: Vec<Member<'_>> = Vec::new();
        for written in query.split('&') {
            let (name, value) = written.split_once('=').unwrap_or((written, ""));
            let (name, value) = (decoded(name)?, decoded(value)?);
            if !NAMES.contains(&&*name) || value.is_empty() {
                // The rest of a URL is in the key as it is.
                continue;
            }
            if members.iter().any(|(known, _)| *known == name) {
                return Err(Untold::anything(Reason::RequestBodyAmbiguous));
            }
            let value = match &*name {
                "query" | "operationName" => serde_json::to_vec(&*value).map_err(|_| UNREADABLE)?,
                _ => crate::semantics::canonical_json::canonical_json(value.as_bytes())?,
            };
            members.push((Cow::Owned(name.into_owned()), value));
        }
        Self::of_members(members)
    }

    fn take_extensions(&mut self, value: &[u8]) -> Result<(), Untold> {
        for (name, value) in canonical_members(value)? {
            match (&*name, &*value) {
                ("persistedQuery", b"null") => {}
                ("persistedQuery", value) => self.text_hash = Some(text_hash(value)?),
                _ => self.extensions.push((name.into_owned(), value)),
            }
        }
        Ok(())
    }

    fn operation(self, known: impl Fn(&TextHash) -> Option<Arc<Document>>) -> Result<Operation, Untold> {
        let document = match (&self.text, &self.text_hash) {
            (None, None) => return Err(UNREADABLE),
            (None, Some(hash)) => known(hash).ok_or(Untold::anything(Reason::GraphqlHashUnknown))?,
            (Some(text), hash) => {
                let is_right = |hash: &TextHash| {
                    ring::digest::digest(&ring::digest::SHA256, text.as_bytes()).as_ref() == hash.as_slice()
                };
                if !hash.as_ref().is_none_or(is_right) {
                    return Err(Untold::anything(Reason::GraphqlHashMismatch));
                }
                Arc::new(Document::parse(text).map_err(|_| UNREADABLE)?)
            }
        };
        let Some(chosen) = document.choose(self.operation_name.as_deref()) else {
            // Some servers take the only operation, or the first, for one of another name.
            let effect = if document.has_mutation() { Effect::MayWrite } else { Effect::Reads };
            return Err(Untold { why: Reason::GraphqlOperationUnknown, effect });
        };
        let (name, kind) = (chosen.name.clone(), chosen.kind);
        let digest = self.digest(&document, name.as_deref());
        Ok(Operation { name, kind, document, digest, text_hash: self.text_hash })
    }

    fn digest(&self, document: &Document, name: Option<&str>) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(document.digest().as_bytes());
        hasher.update(&(self.extensions.len() as u64).to_le_bytes());
        let members = self.extensions.iter().chain(&self.rest);
        let members = members.flat_map(|(name, value)| [name.as_bytes(), value.as_slice()]);
        for part in std::iter::once(name.unwrap_or_default().as_bytes()).chain(members) {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
        }
        hasher.finalize()
    }
}

/// A parameter of a URL as servers read it: `+` is a space, percent-encodings are decoded.
fn decoded(written: &str) -> Result<Cow<'_, str>, Untold> {
    if !written.contains(['%', '+']) {
        return Ok(Cow::Borrowed(written));
    }
    let written = written.replace('+', " ");
    let decoded = percent_decode_str(&written).decode_utf8().map_err(|_| UNREADABLE)?;
    Ok(Cow::Owned(decoded.into_owned()))
}

fn string(value: &[u8]) -> Result<String, Untold> {
    serde_json::from_slice(value).map_err(|_| UNREADABLE)
}

/// The hash in `extensions.persistedQuery`, version 1.
fn text_hash(value: &[u8]) -> Result<TextHash, Untold> {
    let members = canonical_members(value)?;
    let member = |wanted: &str| members.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_slice());
    if member("version") != Some(b"1") {
        return Err(UNREADABLE);
    }
    let hash = string(member("sha256Hash").ok_or(UNREADABLE)?)?;
    let mut bytes = TextHash::default();
    if hash.len() != 2 * bytes.len() || !hash.is_ascii() {
        return Err(UNREADABLE);
    }
    for (place, byte) in bytes.iter_mut().enumerate() {
        let digits = hash.get(2 * place..2 * place + 2).ok_or(UNREADABLE)?;
        let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        *byte = u8::from_str_radix(digits, 16).ok().filter(|_| is_hex).ok_or(UNREADABLE)?;
    }
    Ok(bytes)
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
