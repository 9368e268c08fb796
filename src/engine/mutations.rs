//! The answer to a mutation of GraphQL: what it returns is purged before its client has it.

use super::Engine;
use super::begun_body::Begun;
use super::body_tags::read_decoded;
use super::graphql_answers::is_answer;
use super::origin::Body;
use super::unattended::Patience;
use crate::in_flight::Room;
use crate::rules::entity_types::{Entities, EntityTypes, entities};
use crate::scope::Tag;
use crate::semantics::graphql::answer::{Data, NotAnAnswer};
use crate::semantics::graphql::document::Document;
use crate::semantics::reason::Reason;
use http::Response;
use http_body::Frame;
use http_body_util::BodyExt as _;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// The longest answer that is read for what it returns, in bytes. A longer one purges all that it might.
const BYTES_MAX: u64 = 1024 * 1024;

/// How long it is waited for.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// What a mutation has changed, by its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Changed {
    /// Nothing: it was not executed.
    Nothing,
    /// What it returns.
    Entities(BTreeSet<Tag>),
    /// More than that, and nobody can tell what.
    AndMore(BTreeSet<Tag>),
}

/// What is known of an answer once its end was waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    /// It is there to its end.
    Whole,
    /// More of it may come.
    Begun,
}

/// A request that may be a mutation.
#[derive(Debug)]
pub(super) struct Mutation {
    /// What of its answer is known to routes.
    pub(super) types: Vec<EntityTypes>,
    /// Its document, if that can be told.
    pub(super) document: Option<Arc<Document>>,
}

impl Mutation {
    /// What its answer says that it has changed; and the answer, with its body as it came.
    pub(super) async fn changed(
        self,
        engine: &Engine,
        response: Response<Body>,
        patience: &mut Patience,
    ) -> (Changed, Response<Body>, Read) {
        let (head, body) = response.into_parts();
        let mut begun = Begun { read: VecDeque::new(), rest: Some(body) };
        // A stream is not waited for.
        let is_whole = is_answer(&head.headers)
            && tokio::select! {
                biased;
                read = timeout(WAIT_MAX, read_whole(engine, &mut begun)) => read.unwrap_or(false),
                () = patience.over() => false,
            };
        let anything = Changed::AndMore(BTreeSet::new());
        let changed = if is_whole {
            let frames = begun.read.iter().filter_map(|frame| frame.as_ref().ok()?.data_ref());
            let whole = frames.flatten().copied().collect();
            let work = move |body: &[u8]| Ok(self.by_body(body));
            let unreadable = Reason::GraphqlAnswerUnreadable;
            read_decoded(&head.headers, whole, BYTES_MAX, unreadable, work).await.unwrap_or(anything)
        } else {
            anything
        };
        let read = if begun.rest.is_none() { Read::Whole } else { Read::Begun };
        (changed, Response::from_parts(head, begun.boxed_unsync()), read)
    }

    fn by_body(&self, body: &[u8]) -> Changed {
        // Under another's name, a field names another entity.
        let is_named = |document: &Arc<Document>| !self.types.iter().any(|types| types.are_renamed_by(document));
        match entities(&self.types, body) {
            // October 2021 section 7.1.2: without `data`, execution did not begin.
            Ok((said, _)) if said.data == Data::Absent && said.has_errors => Changed::Nothing,
            Ok((_, Entities::These(tags))) if !tags.is_empty() && self.document.as_ref().is_some_and(is_named) => {
                Changed::Entities(tags)
            }
            Ok((_, Entities::These(tags) | Entities::AndOthers(tags))) => Changed::AndMore(tags),
            Err(NotAnAnswer) => Changed::AndMore(BTreeSet::new()),
        }
    }
}

/// Reads a body to its end; false where it is longer than what is read, fails, or there is no room.
async fn read_whole(engine: &Engine, begun: &mut Begun) -> bool {
    let mut length = 0;
    while let Some(rest) = &mut begun.rest {
        let Some(frame) = rest.frame().await else {
            begun.rest = None;
            return true;
        };
        let has_failed = frame.is_err();
        length += frame.as_ref().ok().and_then(Frame::data_ref).map_or(0, |data| data.len() as u64);
        begun.read.push_back(frame);
        if has_failed {
            begun.rest = None;
        }
        if has_failed || length > BYTES_MAX || engine.in_flight().room() == Room::Taken {
            return false;
        }
    }
    true
}
