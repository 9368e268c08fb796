//! A cable between an instance and its Redis, which a test may cut and mend.

use std::net::SocketAddr;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How the cable is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cable {
    Whole,
    Cut,
}

/// A port of loopback that leads to another. It ends with the test.
#[derive(Debug)]
pub struct Relay {
    /// Where it listens.
    pub address: SocketAddr,
    cable: watch::Sender<Cable>,
}

impl Relay {
    /// A whole cable to `target`.
    pub async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket");
        let (cable, state) = watch::channel(Cable::Whole);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(carry(stream, target, state.clone()));
            }
        });
        Self { address, cable }
    }

    /// Ends all connections; new ones end at once.
    pub fn cut(&self) {
        self.cable.send_replace(Cable::Cut);
    }

    /// Lets new connections through.
    pub fn mend(&self) {
        self.cable.send_replace(Cable::Whole);
    }
}

async fn carry(mut near: TcpStream, target: SocketAddr, mut cable: watch::Receiver<Cable>) {
    if *cable.borrow_and_update() == Cable::Cut {
        return;
    }
    let Ok(mut far) = TcpStream::connect(target).await else { return };
    tokio::select! {
        // Whichever side ends it, the other notices.
        _ = copy_bidirectional(&mut near, &mut far) => {}
        _ = cable.changed() => {}
    }
}
