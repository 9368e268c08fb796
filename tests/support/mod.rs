//! A small language for scenarios over real sockets: an origin with a script, clients, barriers, expectations.
//!
//! ```ignore
//! let scenario = Setup::rules(PRODUCTS).start().await;
//! scenario.origin.on("/p/1", reply(200).header("Cache-Control", "max-age=60").body("one"));
//! scenario.get("/p/1").await.status(200).forwarded("uri-miss").body("one");
//! scenario.get("/p/1").await.hit().body("one");
//! scenario.origin.saw("/p/1", 1);
//! ```
//!
//! Origin and client speak raw TCP, so that both can misbehave and both see every line as it came. Nothing sleeps: a
//! [`barrier::Barrier`] orders events, and every wait has a deadline that names what was waited for. Time is told by
//! the origin's own fields (`Age`, `Date`), never by waiting.

#![allow(dead_code, unused_imports, unreachable_pub, reason = "shared by test binaries, each of which uses its part")]

pub mod barrier;
pub mod certificates;
pub mod client;
pub mod collector;
pub mod deadline;
pub mod expect;
pub mod h2_frames;
pub mod h2_origin;
pub mod mariadb_server;
pub mod nginx;
pub mod origin;
pub mod postgres_server;
pub mod redis_server;
pub mod relay;
pub mod reply;
pub mod request;
pub mod scenario;
pub mod served;
pub mod tokens;
pub mod wire;

pub use barrier::Barrier;
pub use reply::{raw, reply};
pub use request::{Request, get, head, post, request};
pub use scenario::{Scenario, Setup};
