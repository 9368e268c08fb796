//! The origin, with the bodies to and from it charged to what is in flight.

use super::exchange::Terms;
use super::origin::{Body, Origin, OriginError};
use super::traced_exchange::Exchange;
use crate::in_flight::{Direction, InFlight, Metered, Room};
use crate::rules::origin_request::PoolName;
use http_body::Body as _;
use http_body_util::BodyExt;
use std::sync::Arc;

/// An origin behind the account.
pub(super) struct MeteredOrigin {
    /// Where responses come from.
    pub(super) origin: Arc<dyn Origin>,
    /// What pieces of bodies are charged to.
    pub(super) in_flight: Arc<InFlight>,
}

impl MeteredOrigin {
    fn metered(&self, body: Body, direction: Direction) -> Body {
        if body.is_end_stream() {
            return body;
        }
        Metered::new(body, Arc::clone(&self.in_flight), direction).boxed_unsync()
    }

    /// As [`Origin::fetch`].
    pub(super) async fn fetch(
        &self,
        mut request: http::Request<Body>,
        terms: Terms,
    ) -> Result<http::Response<Body>, OriginError> {
        let exchange = terms.traced.as_ref().map(|traced| Exchange::begin(traced, &mut request, terms.note.clone()));
        let fetched = self.origin.fetch(request.map(|body| self.metered(body, Direction::Up)), terms).await;
        if let Some(exchange) = exchange {
            exchange.ended(&fetched);
        }
        Ok(fetched?.map(|body| self.metered(body, Direction::Down)))
    }

    /// As [`Origin::knows_shared_fields`].
    pub(super) fn knows_shared_fields(&self) -> bool {
        self.origin.knows_shared_fields()
    }

    /// As [`Origin::spare_room`].
    pub(super) fn spare_room(&self, pool: Option<&PoolName>) -> Room {
        self.origin.spare_room(pool)
    }
}
