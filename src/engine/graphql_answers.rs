//! What the answer to a GraphQL request says of itself, read once it is complete and before it is stored.

use super::body_tags::read_decoded;
use super::draft::Draft;
use crate::rules::entity_types::{Entities, entities};
use crate::rules::route::GraphqlErrorsRule;
use crate::semantics::graphql::answer::{Data, NotAnAnswer, Said};
use crate::semantics::reason::Reason;
use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;

/// Reads the answer that is to be stored.
///
/// # Errors
/// Where it may not be stored.
pub(super) async fn read(draft: &mut Draft, pieces: &[Bytes]) -> Result<(), Reason> {
    if draft.part.is_some() || !is_answer(&draft.headers) {
        return Err(Reason::GraphqlAnswerUnreadable);
    }
    let (unreadable, bytes_max) = (Reason::GraphqlAnswerUnreadable, draft.route.max_body_bytes);
    let types: Vec<_> = draft.route.types.iter().cloned().collect();
    let is_tagged = !types.is_empty();
    let work = move |body: &[u8]| entities(&types, body).map_err(|NotAnAnswer| unreadable);
    let (said, found) = read_decoded(&draft.headers, pieces.concat(), bytes_max, unreadable, work).await?;
    if let Some(why) = why_not_stored(&said, draft.route.graphql_errors) {
        return Err(why);
    }
    match found {
        Entities::AndOthers(_) if is_tagged => Err(Reason::TypesUnreadable),
        Entities::These(tags) | Entities::AndOthers(tags) => {
            draft.add_tags(tags);
            draft.live_at_most(said.lifetime_max);
            Ok(())
        }
    }
}

/// Why an answer that says this is not stored. One without data is the failure of a request, and never stored.
fn why_not_stored(said: &Said, errors: GraphqlErrorsRule) -> Option<Reason> {
    match said.data {
        _ if said.has_errors && errors == GraphqlErrorsRule::Refuse => Some(Reason::GraphqlErrors),
        Data::Absent | Data::Null if said.has_errors => Some(Reason::GraphqlErrors),
        Data::Absent | Data::Null => Some(Reason::GraphqlAnswerUnreadable),
        Data::Object if said.is_private || said.lifetime_max.is_some_and(|most| most.is_zero()) => {
            Some(Reason::GraphqlHint)
        }
        Data::Object => None,
    }
}

/// Whether this reason not to store an answer lies in what it says.
pub(super) const fn is_of_the_answer(why: Reason) -> bool {
    matches!(
        why,
        Reason::GraphqlAnswerUnreadable | Reason::GraphqlErrors | Reason::GraphqlHint | Reason::TypesUnreadable
    )
}

/// Whether a response with these fields is an answer: `application/graphql-response+json`, or `application/json`.
pub(super) fn is_answer(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(CONTENT_TYPE).iter();
    let media_type = lines.next().map(|line| line.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default());
    let media_type = media_type.unwrap_or_default().trim_ascii();
    lines.next().is_none()
        && [&b"application/graphql-response+json"[..], b"application/json"]
            .iter()
            .any(|known| media_type.eq_ignore_ascii_case(known))
}
