//! What a connection holds while it rests, whatever came over it before, is bounded: ten thousand clients that only keep
//! their connections open must not cost what the cache could hold.
//!
//! One test in a process of its own, so that nothing else allocates meanwhile. The clients' side is a socket and nothing
//! else by the time that it is counted.

mod support;

use peak_alloc::PeakAlloc;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use support::Setup;
use support::certificates::{Authority, Validity};
use support::deadline::DEADLINE;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const CONNECTIONS: usize = 500;
/// So many before, so that what is taken once is there: threads' buffers, tables, connections to the origin.
const BEFORE: usize = 50;
const RULES: &str = "[[route]]\nname = \"kept\"\npath = \"/kept\"\nttl = \"1h\"\n";

/// How the clients come, what each asks for, and the most that its connection may hold after that, in bytes.
struct Row {
    name: &'static str,
    by: By,
    path: &'static str,
    bytes_max: usize,
}

#[derive(Debug, Clone, Copy)]
enum By {
    ClearText,
    Tls,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_at_rest_holds_little_whatever_came_over_it() {
    let authority = Authority::new("the shop's own");
    let folder = tempfile::tempdir().expect("room for a folder");
    let files = authority.write_for(folder.path(), &["shop.example"], Validity::Valid);
    let (certificate, key) = (files.certificate.display(), files.key.display());
    let listen = format!("https = {{ address = \"127.0.0.1:0\", certificate = \"{certificate}\", key = \"{key}\" }}");
    let scenario =
        Setup::rules(RULES).before(constant_origin()).listen(&listen).section("[log]\naccess = false").start().await;
    let running = &scenario.running;
    let client = Arc::new(trusting(&files.ca));
    let https = running.listening.iter().find_map(|url| url.strip_prefix("https://")).expect("it is configured");
    let https = https.parse().expect("an address");
    for row in [
        Row { name: "after a hit", by: By::ClearText, path: "/kept", bytes_max: 6_000 },
        Row { name: "after a pass-through", by: By::ClearText, path: "/passed", bytes_max: 6_000 },
        Row { name: "over TLS, after a hit", by: By::Tls, path: "/kept", bytes_max: 14_000 },
        Row { name: "over TLS, after a pass-through", by: By::Tls, path: "/passed", bytes_max: 14_000 },
    ] {
        let open = |count: usize, streams: &mut Vec<TcpStream>| {
            for _ in 0..count {
                streams.push(match row.by {
                    By::ClearText => answered(running.data_address, row.path),
                    By::Tls => answered_over_tls(https, row.path, &client),
                });
            }
        };
        let mut streams = Vec::with_capacity(BEFORE + CONNECTIONS);
        open(BEFORE, &mut streams);
        let before = ALLOCATOR.current_usage();
        open(CONNECTIONS, &mut streams);
        let each = || ALLOCATOR.current_usage().saturating_sub(before) / CONNECTIONS;
        // The last answers have come, but what they were made of may still be let go.
        let waited = Instant::now();
        while each() > row.bytes_max && waited.elapsed() < DEADLINE {
            tokio::task::yield_now().await;
        }
        println!("{}: {} bytes", row.name, each());
        assert!(each() <= row.bytes_max, "{}: {} bytes each, {} at most", row.name, each(), row.bytes_max);
    }
}

/// An origin that answers everything alike and keeps nothing.
fn constant_origin() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it listens");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let (mut stream, mut buffer) = (stream, [0; 8192]);
                while stream.read(&mut buffer).is_ok_and(|read| read > 0)
                    && stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwell").is_ok()
                {}
            });
        }
    });
    address
}

fn trusting(ca: &Path) -> ClientConfig {
    use rustls::pki_types::{CertificateDer, pem::PemObject as _};
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).expect("made above")).expect("it is an authority's");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    builder.expect("ring knows them").with_root_certificates(roots).with_no_client_auth()
}

/// A connection that has had one answer.
fn answered(address: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("it listens");
    ask(&mut stream, path);
    stream
}

/// The same over TLS, whose state on this side is let go.
fn answered_over_tls(address: SocketAddr, path: &str, client: &Arc<ClientConfig>) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("it listens");
    let name = ServerName::try_from("shop.example").expect("it is a name");
    let mut session = ClientConnection::new(Arc::clone(client), name).expect("the configuration is sound");
    ask(&mut rustls::Stream::new(&mut session, &mut stream), path);
    stream
}

fn ask(stream: &mut (impl Read + Write), path: &str) {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: rest/1\r\nAccept: */*\r\n\r\n")
        .expect("the server reads");
    let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
    while !answer.ends_with(b"\r\n\r\nwell") {
        let read = stream.read(&mut buffer).expect("the server answers");
        assert!(read > 0, "the answer is whole");
        answer.extend_from_slice(&buffer[..read]);
    }
}
