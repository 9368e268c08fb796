//! Where entries are kept: in the memory of this process, and in the Redis that all instances share.

mod carried;
pub mod codec;
pub(crate) mod key_memory;
pub mod memory;
pub mod metrics;
pub mod redis;
pub mod tier;
#[cfg(test)]
mod tier_contract;
pub mod write_behind;
