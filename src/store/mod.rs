//! Where entries are kept: in the memory of this process, and in the Redis that all instances share.

mod carried;
pub(crate) mod codec;
pub(crate) mod key_memory;
pub(crate) mod memory;
pub(crate) mod snapshot;

pub(crate) mod tier;

pub(crate) mod metrics;
pub(crate) mod redis;
#[cfg(test)]
mod tier_contract;
pub(crate) mod write_behind;
