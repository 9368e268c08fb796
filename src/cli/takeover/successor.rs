//! The running process's side.

use super::link::{FromNew, FromRunning, Link, TAKES_UDP, VERSION};
use crate::cli::sockets::Port;
use crate::invalidation::Invalidation;
use crate::invalidation::purge::Purge;
use crate::invalidation::succession::{self, Passed};
use crate::proxy::UdpPort;
use anyhow::{Context as _, bail, ensure};
use std::fs::{self, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

/// How long a new process may take until it would accept.
const READY_MAX: Duration = Duration::from_mins(2);

/// How long its other answers may take.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// The pause after a process that did not take over, so that an error which each attempt meets keeps no core busy.
const PAUSE: Duration = Duration::from_millis(100);

/// The pause after the socket could not be listened on.
const RETRY: Duration = Duration::from_secs(5);

/// Who may open the socket.
const OWNER_ALONE: u32 = 0o600;

/// What a new process is given.
pub(in crate::cli) struct Offer {
    /// Where it asks.
    pub(in crate::cli) path: PathBuf,
    /// The name of this instance in the fleet.
    pub(in crate::cli) instance: String,
    /// The listening sockets.
    pub(in crate::cli) sockets: Vec<(Port, OwnedFd)>,
    /// The ports at which both have connections for a while.
    pub(in crate::cli) udp_ports: Vec<UdpPort>,
}

/// A process that would accept now.
pub(in crate::cli) struct Successor {
    link: Link,
    passed: Option<mpsc::UnboundedReceiver<Passed>>,
    /// What it has taken of them.
    udp_ports: Vec<UdpPort>,
}

/// Waits for processes that want to take this one's place, one after another. Never ends.
pub(in crate::cli) async fn listen(offer: &Offer, successors: &mpsc::Sender<Successor>) {
    let path = offer.path.display();
    let listener = loop {
        match bind(&offer.path) {
            Ok(listener) => break listener,
            Err(error) => {
                tracing::warn!(%path, "no process can take this one's place: {error:#}");
                sleep(RETRY).await;
            }
        }
    };
    loop {
        let asked = match listener.accept().await {
            Ok((stream, _)) => ask(offer, stream).await,
            Err(error) => Err(error.into()),
        };
        match asked {
            Ok(successor) => drop(successors.send(successor).await),
            Err(error) => {
                tracing::warn!("the process that wanted to take this one's place does not: {error:#}");
                sleep(PAUSE).await;
            }
        }
    }
}

/// Listens at a path that only this user may open, in the place of a process that has ended.
fn bind(path: &Path) -> anyhow::Result<UnixListener> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let beside = PathBuf::from(beside);
    if let Err(error) = fs::remove_file(&beside)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error.into());
    }
    let listener = UnixListener::bind(&beside)?;
    fs::set_permissions(&beside, Permissions::from_mode(OWNER_ALONE))?;
    fs::rename(&beside, path)?;
    Ok(listener)
}

async fn ask(offer: &Offer, stream: UnixStream) -> anyhow::Result<Successor> {
    let mut link = Link::of(stream)?;
    let FromNew::Hello { version, takes } = timeout(ANSWER_MAX, link.receive()).await.context("it is silent")?? else {
        bail!("it says something else first");
    };
    let udp_ports = if takes.iter().any(|taken| taken == TAKES_UDP) { &offer.udp_ports[..] } else { &[] };
    let (ports, sockets) = passed_on(&offer.sockets, udp_ports)?;
    link.send(&FromRunning::Sockets { version: VERSION, ports, instance: offer.instance.clone() }).await?;
    ensure!(version == VERSION, "it is of a version that takes over in another way");
    link.send_sockets(&sockets).await?;
    tracing::info!("a new process takes this one's place once it is ready");
    let FromNew::Ready = timeout(READY_MAX, link.receive()).await.context("it does not get ready")?? else {
        bail!("it says something else than that it is ready");
    };
    Ok(Successor { link, passed: None, udp_ports: udp_ports.to_vec() })
}

/// The sockets that a process is given, and what each is for.
fn passed_on(sockets: &[(Port, OwnedFd)], udp_ports: &[UdpPort]) -> io::Result<(Vec<Port>, Vec<OwnedFd>)> {
    let mut passed = Vec::new();
    for (port, socket) in sockets {
        passed.push((*port, socket.try_clone()?));
    }
    for port in udp_ports {
        let [socket, elder] = port.offer()?;
        passed.extend([(Port::Http3, socket), (Port::Elder, elder)]);
    }
    Ok(passed.into_iter().unzip())
}

impl Successor {
    /// Hands the log over. Where the new process does not serve then, this one goes on in its log.
    pub(in crate::cli) async fn hand_over(mut self, invalidation: &Invalidation) -> anyhow::Result<Self> {
        let (purges, passed) = mpsc::unbounded_channel();
        for port in &self.udp_ports {
            if let Err(error) = port.hand_over() {
                tracing::warn!(%error, "connections of HTTP/3 that this process has may end");
            }
        }
        let position = invalidation.hand_over(purges);
        self.passed = position.is_some().then_some(passed);
        let serves = async {
            self.link.send(&FromRunning::HandOver { position }).await?;
            let FromNew::Serving = self.link.receive().await? else { bail!("it says something else") };
            Ok(())
        };
        let outcome = timeout(ANSWER_MAX, serves).await.context("it does not answer").flatten();
        if let Err(error) = outcome {
            invalidation.take_back();
            self.udp_ports.iter().for_each(UdpPort::take_back);
            return Err(error);
        }
        Ok(self)
    }

    /// Passes on what is purged and sends the news, the last of which is [`News::Ended`].
    pub(in crate::cli) async fn tell(mut self, mut news: mpsc::UnboundedReceiver<News>) {
        let mut passed = self.passed.take();
        loop {
            let told = tokio::select! {
                biased;
                Some((purge, heard)) = next(passed.as_mut()) => self.pass_on(&purge).await.map(|()| {
                    // Who asked may have given up.
                    let _ = heard.send(());
                }),
                Some(news) = news.recv() => match news {
                    News::Snapshot => self.link.send(&FromRunning::Snapshot).await.map_err(Into::into),
                    News::Ended => {
                        if let Err(error) = self.link.send(&FromRunning::Ended).await {
                            tracing::debug!(%error, "the process that has taken over was not notified of the end");
                        }
                        return;
                    }
                },
                else => return,
            };
            if let Err(error) = told {
                // It sees the end of the connection, and then validates what is older.
                return tracing::warn!("the process that has taken over is gone: {error:#}");
            }
        }
    }

    async fn pass_on(&mut self, purge: &Purge) -> anyhow::Result<()> {
        let applied = async {
            self.link.send(&FromRunning::Purge(succession::written(purge))).await?;
            self.link.receive::<FromNew>().await
        };
        match timeout(ANSWER_MAX, applied).await.context("it does not answer")?? {
            FromNew::Applied => Ok(()),
            _ => bail!("it says something else"),
        }
    }
}

/// What the new process gets.
pub(in crate::cli) enum News {
    /// There is a snapshot.
    Snapshot,
    /// This process ends now.
    Ended,
}

/// The next purge; never one where none are passed on.
async fn next(passed: Option<&mut mpsc::UnboundedReceiver<Passed>>) -> Option<Passed> {
    match passed {
        Some(passed) => passed.recv().await,
        None => std::future::pending().await,
    }
}
