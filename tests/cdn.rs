//! The caches in front: what is purged here is purged at a scripted CDN as well, whatever that answers and whoever dies.

mod support;

mod cdn {
    mod alone;
    mod edge;
    mod fleet;
    mod varnish;
}
