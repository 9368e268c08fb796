//! A cacheable request as the origin sees it: only what the key holds or what is harmless goes through.

use super::route::Route;
use crate::key::PrimaryKey;
use crate::semantics::target::Target;
use crate::semantics::vary::{VariantKey, Vary};
use http::{HeaderMap, HeaderName};

impl Route {
    /// The target as keyed and sent: the query after the route's recipe.
    #[must_use]
    pub fn keyed_target(&self, target: &Target) -> Target {
        todo!("{target:?}")
    }

    /// The primary key of a request for `keyed` (from [`Self::keyed_target`]) with these client headers.
    #[must_use]
    pub fn primary_key(&self, keyed: &Target, headers: &HeaderMap) -> PrimaryKey {
        todo!("{keyed:?} {headers:?}")
    }

    /// The headers of the fetch: the client's without hop-by-hop, conditional and range fields, without unlisted
    /// cookies, without headers that poison caches unless keyed, and with the canonical Accept-Encoding.
    #[must_use]
    pub fn fetch_headers(&self, client: &HeaderMap) -> HeaderMap {
        todo!("{client:?}")
    }

    /// The normalised value of one field as it would stand in [`Self::fetch_headers`], without building them all.
    #[must_use]
    pub fn fetch_value(&self, client: &HeaderMap, name: &HeaderName) -> Box<[u8]> {
        todo!("{client:?} {name}")
    }

    /// The variant that a request picks among responses that vary by `vary`; none for [`Vary::Anything`].
    #[must_use]
    pub fn variant_key(&self, client: &HeaderMap, vary: &Vary) -> Option<VariantKey> {
        todo!("{client:?} {vary:?}")
    }
}
