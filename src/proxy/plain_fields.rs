//! What the fields of a plain request come to behind the door, read once for all requests of a connection that have them.

use super::entrance::Entrance;
use super::https_policy::OwnFields;
use super::service;
use super::socket::ConnectionFacts;
use crate::engine::fast_path::PlainHeaders;
use crate::engine::{Handler, RequestContext};
use crate::semantics::network::Network;
use crate::semantics::trust::{Way, X_REQUEST_ID};
use http::Request;

/// What plain fields came to.
#[derive(Debug)]
pub(super) struct PlainFields {
    pub(super) headers: PlainHeaders,
    pub(super) way: Way,
    /// As what the client is counted.
    pub(super) counted: Option<Network>,
    /// What the client gets besides.
    pub(super) own_fields: OwnFields,
}

/// Who reads fields.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a, H> {
    pub(super) handler: &'a H,
    pub(super) entrance: &'a Entrance,
    /// What is known of the connection.
    pub(super) facts: &'a ConnectionFacts,
}

impl<H: Handler> Reader<'_, H> {
    /// What the fields of this request come to, as [`Entrance::let_in`] has it, where they are plain.
    pub(super) fn plain(&self, mut request: Request<()>) -> Option<PlainFields> {
        let way = self.entrance.trust.way(self.facts.peer.ip(), &self.facts.scheme, request.headers());
        if self.facts.is_misdirected(service::host(&request)) || self.entrance.https.may_redirect(&way.scheme) {
            return None;
        }
        self.entrance.let_in_unnamed(&mut request, &way, self.facts);
        // An id is one request's own; these fields may be those of many.
        request.headers_mut().remove(X_REQUEST_ID);
        let context = RequestContext {
            proxies: way.proxies.clone(),
            ..RequestContext::direct(way.scheme.clone(), Some(way.client))
        };
        let own_fields = self.entrance.own_fields(&way.scheme, self.facts);
        let counted = self.entrance.trust.counted(way.client);
        let headers = self.handler.plain_headers(request, &context)?;
        Some(PlainFields { headers, way, counted, own_fields })
    }
}
