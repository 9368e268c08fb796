//! Connection identifiers that say which process a packet is for: RFC 9000 section 5.1, RFC 8999 section 5.

use quinn::{ConnectionId, ConnectionIdGenerator};
use std::time::Duration;

/// What the identifiers of one process begin with. It is the same for all its connections, so it tells none of them from
/// another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Process(pub(super) [u8; PROCESS_BYTES]);

/// Bytes of that.
pub(super) const PROCESS_BYTES: usize = 4;
/// Bytes of an identifier; the rest is random.
const ID_BYTES: usize = 12;

/// The first bit of a packet that says more of its connection than an identifier.
const LONG_HEADER: u8 = 0x80;
/// Where the identifier stands behind a short header, and where its length stands in a long one.
const SHORT_ID: usize = 1;
const LONG_ID_LENGTH: usize = 5;

impl Process {
    /// One that no other has.
    pub(super) fn new() -> Self {
        Self(rand::random())
    }

    /// Whose a packet is, where another process has this one's place at the port for connections that are older.
    pub(super) fn owner_of(self, packet: &[u8], elder: Self) -> Owner {
        let is_long = packet.first().is_some_and(|first| first & LONG_HEADER != 0);
        let at = if is_long { LONG_ID_LENGTH + 1 } else { SHORT_ID };
        let named = packet.get(at..at + PROCESS_BYTES);
        if named == Some(&self.0[..]) {
            return Owner::This;
        }
        let length = packet.get(LONG_ID_LENGTH).copied().map_or(0, usize::from);
        // In a long header stands what the client has made up, as long as it knows of no connection.
        if !is_long || length == ID_BYTES && named == Some(&elder.0[..]) { Owner::Elder } else { Owner::This }
    }
}

/// Which process a packet is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// This one: a connection of its own, or a new one.
    This,
    /// The one before it, or one before that.
    Elder,
}

/// Makes the identifiers of one process.
pub(super) struct Ids(pub(super) Process);

impl ConnectionIdGenerator for Ids {
    fn generate_cid(&mut self) -> ConnectionId {
        let mut id: [u8; ID_BYTES] = rand::random();
        id.iter_mut().zip(self.0.0).for_each(|(into, byte)| *into = byte);
        ConnectionId::new(&id)
    }

    fn cid_len(&self) -> usize {
        ID_BYTES
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_for_the_process_that_its_identifier_names() {
        let (this, elder, other) = (Process(*b"this"), Process(*b"eldr"), Process(*b"othr"));
        let id = |process: Process| Ids(process).generate_cid().to_vec();
        let short = |id: &[u8]| [&[0x40], id, b"payload"].concat();
        let long = |id: &[u8]| [&[0xc0, 0, 0, 0, 1, u8::try_from(id.len()).unwrap()], id, b"payload"].concat();
        for (name, packet, expected) in [
            ("of this", short(&id(this)), Owner::This),
            ("of the elder", short(&id(elder)), Owner::Elder),
            ("of one before that", short(&id(other)), Owner::Elder),
            ("too short", vec![0x40, b't'], Owner::Elder),
            ("a handshake of this", long(&id(this)), Owner::This),
            ("a handshake of the elder", long(&id(elder)), Owner::Elder),
            ("a new connection", long(b"made up!"), Owner::This),
            ("one whose identifier looks like the elder's", long(b"eldr-8-b"), Owner::This),
            ("without an identifier", long(b""), Owner::This),
            ("nothing", vec![], Owner::Elder),
        ] {
            assert_eq!(this.owner_of(&packet, elder), expected, "{name}");
        }
    }

    #[test]
    fn identifiers_differ() {
        let mut ids = Ids(Process::new());
        assert_ne!(ids.generate_cid(), ids.generate_cid());
        assert_eq!(ids.generate_cid().len(), ids.cid_len());
    }
}
