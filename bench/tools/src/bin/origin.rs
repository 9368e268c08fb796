//! The origin that caches are measured in front of: one thread, tokio, answers made as they are asked for.
//!
//! | path | answer |
//! |---|---|
//! | `/o/{bytes}/{id}` | JSON of exactly so many bytes, fresh for an hour, with a validator and tags (`catalog`, `product:{id}`) |
//! | `/gzip/{bytes}/{id}` | the same, coded with gzip for whoever accepts it; varies by Accept-Encoding |
//! | `/slow/{ms}/{id}` | 1 KiB, fresh for an hour, after so many milliseconds |
//! | `/pass/{bytes}` | `no-store`; what is posted is read and forgotten |
//! | `/control/requests` | how many requests there were for each of these, as JSON |
//! | `/control/bump` | begins a new generation and answers its number, as JSON |
//!
//! Every answer carries the generation in which it was made, in `X-Generation` and in its body, and its validator changes
//! with it: who sees the answer can tell old from new.

use flate2::Compression;
use flate2::write::GzEncoder;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::rc::Rc;
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

const HEAD_BYTES_MAX: usize = 16 * 1024;
const BODY_BYTES_MIN: usize = 64;
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Coded bodies are kept up to this many, then all are forgotten: a benchmark asks for one at a time.
const CODED_MAX: usize = 64;
const KINDS: [&str; 4] = ["o", "gzip", "slow", "pass"];

/// What makes a body: its length, its id and the generation.
type Made = (usize, String, u64);

/// What all connections share; one thread serves them.
#[derive(Default)]
struct Origin {
    requests: [Cell<u64>; KINDS.len()],
    generation: Cell<u64>,
    coded: RefCell<HashMap<Made, Rc<Vec<u8>>>>,
}

/// What of a request matters here.
struct Asked {
    path: String,
    accepts_gzip: bool,
    if_none_match: Option<String>,
    head_only: bool,
    closes: bool,
    body_bytes: usize,
}

fn main() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let origin = Rc::new(Origin::default());
        origin.generation.set(1);
        // A crowd on a cold key may come through a cache that does not collapse it.
        let socket = tokio::net::TcpSocket::new_v4()?;
        socket.bind("127.0.0.1:0".parse().expect("an address"))?;
        let listener = socket.listen(4096)?;
        writeln!(std::io::stdout(), "listening on http://{}", listener.local_addr()?)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::task::spawn_local(serve(Rc::clone(&origin), stream));
        }
    })
}

/// Answers one connection's requests until it closes, breaks, or says something that is no request.
async fn serve(origin: Rc<Origin>, mut stream: TcpStream) {
    let mut buffer = Vec::with_capacity(4096);
    let mut answer = Vec::new();
    loop {
        let Some((asked, head_bytes)) = parse(&buffer) else {
            if buffer.len() > HEAD_BYTES_MAX || !matches!(stream.read_buf(&mut buffer).await, Ok(1..)) {
                return;
            }
            continue;
        };
        buffer.drain(..head_bytes);
        if !discard(&mut stream, &mut buffer, asked.body_bytes).await {
            return;
        }
        answer.clear();
        respond(&origin, &asked, &mut answer).await;
        if stream.write_all(&answer).await.is_err() || asked.closes {
            return;
        }
    }
}

/// Takes a request's body and keeps nothing of it; `buffer` has what came with the head. False where it does not come whole.
async fn discard(stream: &mut TcpStream, buffer: &mut Vec<u8>, body_bytes: usize) -> bool {
    let at_hand = body_bytes.min(buffer.len());
    buffer.drain(..at_hand);
    let mut left = body_bytes - at_hand;
    let mut piece = vec![0; left.min(64 * 1024)];
    while left > 0 {
        let room = left.min(piece.len());
        match stream.read(&mut piece[..room]).await {
            Ok(read @ 1..) => left -= read,
            _ => return false,
        }
    }
    true
}

/// The request at the start of `buffer` and the length of its head, once that is complete. A body must come with its length.
fn parse(buffer: &[u8]) -> Option<(Asked, usize)> {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut fields);
    let Ok(httparse::Status::Complete(head_bytes)) = request.parse(buffer) else { return None };
    let mut asked = Asked {
        path: request.path?.to_owned(),
        accepts_gzip: false,
        if_none_match: None,
        head_only: request.method? == "HEAD",
        closes: request.version? == 0,
        body_bytes: 0,
    };
    for field in request.headers {
        let value = String::from_utf8_lossy(field.value);
        if field.name.eq_ignore_ascii_case("accept-encoding") {
            asked.accepts_gzip = value.contains("gzip");
        } else if field.name.eq_ignore_ascii_case("content-length") {
            asked.body_bytes = value.parse().ok()?;
        } else if field.name.eq_ignore_ascii_case("if-none-match") {
            asked.if_none_match = Some(value.into_owned());
        } else if field.name.eq_ignore_ascii_case("connection") && value.eq_ignore_ascii_case("close") {
            asked.closes = true;
        }
    }
    Some((asked, head_bytes))
}

/// Appends the answer, head and body.
async fn respond(origin: &Origin, asked: &Asked, answer: &mut Vec<u8>) {
    let path = asked.path.split('?').next().unwrap_or_default();
    let mut parts = path.trim_start_matches('/').splitn(3, '/');
    let (kind, amount, id) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default(), parts.next());
    if kind == "control" {
        return control(origin, amount, answer);
    }
    let (Some(counter), Ok(amount)) = (KINDS.iter().position(|known| *known == kind), amount.parse::<usize>()) else {
        return refuse("404 Not Found", answer);
    };
    origin.requests[counter].set(origin.requests[counter].get() + 1);
    let generation = origin.generation.get();
    let body_bytes = if kind == "slow" { 1024 } else { amount };
    if !(BODY_BYTES_MIN..=BODY_BYTES_MAX).contains(&body_bytes) {
        return refuse("400 Bad Request", answer);
    }
    if kind == "slow" {
        tokio::time::sleep(Duration::from_millis(amount as u64)).await;
    }
    let id = id.unwrap_or("0");
    let gzip = kind == "gzip" && asked.accepts_gzip;
    let etag = format!("\"{id}-{body_bytes}-{generation}{}\"", if gzip { "-gzip" } else { "" });
    let mut fields = String::with_capacity(512);
    describe(kind, id, generation, gzip, &etag, &mut fields);
    if kind != "pass" && asked.if_none_match.as_deref().is_some_and(|tags| tags.contains(&etag)) {
        return put("304 Not Modified", &fields, None, true, answer);
    }
    if gzip {
        put("200 OK", &fields, Some(&coded(origin, body_bytes, id, generation)), asked.head_only, answer);
    } else {
        put("200 OK", &fields, Some(&body(body_bytes, id, generation)), asked.head_only, answer);
    }
}

/// The field lines of an answer, but for its length.
fn describe(kind: &str, id: &str, generation: u64, gzip: bool, etag: &str, fields: &mut String) {
    let date = httpdate::fmt_http_date(SystemTime::now());
    let _ = write!(fields, "Date: {date}\r\nContent-Type: application/json\r\nX-Generation: {generation}\r\n");
    if kind == "pass" {
        fields.push_str("Cache-Control: no-store\r\n");
        return;
    }
    let _ = write!(fields, "Cache-Control: max-age=3600\r\nETag: {etag}\r\n");
    // Two names for one thing: what Larder and most networks read, and what Varnish's xkey reads.
    let _ = write!(fields, "Surrogate-Key: catalog product:{id}\r\nxkey: catalog product:{id}\r\n");
    if kind == "gzip" {
        fields.push_str("Vary: Accept-Encoding\r\n");
    }
    if gzip {
        fields.push_str("Content-Encoding: gzip\r\n");
    }
}

/// JSON of exactly `bytes` bytes that names `id` and `generation`; it compresses about as catalogues do.
fn body(bytes: usize, id: &str, generation: u64) -> Vec<u8> {
    let mut text = format!("{{\"id\":\"{id}\",\"generation\":{generation},\"items\":\"");
    text.truncate(bytes - 2);
    for number in 0_usize.. {
        if text.len() >= bytes - 2 {
            break;
        }
        let sku = number.wrapping_mul(2_654_435_761) % 1_000_000;
        let _ = write!(text, "{sku:06} walking shoe, size {}, {}.95 EUR, in stock; ", 36 + number % 12, sku % 190);
    }
    text.truncate(bytes - 2);
    text.push_str("\"}");
    text.into_bytes()
}

/// The same, coded; made once.
fn coded(origin: &Origin, bytes: usize, id: &str, generation: u64) -> Rc<Vec<u8>> {
    let mut coded = origin.coded.borrow_mut();
    if coded.len() >= CODED_MAX {
        coded.clear();
    }
    let make = || {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&body(bytes, id, generation)).expect("a Vec takes all that is written");
        Rc::new(encoder.finish().expect("a Vec takes all that is written"))
    };
    Rc::clone(coded.entry((bytes, id.to_owned(), generation)).or_insert_with(make))
}

/// What the benchmark asks of the origin itself.
fn control(origin: &Origin, what: &str, answer: &mut Vec<u8>) {
    let text = match what {
        "requests" => {
            let counts = KINDS.iter().zip(&origin.requests).map(|(kind, count)| format!("\"{kind}\":{}", count.get()));
            format!("{{{}}}", counts.collect::<Vec<_>>().join(","))
        }
        "bump" => {
            origin.generation.set(origin.generation.get() + 1);
            format!("{{\"generation\":{}}}", origin.generation.get())
        }
        _ => return refuse("404 Not Found", answer),
    };
    let fields = "Content-Type: application/json\r\nCache-Control: no-store\r\n";
    put("200 OK", fields, Some(text.as_bytes()), false, answer);
}

fn refuse(status: &str, answer: &mut Vec<u8>) {
    put(status, "Cache-Control: no-store\r\n", Some(b""), false, answer);
}

/// Appends status line, fields, length and body. Without a body the status has none (304).
fn put(status: &str, fields: &str, body: Option<&[u8]>, head_only: bool, answer: &mut Vec<u8>) {
    answer.extend_from_slice(format!("HTTP/1.1 {status}\r\n{fields}").as_bytes());
    if let Some(body) = body {
        answer.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
        answer.extend_from_slice(if head_only { b"" } else { body });
    } else {
        answer.extend_from_slice(b"\r\n");
    }
}
