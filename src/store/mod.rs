//! Where entries are kept. One tier for now: the memory of this process.

pub mod memory;
pub mod tier;
pub mod uncacheable;
