//! `[upstream]`, resolved, with what `[limits]` says of its answers.

use super::addresses::Listeners;
use super::problem::Place;
use super::proxy_file::{RawLimits, table};
use super::raw_upstream::{NamedPools, RawEject, RawRetries, RawUpstream};
use super::resolve::Resolver;
use super::route_origin::upstream_host;
use super::table::Placed;
use crate::rules::origin_request::PoolName;
use crate::upstream::{EjectOptions, RetryOptions, UpstreamOptions};
use std::num::NonZeroUsize;
use std::sync::Arc;

impl Resolver<'_> {
    /// Resolves a pool, whose table in the file is `key`.
    pub(super) fn upstream(
        &mut self,
        raw: RawUpstream,
        limits: &RawLimits,
        key: &str,
        place: &Place,
    ) -> Option<UpstreamOptions> {
        let servers = self.servers(raw.servers, key, place)?;
        let usual = UpstreamOptions::of(Vec::new());
        let (eject, retries) = (table(raw.eject), table(raw.retries));
        let tls = self.upstream_tls(raw.tls, &servers);
        let host = raw.upstream_host.as_ref().and_then(|written| upstream_host(written, &mut self.problems));
        Some(UpstreamOptions {
            host,
            tls,
            connect_timeout: self.timeout(raw.connect_timeout.as_ref(), usual.connect_timeout),
            read_timeout: self.timeout(raw.read_timeout.as_ref(), usual.read_timeout),
            idle_timeout: self.timeout(raw.idle_timeout.as_ref(), usual.idle_timeout),
            idle_connections_max: self.number(raw.idle_connections.as_ref(), usual.idle_connections_max, 0..=65_536),
            eject: self.eject(&eject, usual.eject),
            health: raw.health.and_then(|health| self.health(health)).map(Arc::new),
            max_requests: NonZeroUsize::new(self.number(raw.max_requests.as_ref(), 0, 0..=1_000_000)),
            slow_start: raw.slow_start.map_or(usual.slow_start, |written| written.value.0),
            resolve: self.resolve_interval(raw.resolve.as_ref(), usual.resolve),
            retries: self.retries(&retries, usual.retries),
            // The header map itself holds no more than 32,768 fields.
            response_fields_max: self.number(limits.upstream_headers.as_ref(), usual.response_fields_max, 8..=8192),
            response_head_bytes_max: self.size(
                limits.upstream_header_bytes.as_ref(),
                usual.response_head_bytes_max,
                1024..=16 * 1024 * 1024,
            ),
            protocol: raw.protocol.map_or(usual.protocol, |written| written.value.0),
            balancing: raw.balance.map_or(usual.balancing, |written| written.value.0),
            servers,
        })
    }

    /// The pools besides the default one.
    pub(super) fn upstreams(
        &mut self,
        raw: NamedPools,
        limits: &RawLimits,
        own: &Listeners,
    ) -> Vec<(PoolName, UpstreamOptions)> {
        let mut pools = Vec::new();
        for (name, Placed { value: raw, place }) in raw.0 {
            self.check_pool_name(&name);
            if let Some(written) = &raw.request_timeout {
                let hint = "it holds for requests to all pools: write it in [upstream]";
                self.problems.error(&written.place, "a pool has no `request_timeout` of its own", Some(hint));
            }
            let servers = raw.servers.as_ref().map_or(&place, |servers| &servers.place).clone();
            let key = format!("upstreams.{}", name.value);
            let Some(options) = self.upstream(raw, limits, &key, &place) else { continue };
            own.check_upstream(&options.servers, &servers, &mut self.problems);
            pools.push((PoolName::new(&name.value), options));
        }
        pools
    }

    fn check_pool_name(&mut self, name: &Placed<String>) {
        let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        if name.value.is_empty() || !name.value.bytes().all(is_plain) {
            let hint = "use a-z, 0-9, - and _: [upstreams.search]";
            self.problems.error(&name.place, format!("`{}` is no name of a pool", name.value), Some(hint));
        } else if name.value == PoolName::DEFAULT {
            let hint = "write its keys in [upstream], or give this one another name";
            self.problems.error(&name.place, "the pool `default` is that of `[upstream]`", Some(hint));
        }
    }

    fn eject(&mut self, raw: &RawEject, usual: EjectOptions) -> EjectOptions {
        EjectOptions {
            failures: self.count(raw.failures.as_ref(), usual.failures, 1),
            within: self.timeout(raw.within.as_ref(), usual.within),
            pause: self.timeout(raw.r#for.as_ref(), usual.pause),
        }
    }

    fn retries(&mut self, raw: &RawRetries, usual: RetryOptions) -> RetryOptions {
        RetryOptions {
            attempts: self.count(raw.attempts.as_ref(), usual.attempts, 0),
            budget: raw.budget.as_ref().map_or(usual.budget, |budget| budget.value.0),
        }
    }

    pub(super) fn count(&mut self, written: Option<&Placed<u64>>, default: u32, least: usize) -> u32 {
        let default = usize::try_from(default).unwrap_or(usize::MAX);
        u32::try_from(self.number(written, default, least..=1000)).unwrap_or(u32::MAX)
    }
}
