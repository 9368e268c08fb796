//! A UDP port at which two processes have connections while one takes the other's place: the newer one reads from it, and passes on
//! what is for connections of the older one. Both send.

use super::ids::{Owner, Process};
use super::relay::{self, Reached};
use arc_swap::ArcSwap;
use futures_util::task::AtomicWaker;
use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, Runtime as _, TokioRuntime, UdpPoller};
use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixDatagram as StdDatagram;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

/// Who reads from a port, and for whom.
#[derive(Debug)]
pub(super) struct Sharing {
    process: Process,
    reading: ArcSwap<Reading>,
    /// This process's end of what was offered to a process that may take its place.
    offered: Mutex<Option<StdDatagram>>,
    /// The task that reads.
    reader: AtomicWaker,
}

/// Where packets come from, and where those go that are not this process's.
#[derive(Debug, Clone, Default)]
struct Reading {
    /// The process that has taken this one's place; `None` while this one reads from the port itself.
    from: Option<Arc<relay::From>>,
    /// The process whose place this one has taken, as long as it is there.
    elder: Option<Arc<relay::To>>,
}

impl Sharing {
    /// Of a port that this process has alone, or took from the one that is behind this socket.
    ///
    /// # Errors
    /// Where that is no such socket.
    pub(super) fn new(elder: Option<OwnedFd>) -> io::Result<Self> {
        let elder = elder.map(relay::To::of).transpose()?.map(Arc::new);
        Ok(Self {
            process: Process::new(),
            reading: ArcSwap::from_pointee(Reading { from: None, elder }),
            offered: Mutex::default(),
            reader: AtomicWaker::new(),
        })
    }

    /// What the identifiers of this process's connections begin with.
    pub(super) const fn process(&self) -> Process {
        self.process
    }

    fn offered(&self) -> Option<StdDatagram> {
        self.offered.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn read(&self, change: impl Fn(&mut Reading)) {
        self.reading.rcu(|reading| {
            let mut reading = Reading::clone(reading);
            change(&mut reading);
            reading
        });
        self.reader.wake();
    }

    /// The packets that the reader gets; those of the elder go on to it.
    fn divide(&self, elder: &relay::To, bufs: &mut [IoSliceMut<'_>], metas: &mut [RecvMeta]) {
        for (buf, meta) in bufs.iter_mut().zip(metas) {
            let (stride, mut kept, mut at) = (meta.stride.max(1), 0, 0);
            while at < meta.len {
                let end = meta.len.min(at + stride);
                let packet = buf.get(at..end).unwrap_or_default();
                match self.process.owner_of(packet, elder.process) {
                    Owner::Elder => {
                        if elder.send(meta, packet) == Reached::Nobody {
                            self.read(|reading| reading.elder = None);
                        }
                    }
                    Owner::This => {
                        buf.copy_within(at..end, kept);
                        kept += end - at;
                    }
                }
                at = end;
            }
            meta.len = kept;
        }
    }
}

/// A port that another process may take over while this one has connections at it.
#[derive(Debug, Clone)]
pub(crate) struct UdpPort(Arc<Passed>);

#[derive(Debug)]
struct Passed {
    socket: OwnedFd,
    sharing: Arc<Sharing>,
}

impl UdpPort {
    /// This port, shared so.
    ///
    /// # Errors
    /// Where the process has no more descriptors.
    pub(super) fn new(socket: &UdpSocket, sharing: Arc<Sharing>) -> io::Result<Self> {
        Ok(Self(Arc::new(Passed { socket: socket.as_fd().try_clone_to_owned()?, sharing })))
    }

    /// What a process is given that wants it: the port, and where it passes on what is not its own.
    ///
    /// # Errors
    /// Where the process has no more descriptors.
    pub(crate) fn offer(&self) -> io::Result<[OwnedFd; 2]> {
        let Passed { socket, sharing } = &*self.0;
        let (own, passed) = relay::pair(sharing.process)?;
        *sharing.offered.lock().unwrap_or_else(PoisonError::into_inner) = Some(own);
        Ok([socket.try_clone()?, passed])
    }

    /// From now on the process that has it reads from it.
    ///
    /// # Errors
    /// Where the runtime has no room for that: this process goes on reading.
    pub(crate) fn hand_over(&self) -> io::Result<()> {
        let Passed { sharing, .. } = &*self.0;
        if let Some(offered) = sharing.offered() {
            let from = Arc::new(relay::From::of(offered)?);
            sharing.read(|reading| reading.from = Some(Arc::clone(&from)));
        }
        Ok(())
    }

    /// The other process does not, after all.
    pub(crate) fn take_back(&self) {
        self.0.sharing.read(|reading| reading.from = None);
    }
}

/// The port, as the library reads from it and sends.
#[derive(Debug)]
pub(super) struct PortSocket {
    socket: Arc<dyn AsyncUdpSocket>,
    sharing: Arc<Sharing>,
}

impl PortSocket {
    /// This port, shared so.
    ///
    /// # Errors
    /// Where the runtime can't take it.
    pub(super) fn new(socket: UdpSocket, sharing: Arc<Sharing>) -> io::Result<Self> {
        Ok(Self { socket: TokioRuntime.wrap_udp_socket(socket)?, sharing })
    }
}

impl AsyncUdpSocket for PortSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Arc::clone(&self.socket).create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.socket.try_send(transmit)
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        self.sharing.reader.register(cx.waker());
        let reading = self.sharing.reading.load();
        let packets = ready!(match &reading.from {
            Some(from) => from.poll_recv(cx, bufs, meta),
            None => self.socket.poll_recv(cx, bufs, meta),
        })?;
        if let Some(elder) = &reading.elder {
            self.sharing.divide(elder, bufs, meta.get_mut(..packets).unwrap_or_default());
        }
        Poll::Ready(Ok(packets))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.socket.max_transmit_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.socket.max_receive_segments()
    }

    fn may_fragment(&self) -> bool {
        self.socket.may_fragment()
    }
}

#[cfg(test)]
mod tests {
    use super::super::ids::Ids;
    use super::*;
    use quinn::ConnectionIdGenerator as _;
    use std::future::poll_fn;

    fn packet_of(process: Process, text: &str) -> Vec<u8> {
        [&[0x40], &Ids(process).generate_cid()[..], text.as_bytes()].concat()
    }

    fn opened(elder: Option<OwnedFd>, socket: UdpSocket) -> PortSocket {
        socket.set_nonblocking(true).unwrap();
        PortSocket::new(socket, Arc::new(Sharing::new(elder).unwrap())).unwrap()
    }

    /// What the next packet ends with; empty where it was passed on.
    async fn next(port: &PortSocket) -> String {
        let (mut room, mut metas) = (vec![0; 70_000], [RecvMeta::default()]);
        let mut bufs = [IoSliceMut::new(&mut room)];
        assert_eq!(poll_fn(|cx| port.poll_recv(cx, &mut bufs, &mut metas)).await.unwrap(), 1);
        String::from_utf8_lossy(room[..metas[0].len].get(13..).unwrap_or_default()).into_owned()
    }

    #[tokio::test]
    async fn each_of_three_processes_in_a_row_gets_what_is_for_its_own_connections() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (address, client) = (socket.local_addr().unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        let mut ports = vec![opened(None, socket.try_clone().unwrap())];
        for _ in 0..2 {
            let before = ports.last().unwrap();
            let passed = UdpPort::new(&socket, Arc::clone(&before.sharing)).unwrap();
            let [given, elder] = passed.offer().unwrap();
            passed.hand_over().unwrap();
            ports.push(opened(Some(elder), given.into()));
        }
        let [first, second, third] = &ports[..] else { unreachable!("three were pushed") };
        let send = |port: &PortSocket, text: &str| {
            client.send_to(&packet_of(port.sharing.process, text), address).unwrap();
        };
        send(third, "to the third");
        assert_eq!(next(third).await, "to the third");
        send(second, "to the second");
        assert_eq!(next(third).await, "");
        assert_eq!(next(second).await, "to the second");
        send(first, "to the first");
        assert_eq!(next(third).await, "");
        assert_eq!(next(second).await, "");
        assert_eq!(next(first).await, "to the first");
        // Once it has ended, what comes for it is this one's to judge.
        let gone = third.sharing.reading.load().elder.as_ref().map(|elder| elder.process);
        assert_eq!(gone, Some(second.sharing.process));
        let last = ports.pop().unwrap();
        let process = ports[1].sharing.process;
        drop(ports);
        for expected in ["", "unknown"] {
            client.send_to(&packet_of(process, "unknown"), address).unwrap();
            assert_eq!(next(&last).await, expected);
        }
    }

    #[tokio::test]
    async fn a_process_that_does_not_come_leaves_the_port_to_the_one_that_has_it() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (address, client) = (socket.local_addr().unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        let port = opened(None, socket.try_clone().unwrap());
        let passed = UdpPort::new(&socket, Arc::clone(&port.sharing)).unwrap();
        drop(passed.offer().unwrap());
        passed.hand_over().unwrap();
        passed.take_back();
        client.send_to(&packet_of(port.sharing.process, "here"), address).unwrap();
        assert_eq!(next(&port).await, "here");
    }
}
