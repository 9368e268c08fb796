//! Who calls, and what they may do: the one token that may do all, and those with names, scopes and tags.
//!
//! The files of tokens are read again while running, so that a token is replaced or withdrawn without a restart: from a
//! file that is gone or empty nobody is let in.

use super::problem::Problem;
use crate::config::{AdminOptions, May, NAME_OF_ADDRESSES, NAME_OF_ANYONE, NAME_OF_THE_TOKEN};
use crate::secret;
use axum::http::StatusCode;
use globset::GlobSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use subtle::ConstantTimeEq;

/// How long a token that was read counts before its file is read again.
const READ_EVERY: Duration = Duration::from_secs(1);

/// Who calls.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    name: String,
    may: Vec<May>,
    tags: Option<GlobSet>,
}

impl Caller {
    pub(super) fn of_all(name: &str) -> Self {
        Self { name: name.to_owned(), may: vec![May::All], tags: None }
    }

    /// The name for the audit log.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether it may make calls of this kind.
    pub(super) fn check(&self, kind: May) -> Result<(), Problem> {
        if self.may.contains(&May::All) || self.may.contains(&kind) {
            return Ok(());
        }
        let (name, kind) = (&self.name, kind.label());
        Err(Problem::new(StatusCode::FORBIDDEN, format!("the token `{name}` lacks the scope `{kind}`"))
            .hint(format!("[admin] tokens gives it: may = [\"{kind}\"]")))
    }

    /// Whether it may purge what it names: tags, or (`None`) anything else.
    pub(super) fn check_purge(&self, field: &str, tag: Option<&str>) -> Result<(), Problem> {
        let Some(tags) = &self.tags else { return Ok(()) };
        if tag.is_some_and(|tag| tags.is_match(tag)) {
            return Ok(());
        }
        let detail = format!("the token `{}` may purge the tags of its `tags` only", self.name);
        Err(Problem { field: Some(field.to_owned()), ..Problem::new(StatusCode::FORBIDDEN, detail) })
    }
}

/// A token as it is known now.
#[derive(Debug)]
struct Known {
    /// Hashed, so that comparing takes the same time for texts of any length. None while its file holds none.
    token: Option<blake3::Hash>,
    file: Option<PathBuf>,
    caller: Arc<Caller>,
}

/// All tokens.
#[derive(Debug)]
pub(super) struct Callers {
    anyone: Arc<Caller>,
    of_address: Arc<Caller>,
    are_there: bool,
    known: Mutex<(Option<Duration>, Vec<Known>)>,
}

impl Callers {
    pub(super) fn new(options: &AdminOptions) -> Self {
        let hash = |token: &str| Some(blake3::hash(token.as_bytes()));
        let mut known = Vec::new();
        if let Some(token) = &options.token {
            let caller = Arc::new(Caller::of_all(NAME_OF_THE_TOKEN));
            known.push(Known { token: hash(token), file: options.token_file.clone(), caller });
        }
        for named in &options.tokens {
            let caller = Caller { name: named.name.clone(), may: named.may.clone(), tags: named.tags.clone() };
            known.push(Known { token: hash(&named.token), file: Some(named.file.clone()), caller: Arc::new(caller) });
        }
        let are_there = !known.is_empty();
        Self {
            anyone: Arc::new(Caller::of_all(NAME_OF_ANYONE)),
            of_address: Arc::new(Caller { name: NAME_OF_ADDRESSES.to_owned(), may: vec![May::Purge], tags: None }),
            are_there,
            known: Mutex::new((None, known)),
        }
    }

    /// Whether a token is wanted.
    pub(super) const fn want_token(&self) -> bool {
        self.are_there
    }

    /// Who calls where no token is wanted.
    pub(super) fn anyone(&self) -> Arc<Caller> {
        Arc::clone(&self.anyone)
    }

    /// Who calls from an address that may purge.
    pub(super) fn of_address(&self) -> Arc<Caller> {
        Arc::clone(&self.of_address)
    }

    /// Whose token this is.
    pub(super) fn caller(&self, token: &[u8], now: Duration) -> Option<Arc<Caller>> {
        self.caller_of(blake3::hash(token), now)
    }

    /// Whose token has this hash. All are compared, and both sides are hashes of 32 bytes, so neither length nor content
    /// shows in the time taken.
    pub(super) fn caller_of(&self, token: blake3::Hash, now: Duration) -> Option<Arc<Caller>> {
        let mut state = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (read_at, known) = &mut *state;
        if read_at.is_none_or(|at| now.saturating_sub(at) >= READ_EVERY) {
            *read_at = Some(now);
            known.iter_mut().for_each(Known::read_again);
        }
        let mut found = None;
        for known in known.iter() {
            let nothing = blake3::Hash::from_bytes([0; 32]);
            let is_same: bool = known.token.unwrap_or(nothing).as_bytes().ct_eq(token.as_bytes()).into();
            if is_same && known.token.is_some() {
                found = Some(&known.caller);
            }
        }
        found.map(Arc::clone)
    }
}

impl Known {
    fn read_again(&mut self) {
        let Some(file) = &self.file else { return };
        let token = secret::token_in(file).map(|token| blake3::hash(token.as_bytes()));
        let (name, file) = (&self.caller.name, file.display());
        match token {
            Some(token) if self.token != Some(token) => tracing::info!("the token `{name}` in `{file}` was replaced"),
            None if self.token.is_some() => {
                tracing::warn!("there is no token in `{file}` any more: calls as `{name}` are refused");
            }
            _ => {}
        }
        self.token = token;
    }
}
