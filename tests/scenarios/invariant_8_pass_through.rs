//! Invariant 8: what passes through is what the origin said.

use crate::support::wire::Head;
use crate::support::{Barrier, Setup, get, head, post, reply, request};

#[tokio::test]
async fn invariant_8_repeated_lines_unknown_fields_and_bytes_pass_unchanged() {
    let scenario = Setup::rules("").start().await;
    let bytes: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    scenario.origin.on(
        "/p",
        reply(203)
            .header("Set-Cookie", "a=1")
            .header("X-Twice", "one, two")
            .header("Set-Cookie", "b=2")
            .header("X-Twice", "three")
            .header("X-Empty", "")
            .header("Date", "Sun, 06 Nov 1994 08:49:37 GMT")
            .header("Server", "the origin")
            .body(&bytes),
    );
    let response = scenario.get("/p").await;
    response.status(203).body(&bytes).lines("Set-Cookie", ["a=1", "b=2"]).lines("X-Twice", ["one, two", "three"]);
    response.header("X-Empty", "").header("Date", "Sun, 06 Nov 1994 08:49:37 GMT").header("Server", "the origin");
    response.header("Cache-Status", "larder; fwd=bypass; fwd-status=203; detail=no-route").without("Age");
}

#[tokio::test]
async fn every_answer_that_the_origin_was_asked_for_says_how_it_came_past_the_cache() {
    let rules = "[[route]]\npath = \"/private/**\"\ncache = false\n[[route]]\npath = \"/p/**\"\nttl = \"1m\"";
    let scenario = Setup::rules(rules).upstream("read_timeout = \"1s\"").start().await;
    let hangs = Barrier::new();
    for (method, path, answer, said) in [
        ("GET", "/other", reply(200), "fwd=bypass; fwd-status=200; detail=no-route"),
        ("GET", "/private/a", reply(404), "fwd=bypass; fwd-status=404; detail=route-passes"),
        ("PUT", "/p/a", reply(204), "fwd=method; fwd-status=204; detail=method-not-named"),
        ("GET", "/p/a%2fb", reply(200), "fwd=bypass; fwd-status=200; detail=ambiguous-path"),
        ("OPTIONS", "*", reply(200), "fwd=bypass; fwd-status=200; detail=no-route"),
        ("GET", "/private/cut", reply(0).cut(), "fwd=bypass; detail=upstream-closed"),
        ("GET", "/other/hangs", reply(0).hold(&hangs), "fwd=bypass; detail=upstream-timeout"),
    ] {
        scenario.origin.on(path, answer.header("Cache-Status", "origin; hit"));
        let response = scenario.fetch(&request(method, path)).await;
        let own = format!("larder; {said}");
        let lines = response.head.values("Cache-Status");
        assert_eq!(lines.last().copied(), Some(&*own), "{method} {path}");
        assert_eq!(lines.len(), if response.status < 500 { 2 } else { 1 }, "{method} {path}: {lines:?}");
    }
    // Nobody was asked for this one.
    scenario.send_raw("GET / HTTP/1.1\r\n\r\n").await.response().await.status(400).without("Cache-Status");
}

#[tokio::test]
async fn like_requests_on_one_connection_reach_the_origin_alike() {
    let rules = "[[route]]\npath = \"/private/**\"\ncache = false\n[[route]]\npath = \"/p/**\"\nttl = \"1m\"";
    let scenario = Setup::rules(rules).start().await;
    let targets = ["/private/a?b=c", "/private//a", "/p/a", "/p/a%2fb", "/other"];
    let conditions = ["If-None-Match", "X-None"];
    let asked = targets.into_iter().flat_map(|target| conditions.map(|condition| (target, condition)));
    for (number, (target, condition)) in asked.enumerate() {
        let path = target.split('?').next().unwrap();
        let asked_before = scenario.origin.requests(path).len();
        scenario.origin.on(path, reply(200).header("Cache-Control", "no-store").header("X-Answer", "1").body("x"));
        let asked = get(target)
            .header("X-Shop", &number.to_string())
            .header("USER-Agent", "a")
            .header("Cookie", "sid=1")
            .header("Connection", "keep-alive")
            .header("Via", "1.0 before")
            .header(condition, "\"a\"")
            .header("X-Forwarded-For", "192.0.2.1")
            .header("Upgrade", "h2c")
            .header("HTTP2-Settings", "AAMAAABkAAQAAP__")
            .header("X-Request-Id", "of-the-client");
        let mut client = scenario.connect().await;
        let mut answers = Vec::new();
        for _ in 0..3 {
            client.send(&asked).await;
            let answer = client.response().await;
            answers.push((answer.status, lines(&answer.head)));
        }
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{path}: {answers:?}");
        let seen = scenario.origin.requests(path);
        let seen: Vec<_> = seen.iter().skip(asked_before).map(|seen| lines(&seen.head)).collect();
        assert_eq!(seen.len(), 3, "{path}");
        assert!(seen.iter().all(|lines| *lines == seen[0]), "{path}: {seen:?}");
    }
}

#[tokio::test]
async fn an_answer_passes_alike_whether_its_fields_are_read_or_left_as_lines() {
    let scenario = Setup::rules("").start().await;
    let answers = [
        reply(200).header("ETag", "\"a\"").header("Set-Cookie", "a=1").header("X-A", "1").header("Set-Cookie", "b=2"),
        reply(404).header("Connection", "keep-alive").header("Keep-Alive", "timeout=5, max=9").header("Age", "7"),
        reply(203).header("Via", "1.0 origin").header("Cache-Status", "origin; hit").header("X-Request-Id", "own"),
        reply(200)
            .header("Date", "Sun, 06 Nov 1994 08:49:37 GMT")
            .header("Connection", "close")
            .header("Alt-Svc", "clear"),
    ];
    for (number, answer) in answers.into_iter().enumerate() {
        let path = format!("/{number}");
        scenario.origin.on(&path, answer.body("body"));
        let mut heads = Vec::new();
        // HTTP/1.0 has every field read.
        for version in ["1.1", "1.0", "1.1"] {
            let ask = format!("GET {path} HTTP/{version}\r\nHost: shop.test\r\nConnection: keep-alive\r\n\r\n");
            let response = scenario.send_raw(ask).await.response().await;
            response.body("body");
            let mut lines = lines(&response.head);
            lines.retain(|line| !line.to_ascii_lowercase().starts_with("connection: "));
            assert_eq!(response.head.values("Date").len(), 1, "{response:?}");
            assert_eq!(response.head.values("X-Request-Id").len(), 1, "{response:?}");
            heads.push((response.status, lines));
        }
        assert_eq!(heads[0], heads[1]);
        assert_eq!(heads[0], heads[2]);
    }
}

#[tokio::test]
async fn invariant_8_a_target_that_is_no_uri_passes_as_it_came_and_is_kept_as_its_encoded_form() {
    let scenario = Setup::rules("[[route]]\npath = \"/kept/**\"\nttl = \"1m\"").start().await;
    for target in ["/caf\u{e9}", "/a<b>?q=\"<c>\"", "/a\"b\"?\u{20ac}=<", "/plain?a=%3C"] {
        // The scripted origin reads each byte as a character.
        let sent: String = target.bytes().map(char::from).collect();
        let path = sent.split('?').next().unwrap();
        scenario.origin.on(path, reply(200).body("x"));
        for ask in [target.to_owned(), format!("http://shop.test{target}")] {
            let request = format!("GET {ask} HTTP/1.1\r\nHost: shop.test\r\n\r\n");
            scenario.send_raw(request).await.response().await.status(200);
        }
        let seen: Vec<_> = scenario.origin.requests(path).into_iter().map(|seen| seen.target).collect();
        assert_eq!(seen, [&*sent, &*sent]);
    }
    scenario.origin.on("/kept/caf%C3%A9", reply(200).body("kept"));
    for (target, outcome) in [
        ("/kept/caf\u{e9}?q=\u{e9}\"", "larder; fwd=uri-miss"),
        ("/kept/caf%c3%a9?q=%C3%A9%22", "larder; hit"),
        ("/kept/caf\u{e9}?q=\u{e9}\"", "larder; hit"),
    ] {
        let request = format!("GET {target} HTTP/1.1\r\nHost: shop.test\r\n\r\n");
        let response = scenario.send_raw(request).await.response().await;
        response.status(200).body("kept");
        let said = response.head.values("Cache-Status").join(", ");
        assert!(said.starts_with(outcome), "{target}: {said}");
    }
    assert_eq!(scenario.origin.only_request("/kept/caf%C3%A9").target, "/kept/caf%C3%A9?q=%C3%A9%22");
}

/// The field lines of a head, but for what is one message's own, in an order that does not depend on where one was added.
fn lines(head: &Head) -> Vec<String> {
    let own = |name: &str| ["x-request-id", "date"].iter().any(|own| name.eq_ignore_ascii_case(own));
    let lines = head.lines.iter().filter(|(name, _)| !own(name)).map(|(name, value)| format!("{name}: {value}"));
    let mut lines: Vec<_> = lines.collect();
    lines.sort();
    lines
}

#[tokio::test]
async fn each_request_is_counted_with_its_reason() {
    let scenario = Setup::rules("[[route]]\nname = \"p\"\npath = \"/p\"\nttl = \"1m\"").start().await;
    scenario.origin.on("/p", reply(200).body("x"));
    scenario.origin.on("/cut", reply(200).length(9).body("x").cut());
    for _ in 0..3 {
        scenario.get("/p").await.status(200);
    }
    scenario.fetch(&get("/p").header("Cache-Control", "only-if-cached, no-cache")).await;
    scenario.get("/cut").await.truncated();
    scenario.send_raw("GET / HTTP/1.1\r\n\r\n").await.response().await.status(400);
    for (series, count) in [
        (r#"{route="p",outcome="hit",reason="fresh"}"#, 2.0),
        (r#"{route="-",outcome="error",reason="body-truncated"}"#, 1.0),
        (r#"{route="-",outcome="error",reason="host-missing"}"#, 1.0),
    ] {
        let counted = scenario.metric(&format!("larder_request_reasons_total{series}")).await;
        assert!((counted - count).abs() < f64::EPSILON, "{series}: {counted}");
    }
    let text = scenario.admin(get("/metrics")).await.text();
    let sum = |name: &str| -> f64 {
        let values = text.lines().filter(|line| line.starts_with(name)).filter_map(|line| line.rsplit(' ').next());
        values.map(|value| value.parse::<f64>().unwrap()).sum()
    };
    let (all, reasons) = (sum("larder_requests_total{"), sum("larder_request_reasons_total{"));
    assert!((all - reasons).abs() < f64::EPSILON, "{all} requests, {reasons} reasons\n{text}");
}

#[tokio::test]
async fn invariant_8_the_request_reaches_the_origin_as_it_was_but_for_what_a_proxy_adds() {
    let scenario = Setup::rules("").start().await;
    scenario.origin.on("/a%2Fb/../c;v=1", reply(200));
    let target = "/a%2Fb/../c;v=1?x=1&&y=%zz&x=2";
    let sent = get(target).header("X-Twice", "1").header("X-Twice", "2").header("Cookie", "a=1; b=2");
    scenario.fetch(&sent.header("X-Hop", "1").header("Connection", "X-Hop")).await.status(200);
    let seen = scenario.origin.only_request("/a%2Fb/../c;v=1");
    assert_eq!(seen.target, target);
    assert_eq!(seen.head.values("X-Twice"), ["1", "2"]);
    assert_eq!(seen.head.values("Host"), ["shop.test"]);
    assert_eq!(seen.head.values("Cookie"), ["a=1; b=2"]);
    assert_eq!(seen.value("X-Hop"), None, "a field that Connection names goes no further");
    assert_eq!(seen.value("Via"), Some("1.1 larder"));
    assert_eq!(seen.value("X-Forwarded-For"), Some("127.0.0.1"));
    assert_eq!(seen.value("X-Forwarded-Proto"), Some("http"));
    assert_eq!(seen.value("X-Forwarded-Host"), Some("shop.test"));
    let forwarded = seen.value("Forwarded").unwrap_or_default();
    assert!(forwarded.contains("for=127.0.0.1") && forwarded.contains("proto=http"), "{forwarded}");
}

#[tokio::test]
async fn invariant_8_the_names_of_fields_are_spelt_as_they_came_both_ways() {
    let scenario = Setup::rules("[[route]]\npath = \"/kept\"\nttl = \"1m\"").start().await;
    for path in ["/p", "/kept"] {
        let answer = reply(200).header("ETag", "\"a\"").header("x-CamelCase", "1").header("X-Empty", "");
        scenario.origin.on(path, answer.header("WWW-Authenticate", "Basic").header("x-CamelCase", "2").body("x"));
    }
    let request = |method: &str, path: &str| {
        format!(
            "{method} {path} HTTP/1.1\r\nHost: shop.test\r\nUSER-Agent: a\r\nSOAPAction:\"b\"\r\nx-None:\r\n\
             connection: keep-alive\r\nContent-Length: 0\r\n\r\n"
        )
    };
    for (method, path) in [("GET", "/p"), ("POST", "/p"), ("POST", "/kept")] {
        let response = scenario.send_raw(request(method, path)).await.response().await;
        let names: Vec<&str> = response.head.lines.iter().map(|(name, _)| name.as_str()).collect();
        for name in ["ETag", "x-CamelCase", "X-Empty", "WWW-Authenticate", "Content-Length"] {
            assert!(names.contains(&name), "{method} {path}: {name} in {names:?}");
        }
        let seen = scenario.origin.requests(path).pop().unwrap();
        let names: Vec<&str> = seen.head.lines.iter().map(|(name, _)| name.as_str()).collect();
        for name in ["Host", "USER-Agent", "SOAPAction", "x-None"] {
            assert!(names.contains(&name), "{method} {path}: {name} in {names:?}");
        }
    }
}

#[tokio::test]
async fn invariant_8_any_method_passes_with_its_body() {
    let scenario = Setup::rules("").start().await;
    for method in ["POST", "PUT", "PATCH", "DELETE", "PROPFIND", "QUERY", "x-custom"] {
        let path = format!("/{method}");
        scenario.origin.on(&path, reply(201).echoing_the_body());
        scenario.fetch(&request(method, &path).body("some bytes")).await.status(201).body("some bytes");
        assert_eq!(scenario.origin.only_request(&path).method, method);
    }
    scenario.origin.on("/options", reply(204).header("Allow", "GET"));
    scenario.fetch(&request("OPTIONS", "/options")).await.status(204).header("Allow", "GET");
    scenario.origin.on("/head", reply(200).length(1234));
    scenario.fetch(&head("/head")).await.status(200).header("Content-Length", "1234");
}

#[tokio::test]
async fn invariant_8_trailers_pass_in_both_directions() {
    let scenario = Setup::rules("").start().await;
    let answer = reply(200).header("Trailer", "X-Sum").chunked().body("abc").trailer("X-Sum", "6");
    scenario.origin.on("/p", answer);
    let mut client = scenario.connect().await;
    client
        .send_raw(
            b"POST /p HTTP/1.1\r\nHost: shop.test\r\nTE: trailers\r\nTrailer: X-Own\r\n\
              Transfer-Encoding: chunked\r\n\r\n3\r\nxyz\r\n0\r\nX-Own: 1\r\n\r\n",
        )
        .await;
    let response = client.response().await;
    response.body("abc");
    assert_eq!(response.trailers.into_iter().map(lower_case).collect::<Vec<_>>(), [("x-sum".into(), "6".into())]);
    let seen = scenario.origin.only_request("/p");
    assert_eq!(seen.body, b"xyz");
    assert_eq!(seen.trailers.into_iter().map(lower_case).collect::<Vec<_>>(), [("x-own".into(), "1".into())]);
}

/// A proxy may write field names in any letter case.
fn lower_case((name, value): (String, String)) -> (String, String) {
    (name.to_ascii_lowercase(), value)
}

#[tokio::test]
async fn invariant_8_interim_responses_pass_before_the_final_one() {
    let scenario = Setup::rules("").start().await;
    let gate = Barrier::new();
    let early = "103 Early Hints\r\nLink: </style.css>; rel=preload";
    scenario.origin.on("/p", reply(200).interim(early).interim("102 Processing").wait(&gate).body("final"));
    let mut client = scenario.begin(&get("/p")).await;
    let hint = client.interim().await;
    assert!(hint.first_line.starts_with("HTTP/1.1 103"), "{hint:?}");
    assert_eq!(hint.value("Link"), Some("</style.css>; rel=preload"));
    gate.open();
    let response = client.response().await;
    response.status(200).body("final");
    assert_eq!(response.interim.len(), 1, "102 follows 103: {response:?}");
}

#[tokio::test]
async fn invariant_8_expect_100_continue_is_the_origins_to_answer() {
    let scenario = Setup::rules("").start().await;
    scenario.origin.on("/p", reply(200).echoing_the_body());
    let mut client = scenario.connect().await;
    client.send_raw(b"POST /p HTTP/1.1\r\nHost: shop.test\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n").await;
    let interim = client.interim().await;
    assert!(interim.first_line.starts_with("HTTP/1.1 100"), "{interim:?}");
    client.send_raw(b"body").await;
    client.response().await.status(200).body("body");
    assert_eq!(scenario.origin.only_request("/p").value("Expect"), Some("100-continue"));
}

#[tokio::test]
async fn invariant_8_a_body_streams_through_in_both_directions() {
    let scenario = Setup::rules("").start().await;
    let gate = Barrier::new();
    scenario.origin.on("/down", reply(200).chunked().body("first ").wait(&gate).body("second"));
    let mut down = scenario.begin(&get("/down")).await;
    down.body_so_far("first ").await;
    gate.open();
    down.response().await.body("first second");

    scenario.origin.on("/up", reply(200).echoing_the_body());
    let mut up = scenario.connect().await;
    up.send_raw(b"POST /up HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n").await;
    scenario.origin.until("the first chunk", |seen| seen.iter().any(|seen| seen.body == b"first")).await;
    up.send_raw(b"4\r\nlast\r\n0\r\n\r\n").await;
    up.response().await.body("firstlast");
}

#[tokio::test]
async fn invariant_8_an_upgraded_connection_echoes_both_ways() {
    for rules in ["", "[[route]]\nname = \"all\"\npath = \"/**\"\nttl = \"1m\"\n"] {
        let scenario = Setup::rules(rules).start().await;
        let accept = reply(101).header("Upgrade", "websocket").header("Connection", "Upgrade");
        scenario.origin.on("/socket", accept.header("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=").echo());
        let upgrade = get("/socket").header("Connection", "Upgrade").header("Upgrade", "websocket");
        let upgrade = upgrade.header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
        let mut client = scenario.begin(&upgrade.header("Sec-WebSocket-Version", "13")).await;
        let response = client.response().await;
        response.status(101).header("Upgrade", "websocket");
        response.header("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        for frame in [b"\x81\x85abcdefghi".as_slice(), b"\x00\xff\r\n\r\n"] {
            client.send_raw(frame).await;
            assert_eq!(client.bytes().await.as_deref(), Some(frame));
        }
    }
}

#[tokio::test]
async fn invariant_8_an_upstream_connection_is_used_again() {
    let scenario = Setup::rules("").start().await;
    scenario.origin.on("/p", reply(200).body("p"));
    let mut client = scenario.connect().await;
    for _ in 0..5 {
        client.send(&get("/p")).await;
        client.response().await.body("p");
    }
    let connections: Vec<usize> = scenario.origin.requests("/p").iter().map(|seen| seen.connection).collect();
    assert_eq!(connections, [connections[0]; 5], "five requests one after another need one connection");
}

#[tokio::test]
async fn invariant_8_only_what_may_be_repeated_is_retried_upstream() {
    let scenario = Setup::rules("").start().await;
    // The connection is idle in the pool when the origin drops it at the next request.
    scenario.origin.on("/warm", reply(200).body("warm"));
    scenario.origin.on_each("/get", [reply(200).cut(), reply(200).body("second try")]);
    scenario.get("/warm").await.status(200);
    scenario.get("/get").await.status(200).body("second try");
    scenario.origin.on("/post", reply(200).cut());
    scenario.get("/warm").await.status(200);
    scenario.fetch(&post("/post", "order")).await.problem(502);
    scenario.origin.saw("/post", 1);
}
