//! Pages for the tests of this folder.

use super::exchange::Standing;
use super::notebook::{Look, Page};
use std::time::Duration;

/// An answer of this digest to a client, asked for and complete at a second.
pub(super) fn look(client: u64, second: u64, digest: u64) -> Look {
    let at = Duration::from_secs(second);
    let (factors, vary) = (Box::default(), Box::default());
    Look { client, begun: at, ended: at, digest, status: 200, standing: Standing::Open, factors, vary }
}

/// A page with answers: client, second, digest.
pub(super) fn page(path: &str, looks: &[(u64, u64, u64)]) -> Page {
    let looks: Vec<Look> = looks.iter().map(|(client, second, digest)| look(*client, *second, *digest)).collect();
    let answers = looks.len() as u64;
    Page { host: "shop.test".into(), path: path.into(), parameters: Box::default(), looks, answers }
}
