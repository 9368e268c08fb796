//! Who is believed, and what a believed call tells of.

use super::*;
use http::HeaderValue;
use tempfile::TempDir;

const BODY: &[u8] = br#"{"type": "product.updated", "data": {"object": {"id": 42, "skus": ["a", "b"]}}}"#;
const NOW: u64 = 1_700_000_000;

fn sign(secret: &[u8], text: &str) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    hmac::sign(&key, &[text.as_bytes(), BODY].concat()).as_ref().to_vec()
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).map(char::from).collect()
}

fn webhook(folder: &TempDir, secrets: &[&str], form: Form, timestamp: Option<&'static str>) -> Webhook {
    let files = secrets.iter().enumerate().map(|(nth, secret)| {
        let path = folder.path().join(nth.to_string());
        std::fs::write(&path, format!("{secret}\n")).expect("a fresh folder takes a file");
        path
    });
    Webhook {
        name: "shop".to_owned(),
        secrets: files.collect(),
        header: HeaderName::from_static("x-signature"),
        form,
        timestamp_header: timestamp.map(HeaderName::from_static),
        window: Duration::from_mins(5),
        kind: KindFrom::Body(JsonPath::parse("$.type").expect("it is a path")),
        fields: vec![("id".to_owned(), JsonPath::parse("$.data.object.id").expect("it is a path"))],
    }
}

fn believed(webhook: &Webhook, fields: &[(&'static str, String)]) -> Result<(), NotBelieved> {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, HeaderValue::try_from(value).expect("the value is text"));
    }
    webhook.believe(&headers, BODY, Timestamp::from_secs(NOW))
}

#[test]
fn who_knows_the_secret_is_believed_in_the_form_of_each_provider() {
    let folder = tempfile::tempdir().unwrap();
    let plain = sign(b"s3cret", "");
    let stamped = |before: String| sign(b"s3cret", &before);
    let x = |text: String| vec![("x-signature", text)];
    let with_time = |text: String| vec![("x-signature", text), ("x-time", NOW.to_string())];
    let standard_secret = format!("whsec_{}", STANDARD.encode(b"s3cret"));
    let standard = |signature: String| {
        vec![("x-signature", signature), ("webhook-id", "msg_1".to_owned()), ("webhook-timestamp", NOW.to_string())]
    };
    for (secret, form, timestamp, fields) in [
        ("s3cret", Form::Hex, None, x(hex_of(&plain))),
        ("s3cret", Form::Hex, None, x(hex_of(&plain).to_uppercase())),
        ("s3cret", Form::Sha256Hex, None, x(format!("sha256={}", hex_of(&plain)))),
        ("s3cret", Form::Base64, None, x(STANDARD.encode(&plain))),
        ("s3cret", Form::Hex, Some("x-time"), with_time(hex_of(&stamped(format!("{NOW}."))))),
        ("s3cret", Form::Stripe, None, x(format!("t={NOW},v1=00,v1={},v0=ff", hex_of(&stamped(format!("{NOW}.")))))),
        ("s3cret", Form::Slack, Some("x-time"), with_time(format!("v0={}", hex_of(&stamped(format!("v0:{NOW}:")))))),
        (
            &standard_secret,
            Form::Standard,
            None,
            standard(format!("v1,AAAA v1,{}", STANDARD.encode(stamped(format!("msg_1.{NOW}."))))),
        ),
    ] {
        for secrets in [&[secret][..], &["old", secret]] {
            let webhook = webhook(&folder, secrets, form, timestamp);
            assert_eq!(believed(&webhook, &fields), Ok(()), "{form:?} {fields:?}");
        }
        let other = webhook(&folder, &["other"], form, timestamp);
        assert_eq!(believed(&other, &fields), Err(NotBelieved::WrongSignature), "{form:?}");
        let gone = webhook(&folder, &[], form, timestamp);
        assert_eq!(believed(&gone, &fields), Err(NotBelieved::NoSecret), "{form:?}");
        let twice = [fields.as_slice(), &fields].concat();
        assert_eq!(believed(&webhook(&folder, &[secret], form, timestamp), &twice), Err(NotBelieved::Unsigned));
    }
}

#[test]
fn a_signature_of_another_time_is_none_of_now() {
    let folder = tempfile::tempdir().unwrap();
    let stripe = webhook(&folder, &["s3cret"], Form::Stripe, None);
    for (at, expected) in [
        (NOW - 300, Ok(())),
        (NOW + 300, Ok(())),
        (NOW - 301, Err(NotBelieved::OutOfTime)),
        (NOW + 301, Err(NotBelieved::OutOfTime)),
    ] {
        let signature = format!("t={at},v1={}", hex_of(&sign(b"s3cret", &format!("{at}."))));
        assert_eq!(believed(&stripe, &[("x-signature", signature)]), expected, "{at}");
    }
    let moved = format!("t={NOW},v1={}", hex_of(&sign(b"s3cret", &format!("{}.", NOW - 9_000))));
    assert_eq!(believed(&stripe, &[("x-signature", moved)]), Err(NotBelieved::WrongSignature));
}

#[test]
fn what_is_no_signature_is_told_apart_from_a_wrong_one() {
    let folder = tempfile::tempdir().unwrap();
    for (form, timestamp, text) in [
        (Form::Hex, None, "xyz"),
        (Form::Hex, None, "abc"),
        (Form::Sha256Hex, None, "00"),
        (Form::Base64, None, "***"),
        (Form::Hex, Some("x-time"), "00"),
        (Form::Stripe, None, "v1=00"),
        (Form::Stripe, None, "t=1700000000"),
        (Form::Stripe, None, "t=99999999999999999999,v1=00"),
        (Form::Slack, Some("x-time"), "v0=00"),
        (Form::Standard, None, "v1,AAAA"),
    ] {
        let webhook = webhook(&folder, &["s3cret"], form, timestamp);
        let fields = [("x-signature", text.to_owned())];
        assert_eq!(believed(&webhook, &fields), Err(NotBelieved::Unsigned), "{form:?} {text}");
    }
    let hex = webhook(&folder, &["s3cret"], Form::Hex, None);
    assert_eq!(believed(&hex, &[]), Err(NotBelieved::Unsigned));
    // Cut short, it is not one that fits a beginning.
    let cut = hex_of(&sign(b"s3cret", "")[..16]);
    assert_eq!(believed(&hex, &[("x-signature", cut)]), Err(NotBelieved::WrongSignature));
}

#[test]
fn a_believed_call_is_an_event_by_its_paths() {
    let folder = tempfile::tempdir().unwrap();
    let path = |text: &str| JsonPath::parse(text).unwrap();
    let mut shop = webhook(&folder, &["s3cret"], Form::Hex, None);
    shop.fields.push(("sku".to_owned(), path("$.data.object.skus[*]")));
    shop.fields.push(("absent".to_owned(), path("$.nothing")));
    let mut headers = HeaderMap::new();
    let expected = Event::parse_json(br#"{"type": "product.updated", "id": 42, "sku": ["a", "b"]}"#);
    assert_eq!(shop.event(&headers, BODY), expected);
    shop.kind = KindFrom::Header(HeaderName::from_static("x-topic"));
    assert_eq!(shop.event(&headers, BODY), Err(EventError::Type));
    headers.insert("x-topic", HeaderValue::from_static("products/update"));
    assert_eq!(shop.event(&headers, BODY).map(|event| event.kind), Ok("products/update".to_owned()));
    shop.kind = KindFrom::Always("changed".to_owned());
    assert_eq!(shop.event(&headers, BODY).map(|event| event.kind), Ok("changed".to_owned()));
    assert_eq!(shop.event(&headers, b"a=b"), Err(EventError::Syntax));
    shop.kind = KindFrom::Body(path("$.data.object.skus[*]"));
    assert_eq!(shop.event(&headers, BODY), Err(EventError::Type));
}
