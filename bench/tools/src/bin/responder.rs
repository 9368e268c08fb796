//! The bare responder that a hit is measured beside: one thread, tokio, one read and one write a request, and a
//! constant answer. It parses nothing: whoever adds a cache to this pays for what it does, and this is the floor.
//!
//! It is the benchmark's origin too: its answer may be cached.

use std::io::Write as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let body_bytes = std::env::args().nth(1).and_then(|argument| argument.parse().ok()).unwrap_or(1024);
    let answer: &'static [u8] = answer(body_bytes).leak();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "listening on http://{}", listener.local_addr()?)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(respond(stream, answer));
    }
}

/// Head and body in one piece, so that one write sends them.
fn answer(body_bytes: usize) -> Vec<u8> {
    let mut body = String::from("{\"name\": \"shoe\", \"note\": \"");
    body.push_str(&"x".repeat(body_bytes.saturating_sub(body.len() + 2)));
    body.push_str("\"}");
    let length = body.len();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-Control: max-age=3600\r\n";
    format!("{head}Content-Length: {length}\r\n\r\n{body}").into_bytes()
}

/// Answers each read that ends a head; a load generator sends one request at a time.
async fn respond(mut stream: TcpStream, answer: &'static [u8]) {
    let mut buffer = vec![0; 16 * 1024];
    let mut filled = 0;
    loop {
        match stream.read(&mut buffer[filled..]).await {
            Ok(0) | Err(_) => return,
            Ok(read) => filled += read,
        }
        if buffer[..filled].ends_with(b"\r\n\r\n") {
            filled = 0;
            if stream.write_all(answer).await.is_err() {
                return;
            }
        } else if filled == buffer.len() {
            return;
        }
    }
}
