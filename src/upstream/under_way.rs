//! What counts as under way at a server: from when it is chosen for a request until the answer's body has ended, or is
//! given up. Once a connection has changed to another protocol it does not count.

use super::member::Member;
use std::sync::Arc;

/// One request under way at an endpoint. It counts until it is dropped.
#[derive(Debug)]
pub(super) struct UnderWay(Arc<Member>);

impl UnderWay {
    pub(super) fn at(member: &Arc<Member>) -> Self {
        member.begin();
        Self(Arc::clone(member))
    }

    pub(super) fn member(&self) -> &Member {
        &self.0
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.end();
    }
}
