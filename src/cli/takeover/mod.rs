//! How a new process takes the place of a running one (`larder serve --takeover`), over a Unix socket that only the user of
//! both may open.
//!
//! | the new process | the running one |
//! |---|---|
//! | says hello | sends its listening sockets, and goes on |
//! | is made up to where it would accept, and says that it is ready | hands its log over, and serves nothing unasked from then on |
//! | goes on in that log, says that it serves, and accepts | accepts no more, and ends as after SIGTERM |
//! | reads the snapshot | writes it |
//! | applies what is still purged there | passes that on, and says that it has ended |
//!
//! Where the new process is gone before it serves, the running one goes on as if nothing had been. Where the running one is gone
//! before it has ended, the new one validates all that was fetched until then.

pub(super) mod link;
pub(super) mod predecessor;
pub(super) mod successor;
