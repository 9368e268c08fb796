//! Is what a reader got at least as new as what had been acknowledged before it asked?

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many stale reads are kept to be shown; all are counted.
const SHOWN_MAX: usize = 20;

/// The newest version of each product whose purge has been acknowledged.
#[derive(Debug)]
pub(crate) struct Acknowledged {
    versions: Box<[AtomicU64]>,
    checked: AtomicU64,
    stale: AtomicU64,
    shown: Mutex<Vec<String>>,
}

/// What had been acknowledged when a reader asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Promise {
    product: u32,
    version: u64,
}

impl Acknowledged {
    /// Of products 1 to `products`, none changed yet.
    pub(crate) fn new(products: u32) -> Self {
        Self {
            versions: (0..=products).map(|_| AtomicU64::new(0)).collect(),
            checked: AtomicU64::new(0),
            stale: AtomicU64::new(0),
            shown: Mutex::default(),
        }
    }

    /// From now on nobody may be answered with an older version.
    pub(crate) fn acknowledge(&self, product: u32, version: u64) {
        if let Some(newest) = self.versions.get(product as usize) {
            newest.fetch_max(version, Ordering::SeqCst);
        }
    }

    /// Notes what holds now; to be taken before the request is sent.
    pub(crate) fn promise(&self, product: u32) -> Promise {
        let version = self.versions.get(product as usize).map_or(0, |version| version.load(Ordering::SeqCst));
        Promise { product, version }
    }

    /// Holds an answer against what was noted before it was asked for.
    pub(crate) fn check(&self, promise: Promise, answered: u64, path: &str) {
        self.checked.fetch_add(u64::from(promise.version > 0), Ordering::Relaxed);
        if answered < promise.version {
            self.stale.fetch_add(1, Ordering::Relaxed);
            let Promise { product, version } = promise;
            let mut shown = self.shown.lock().expect("nobody panics while holding it");
            if shown.len() < SHOWN_MAX {
                shown.push(format!("product {product}: {path} showed version {answered}, {version} was acknowledged"));
            }
        }
    }

    /// Reads of products that had been changed.
    pub(crate) fn checked(&self) -> u64 {
        self.checked.load(Ordering::Relaxed)
    }

    /// How many of them were stale.
    pub(crate) fn stale(&self) -> u64 {
        self.stale.load(Ordering::Relaxed)
    }

    /// The first stale reads, in words.
    pub(crate) fn shown(&self) -> Vec<String> {
        self.shown.lock().expect("nobody panics while holding it").clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lower_version_than_acknowledged_is_a_stale_read() {
        let acknowledged = Acknowledged::new(10);
        let before = acknowledged.promise(3);
        acknowledged.acknowledge(3, 7);
        acknowledged.acknowledge(3, 6);
        acknowledged.check(before, 1, "/early");
        assert_eq!((acknowledged.checked(), acknowledged.stale()), (0, 0), "it asked before");
        acknowledged.check(acknowledged.promise(3), 7, "/current");
        acknowledged.check(acknowledged.promise(3), 8, "/newer");
        assert_eq!((acknowledged.checked(), acknowledged.stale()), (2, 0));
        acknowledged.check(acknowledged.promise(3), 6, "/old");
        assert_eq!((acknowledged.checked(), acknowledged.stale()), (3, 1));
        assert_eq!(acknowledged.shown(), ["product 3: /old showed version 6, 7 was acknowledged"]);
    }
}
