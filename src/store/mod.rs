//! Where entries are kept. One tier for now: the memory of this process.

pub mod codec;
pub mod memory;
pub mod redis;
pub mod tier;
pub mod uncacheable;
pub mod write_behind;
