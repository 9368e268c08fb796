//! Answers whole, cut at each byte, and ended at each byte; requests written in pieces; and the same beside hyper's client.

use super::head::HeadLimits;
use super::io::Reuse;
use super::played::{Answer, Outcome, Played, Then, outcome};
use super::*;
use crate::engine::exchange::FieldsAs;
use crate::engine::origin::OriginErrorKind;
use crate::engine::origin::OriginErrorKind::{Closed, HeadTooLarge, Invalid};
use crate::engine::request_fields::RequestFields;
use crate::semantics::chunks::{ChunkLimits, Chunks};
use crate::upstream::options::UpstreamOptions;
use crate::upstream::request_body::{Content, RequestBody};
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt as _, StreamBody};
use hyper_util::rt::TokioIo;
use std::task::Waker;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

fn limits() -> HeadLimits {
    HeadLimits::new(&UpstreamOptions { response_fields_max: 8, ..UpstreamOptions::of(Vec::new()) })
}

fn read(bytes: &str, cuts: &[usize], then: Then) -> Outcome {
    outcome(&Method::GET, Played::new(bytes.as_bytes(), cuts, then), limits())
}

/// What an answer is expected to come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comes {
    /// To this body, and the connection may be used again or not.
    To(&'static str, Reuse),
    /// To a head and a body that is not whole.
    Short,
    /// To no head.
    Refused(OriginErrorKind),
}
use Comes::{Refused, Short, To};
use Reuse::{Never, Now};

const OK: &str = "HTTP/1.1 200 OK\r\n";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

/// Each is sent and then the connection ended. Those marked are read alike by hyper's client.
fn table() -> Vec<(String, Comes, bool)> {
    let ok = |rest: &str| format!("{OK}{rest}");
    let chunked = |rest: &str| format!("{CHUNKED}{rest}");
    vec![
        (ok("content-length: 2\r\n\r\nok"), To("ok", Now), true),
        (ok("content-length: 0\r\n\r\n"), To("", Now), true),
        (ok("content-length: 2\r\ncontent-length: 2\r\n\r\nok"), To("ok", Now), true),
        (ok("content-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n"), To("ok", Never), true),
        (ok("content-length: 2\r\nconnection: x, close\r\n\r\nok"), To("ok", Never), true),
        ("HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok".into(), To("ok", Never), true),
        ("HTTP/1.0 200 OK\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\nok".into(), To("ok", Now), true),
        (ok("\r\nto the end"), To("to the end", Never), true),
        (ok("x : y\r\nx: a\r\n b\r\ncontent-length: 0\r\n\r\n"), To("", Now), true),
        ("HTTP/1.1 204 No Content\r\n\r\n".into(), To("", Now), true),
        ("HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n".into(), To("", Now), true),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\nHTTP/1.1 204 N\r\n\r\n".into(),
            To("", Now),
            true,
        ),
        (chunked("2\r\nok\r\n0\r\n\r\n"), To("ok", Now), true),
        (chunked("1\r\no\r\n0001;a=\"b\"\r\nk\r\n0\r\nsum: 1\r\nsum: 2\r\n\r\n"), To("ok", Now), true),
        (chunked("A\r\n0123456789\r\n0\r\n\r\nmore"), To("0123456789", Never), true),
        (ok("transfer-encoding: chunked\r\ncontent-length: 9\r\n\r\n2\r\nok\r\n0\r\n\r\n"), To("ok", Never), true),
        (ok("content-length: 3\r\n\r\nok"), Short, true),
        (chunked("2\r\nok\r\n"), Short, true),
        (chunked("2\r\nok\r\n0\r\n"), Short, true),
        (chunked("2\r\nok\r\n0\r\nsum: 1\r\n"), Short, true),
        (chunked("3\r\nok\r\n0\r\n\r\n"), Short, true),
        (chunked("1\r\nok\r\n0\r\n\r\n"), Short, true),
        (chunked("0x2\r\nok\r\n0\r\n\r\n"), Short, true),
        (chunked("\r\nok\r\n0\r\n\r\n"), Short, true),
        (chunked("-1\r\nok\r\n0\r\n\r\n"), Short, true),
        (chunked("1 \r\no\r\n0\r\n\r\n"), Short, false),
        (chunked("2\nok\n0\n\n"), Short, true),
        (chunked("2;a\nb\r\nok\r\n0\r\n\r\n"), Short, true),
        (chunked("0\r\nsum: 1\n\r\n\r\n"), Short, false),
        (chunked("0\r\ncontent-length: 1\r\n\r\n"), Short, false),
        (chunked("0\r\nno field\r\n\r\n"), Short, true),
        (chunked("1000000000000000\r\nok"), Short, true),
        (chunked("fffffffffffffffff\r\nok"), Short, true),
        (String::new(), Refused(Closed), true),
        (OK.into(), Refused(Closed), true),
        ("HTTP/1.1 103 Early Hints\r\n\r\n".into(), Refused(Closed), true),
        ("HTTP/1.1 200 OK\nx: y\n\n".into(), Refused(Invalid), false),
        (ok("x: y\n\r\n"), Refused(Invalid), false),
        (ok("x: y\rz\r\n\r\n"), Refused(Invalid), true),
        (ok(" x: y\r\n\r\n"), Refused(Invalid), true),
        ("\r\nHTTP/1.1 200 OK\r\n\r\n".into(), Refused(Invalid), false),
        ("HTTP/2.0 200 OK\r\n\r\n".into(), Refused(Invalid), true),
        (ok("content-length: 2\r\ncontent-length: 3\r\n\r\nok"), Refused(Invalid), true),
        (ok("content-length: 2, 3\r\n\r\nok"), Refused(Invalid), true),
        (ok("content-length: +2\r\n\r\nok"), Refused(Invalid), true),
        (ok("transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), Refused(Invalid), false),
        ("HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n".into(), Refused(Invalid), true),
        (ok(&"x: y\r\n".repeat(9)), Refused(Closed), true),
        (ok(&format!("{}\r\n", "x: y\r\n".repeat(9))), Refused(HeadTooLarge), false),
    ]
}

fn came_to(outcome: Outcome) -> Result<Answer, OriginErrorKind> {
    match outcome {
        Outcome::Answer(answer) => Ok(answer),
        Outcome::Refused(kind) => Err(kind),
        Outcome::Waits(body) => panic!("the connection has ended, but more is waited for after {body:?}"),
    }
}

fn comes(answer: &Result<Answer, OriginErrorKind>, expected: Comes) -> bool {
    match (answer, expected) {
        (Err(kind), Refused(expected)) => *kind == expected,
        (Ok(answer), Short) => !answer.is_whole && answer.reuse == Never,
        (Ok(answer), To(body, reuse)) => answer.is_whole && answer.body == body.as_bytes() && answer.reuse == reuse,
        _ => false,
    }
}

#[test]
fn an_answer_comes_to_the_same_wherever_it_is_cut() {
    for (bytes, expected, _) in table() {
        let whole = came_to(read(&bytes, &[], Then::End));
        assert!(comes(&whole, expected), "{bytes:?} is to come to {expected:?}, not {whole:?}");
        let each: Vec<usize> = (1..bytes.len()).collect();
        for cuts in each.iter().map(std::slice::from_ref).chain([&each[..]]) {
            assert_eq!(came_to(read(&bytes, cuts, Then::End)), whole, "{bytes:?} cut at {cuts:?}");
        }
    }
}

#[test]
fn an_answer_that_ends_before_its_end_is_never_whole_and_its_connection_never_used_again() {
    for (bytes, expected, _) in table() {
        let To(body, reuse) = expected else { continue };
        let ends_with_connection = bytes.contains("to the end");
        for end in 0..bytes.len() {
            match read(&bytes[..end], &[], Then::End) {
                Outcome::Refused(kind) => assert_eq!(kind, Closed, "{:?}", &bytes[..end]),
                Outcome::Answer(answer) => {
                    let came = body.as_bytes().starts_with(&answer.body);
                    let is_whole = answer.is_whole && !ends_with_connection;
                    // What nobody asked for behind an answer may be cut.
                    assert!(came && (!is_whole || reuse == Never), "{:?}: {answer:?}", &bytes[..end]);
                    assert!(!is_whole || answer.body == body.as_bytes(), "{:?}: {answer:?}", &bytes[..end]);
                }
                Outcome::Waits(_) => panic!("{:?}: the end is not seen", &bytes[..end]),
            }
        }
    }
}

#[test]
fn a_request_without_a_body_in_its_answer_reads_none() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n";
    let Outcome::Answer(head) = outcome(&Method::HEAD, Played::new(answer.as_bytes(), &[], Then::Silence), limits())
    else {
        panic!("there is an answer")
    };
    assert_eq!((head.body.len(), head.reuse, &head.headers["content-length"]), (0, Now, &"5".parse().unwrap()));
}

#[test]
fn a_long_body_comes_whole_in_whatever_pieces() {
    let content: String = ('a'..='z').cycle().take(200_001).collect();
    let length = format!("{OK}content-length: {}\r\n\r\n{content}", content.len());
    let chunks = |size: usize| {
        let chunk = |piece: &[u8]| format!("{:x}\r\n{}\r\n", piece.len(), std::str::from_utf8(piece).unwrap());
        format!("{CHUNKED}{}0\r\n\r\n", content.as_bytes().chunks(size).map(chunk).collect::<String>())
    };
    for answer in [length, chunks(1000), chunks(16 * 1024), chunks(50_000), chunks(200_001)] {
        for piece in [999, 16 * 1024, 70_000, usize::MAX] {
            let cuts: Vec<usize> = (1..answer.len() / piece.min(answer.len())).map(|at| at * piece).collect();
            let answer = came_to(read(&answer, &cuts, Then::End)).unwrap();
            assert!(answer.is_whole && answer.body == content.as_bytes(), "pieces of {piece}");
            assert_eq!(answer.reuse, Now);
        }
    }
}

/// What hyper's client makes of the bytes: the body where it is whole, or none.
async fn by_hyper(bytes: &str) -> Option<Vec<u8>> {
    let (ours, mut theirs) = tokio::io::duplex(64 * 1024);
    let mut builder = hyper::client::conn::http1::Builder::new();
    builder.allow_spaces_after_header_name_in_responses(true).allow_obsolete_multiline_headers_in_responses(true);
    let (mut sender, connection) = builder.handshake(TokioIo::new(ours)).await.unwrap();
    tokio::spawn(connection);
    let bytes = bytes.as_bytes().to_vec();
    let server = async move {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            theirs.read_buf(&mut head).await.unwrap();
        }
        theirs.write_all(&bytes).await.unwrap();
    };
    let request = Request::builder().uri("/").header("host", "a").body(http_body_util::Empty::<Bytes>::new()).unwrap();
    let (answer, ()) = tokio::join!(sender.send_request(request), server);
    let collected = answer.ok()?.into_body().collect().await.ok()?;
    Some(collected.to_bytes().to_vec())
}

#[tokio::test]
async fn answers_are_read_as_hyper_reads_them_where_it_is_not_more_lenient() {
    for (bytes, _, alike) in table() {
        let ours =
            came_to(read(&bytes, &[], Then::End)).ok().filter(|answer| answer.is_whole).map(|answer| answer.body);
        let theirs = by_hyper(&bytes).await;
        assert_eq!(ours == theirs, alike, "{bytes:?}: {ours:?} beside {theirs:?}");
    }
}

/// A request with these frames, as it is written in pieces of at most so many bytes.
fn written(
    head: &Request<RequestFields>,
    frames: &[Frame<Bytes>],
    write_bytes_max: usize,
) -> Result<Vec<u8>, OriginErrorKind> {
    let frames: Vec<_> = frames
        .iter()
        .map(|frame| match (frame.data_ref(), frame.trailers_ref()) {
            (Some(data), _) => Frame::data(data.clone()),
            (_, trailers) => Frame::trailers(trailers.cloned().unwrap_or_default()),
        })
        .collect();
    let body = StreamBody::new(futures_util::stream::iter(frames.into_iter().map(Ok))).boxed_unsync();
    let (server, written) = Played::new(b"", &[], Then::Silence).writing(write_bytes_max);
    let mut session = Http1::new(server, limits());
    let sent = {
        let mut asking =
            std::pin::pin!(session.send(head, RequestBody::new(Content::Once(body), None), None, FieldsAs::Map));
        asking.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    };
    let bytes = written.lock().unwrap().clone();
    match sent {
        Poll::Pending => Ok(bytes),
        Poll::Ready(Ok(_)) => panic!("there is no answer"),
        Poll::Ready(Err(unanswered)) => Err(unanswered.failed.kind),
    }
}

#[test]
fn a_request_is_written_whole_in_whatever_pieces_it_is_taken() {
    let long = "x".repeat(70_000);
    let trailers = HeaderMap::from_iter([
        (http::header::ETAG, "\"t\"".parse().unwrap()),
        (http::header::CONTENT_LENGTH, "1".parse().unwrap()),
    ]);
    let bodies: [&[&str]; 5] = [&[], &["a"], &["a", "", "bc"], &[&long], &["a", &long, "b", &long]];
    for (body, write_bytes_max) in bodies.into_iter().flat_map(|body| [1, 3, 4096, usize::MAX].map(|max| (body, max))) {
        let content = body.concat();
        let frames: Vec<_> = body.iter().map(|piece| Frame::data(Bytes::from((*piece).to_owned()))).collect();
        let head = |name: &str, value: &str| {
            Request::builder()
                .method("POST")
                .uri("/p?q=1")
                .header("host", "a")
                .header(name, value)
                .body(RequestFields::default())
                .unwrap()
        };
        let length = written(&head("content-length", &content.len().to_string()), &frames, write_bytes_max).unwrap();
        let expected = format!("POST /p?q=1 HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{content}", content.len());
        assert!(length == expected.as_bytes(), "{} bytes, {write_bytes_max} at a time", content.len());

        let with_trailers: Vec<_> = frames
            .iter()
            .map(|frame| Frame::data(frame.data_ref().unwrap().clone()))
            .chain([Frame::trailers(trailers.clone())])
            .collect();
        for (frames, expected) in [(&frames, None), (&with_trailers, Some("\"t\""))] {
            let bytes = written(&head("transfer-encoding", "chunked"), frames, write_bytes_max).unwrap();
            let start = b"POST /p?q=1 HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
            let mut chunks = Chunks::new(ChunkLimits::SERVER);
            let (decoded, result) = chunks.decode(bytes.strip_prefix(start).unwrap());
            assert_eq!((result, chunks.is_over()), (Ok(()), true));
            assert!(decoded.data == content.as_bytes());
            assert_eq!(decoded.taken + start.len(), bytes.len(), "nothing follows");
            let sent = decoded.trailers.map(|trailers| (trailers.len(), trailers["etag"].to_str().unwrap().to_owned()));
            assert_eq!(sent, expected.map(|etag| (1, etag.to_owned())));
        }
    }
}

#[tokio::test]
async fn an_answer_is_read_to_its_end_though_its_server_takes_no_more_of_the_request() {
    let (head, content) = (format!("{OK}content-length: 40000\r\n\r\n"), "x".repeat(40_000));
    let bytes = format!("{head}{content}");
    for takes in [1, 60, 5000] {
        let server = Played::new(bytes.as_bytes(), &[head.len(), head.len() + 1, 20_000], Then::End).taking(takes);
        let mut session = Http1::new(server, limits());
        let request = Request::builder()
            .method("POST")
            .header("transfer-encoding", "chunked")
            .body(RequestFields::default())
            .unwrap();
        let pieces = futures_util::stream::iter((0..9).map(|_| Ok(Frame::data(Bytes::from(vec![b'y'; 5000])))));
        let body = RequestBody::new(Content::Once(StreamBody::new(pieces).boxed_unsync()), None);
        session.send(&request, body, None, FieldsAs::Map).await.map_err(|unanswered| unanswered.failed.kind).unwrap();
        let mut read = 0;
        while let Some(frame) = std::future::poll_fn(|context| session.poll_frame(context)).await {
            read += frame.unwrap().into_data().unwrap().len();
            tokio::task::yield_now().await;
        }
        assert_eq!((read, session.reuse()), (40_000, Never), "{takes} bytes were taken");
    }
}

#[test]
fn a_body_that_is_not_as_long_as_its_head_says_is_its_senders_fault() {
    for (length, pieces) in [("3", &["ab"][..]), ("3", &["ab", "cd"]), ("0", &["a"]), ("1", &[])] {
        let head =
            Request::builder().method("POST").header("content-length", length).body(RequestFields::default()).unwrap();
        let frames: Vec<_> = pieces.iter().map(|piece| Frame::data(Bytes::from_static(piece.as_bytes()))).collect();
        assert_eq!(written(&head, &frames, usize::MAX), Err(OriginErrorKind::ClientBody), "{length} {pieces:?}");
    }
}
