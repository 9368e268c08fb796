//! Packets that one process has received and another one is to have, over a pair of Unix sockets: each is one message, behind
//! where it came from. The first message, of the process that is to have them, is how its connection identifiers begin.

use super::ids::{PROCESS_BYTES, Process};
use quinn::udp::{EcnCodepoint, RecvMeta};
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram as StdDatagram;
use std::task::{Context, Poll, ready};
use tokio::io::ReadBuf;
use tokio::net::UnixDatagram;

/// The longest packet that UDP can carry.
const PACKET_BYTES_MAX: usize = 64 * 1024;
/// Marks for ECN, two addresses with their kinds, a port and the scope of an address.
const HEAD_BYTES: usize = 1 + 2 * (1 + ADDRESS_BYTES) + 2 + 4;
const ADDRESS_BYTES: usize = 16;

/// What kind of address follows.
const NONE: u8 = 0;
const V4: u8 = 4;
const V6: u8 = 6;

/// The two ends: of the process that is to have the packets, and of the one that passes them on.
///
/// # Errors
/// Where the system has no more sockets.
pub(super) fn pair(process: Process) -> io::Result<(StdDatagram, OwnedFd)> {
    let (has, passes) = StdDatagram::pair()?;
    has.set_nonblocking(true)?;
    passes.set_nonblocking(true)?;
    has.send(&process.0)?;
    Ok((has, passes.into()))
}

/// Where packets are passed on.
#[derive(Debug)]
pub(super) struct To {
    socket: StdDatagram,
    /// Who has them there.
    pub(super) process: Process,
}

/// Whether there is still someone to pass packets to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reached {
    /// There is. What it has no room for is lost, as packets are.
    Process,
    /// It has ended.
    Nobody,
}

impl To {
    /// The other process's end of a [`pair`].
    ///
    /// # Errors
    /// Where it is none.
    pub(super) fn of(passed: OwnedFd) -> io::Result<Self> {
        let socket = StdDatagram::from(passed);
        let mut process = [0; PROCESS_BYTES];
        let read = socket.recv(&mut process)?;
        if read != PROCESS_BYTES {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(Self { socket, process: Process(process) })
    }

    /// Passes a packet on.
    pub(super) fn send(&self, meta: &RecvMeta, packet: &[u8]) -> Reached {
        match rustix::io::writev(&self.socket, &[IoSlice::new(&head_of(meta)), IoSlice::new(packet)]) {
            Err(rustix::io::Errno::CONNREFUSED | rustix::io::Errno::PIPE | rustix::io::Errno::CONNRESET) => {
                Reached::Nobody
            }
            _ => Reached::Process,
        }
    }
}

/// Where packets that were passed on come from.
#[derive(Debug)]
pub(super) struct From(UnixDatagram);

impl From {
    /// This process's end of a [`pair`].
    ///
    /// # Errors
    /// Where the runtime can't take it.
    pub(super) fn of(socket: StdDatagram) -> io::Result<Self> {
        UnixDatagram::from_std(socket).map(Self)
    }

    /// The next packet, as the library takes it.
    pub(super) fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let (Some(into), Some(meta)) = (bufs.first_mut(), meta.first_mut()) else { return Poll::Ready(Ok(0)) };
        let mut room = vec![0; HEAD_BYTES + PACKET_BYTES_MAX];
        loop {
            let mut message = ReadBuf::new(&mut room);
            ready!(self.0.poll_recv(cx, &mut message))?;
            let read = message.filled().split_first_chunk().and_then(|(head, packet)| {
                *meta = meta_of(head, packet.len())?;
                into.get_mut(..packet.len())?.copy_from_slice(packet);
                Some(1)
            });
            // What can't be read is lost, as packets are.
            if let Some(packets) = read {
                return Poll::Ready(Ok(packets));
            }
        }
    }
}

/// What is known of a packet, in so many bytes.
fn head_of(meta: &RecvMeta) -> [u8; HEAD_BYTES] {
    let scope = match meta.addr {
        SocketAddr::V6(address) => address.scope_id(),
        SocketAddr::V4(_) => 0,
    };
    let ecn = meta.ecn.map_or(0, |ecn| ecn as u8);
    let written = [
        &[ecn][..],
        &address_bytes(Some(meta.addr.ip())),
        &address_bytes(meta.dst_ip),
        &meta.addr.port().to_be_bytes(),
        &scope.to_be_bytes(),
    ];
    let mut head = [0; HEAD_BYTES];
    head.iter_mut().zip(written.into_iter().flatten()).for_each(|(into, byte)| *into = *byte);
    head
}

/// What [`head_of`] was made of, of a packet of so many bytes.
fn meta_of(head: &[u8; HEAD_BYTES], len: usize) -> Option<RecvMeta> {
    let [ecn, rest @ ..] = head;
    let (from, rest) = rest.split_first_chunk()?;
    let (to, rest) = rest.split_first_chunk()?;
    let (port, scope) = rest.split_first_chunk()?;
    let port = u16::from_be_bytes(*port);
    let addr = match address_of(from)? {
        IpAddr::V4(address) => SocketAddr::from((address, port)),
        IpAddr::V6(address) => SocketAddrV6::new(address, port, 0, u32::from_be_bytes(scope.try_into().ok()?)).into(),
    };
    let mut meta = RecvMeta::default();
    (meta.addr, meta.len, meta.stride) = (addr, len, len);
    (meta.ecn, meta.dst_ip) = (EcnCodepoint::from_bits(*ecn), address_of(to));
    Some(meta)
}

fn address_bytes(address: Option<IpAddr>) -> [u8; 1 + ADDRESS_BYTES] {
    let (kind, octets) = match address {
        None => (NONE, [0; ADDRESS_BYTES]),
        Some(IpAddr::V4(address)) => (V4, address.to_ipv6_mapped().octets()),
        Some(IpAddr::V6(address)) => (V6, address.octets()),
    };
    let mut bytes = [kind; 1 + ADDRESS_BYTES];
    bytes.iter_mut().skip(1).zip(octets).for_each(|(into, byte)| *into = byte);
    bytes
}

fn address_of(bytes: &[u8; 1 + ADDRESS_BYTES]) -> Option<IpAddr> {
    let [kind, octets @ ..] = bytes;
    let address = Ipv6Addr::from(*octets);
    match *kind {
        V4 => address.to_ipv4_mapped().map(IpAddr::V4),
        V6 => Some(IpAddr::V6(address)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;

    fn meta(addr: &str, dst_ip: Option<&str>, ecn: Option<EcnCodepoint>) -> RecvMeta {
        let mut meta = RecvMeta::default();
        (meta.addr, meta.len, meta.stride) = (addr.parse().unwrap(), 6, 6);
        (meta.ecn, meta.dst_ip) = (ecn, dst_ip.map(|address| address.parse().unwrap()));
        meta
    }

    #[tokio::test]
    async fn a_packet_arrives_with_all_that_is_known_of_it() {
        let (has, passes) = pair(Process(*b"eldr")).unwrap();
        let (from, to) = (From::of(has).unwrap(), To::of(passes).unwrap());
        assert_eq!(to.process, Process(*b"eldr"));
        for sent in [
            meta("192.0.2.1:443", Some("192.0.2.2"), Some(EcnCodepoint::Ce)),
            meta("[2001:db8::1]:1", Some("::1"), Some(EcnCodepoint::Ect0)),
            meta("[fe80::1%7]:65535", None, None),
            meta("[::ffff:192.0.2.1]:443", Some("::ffff:192.0.2.2"), Some(EcnCodepoint::Ect1)),
        ] {
            assert_eq!(to.send(&sent, b"packet"), Reached::Process);
            let (mut room, mut metas) = ([0; 2_000], [RecvMeta::default()]);
            let mut bufs = [IoSliceMut::new(&mut room)];
            assert_eq!(poll_fn(|cx| from.poll_recv(cx, &mut bufs, &mut metas)).await.unwrap(), 1);
            let [got] = metas;
            assert_eq!(&room[..got.len], b"packet");
            assert_eq!((got.addr, got.stride, got.ecn, got.dst_ip), (sent.addr, sent.stride, sent.ecn, sent.dst_ip));
        }
        drop(from);
        assert_eq!(to.send(&meta("192.0.2.1:443", None, None), b"packet"), Reached::Nobody);
    }
}
