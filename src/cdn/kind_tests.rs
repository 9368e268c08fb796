//! The calls of each kind, byte by byte.

use super::*;

fn shown(call: &Call) -> String {
    let fields: Vec<String> = call
        .headers()
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().expect("the fields are text")))
        .collect();
    let body = String::from_utf8_lossy(call.body());
    format!("{} {} [{}] {body}", call.method(), call.uri(), fields.join(", "))
}

fn calls(kind: &Kind, part: &Part) -> Vec<String> {
    kind.calls(part, Some("s3cret")).expect("the API can be told").iter().map(shown).collect()
}

fn tags(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("t{n}")).collect()
}

fn address(host: &str, path: &str) -> Address {
    Address { host: Some(host.to_owned()), path: path.to_owned() }
}

#[test]
fn fastly_is_told_by_surrogate_keys_by_url_and_all() {
    let fastly = Kind::Fastly { api: "https://api".to_owned(), service: "SU1".to_owned(), tags: Able::Yes };
    let key = "fastly-key: s3cret, accept: application/json";
    assert_eq!(
        calls(&fastly, &Part::Tags(Depth::Soft, tags(2))),
        [format!(
            "POST https://api/service/SU1/purge [{key}, fastly-soft-purge: 1, content-type: application/json] \
             {{\"surrogate_keys\":[\"t0\",\"t1\"]}}"
        )]
    );
    assert_eq!(
        calls(&fastly, &Part::Urls(Depth::Hard, vec![address("shop", "/p?q=1")])),
        [format!("POST https://api/purge/shop/p?q=1 [{key}] ")]
    );
    assert_eq!(
        calls(&fastly, &Part::Everything(Depth::Soft)),
        [format!("POST https://api/service/SU1/purge_all [{key}] ")]
    );
    assert_eq!(calls(&fastly, &Part::Tags(Depth::Hard, tags(257))).len(), 2);
    let nowhere = Address { host: None, path: "/p".to_owned() };
    assert!(fastly.calls(&Part::Urls(Depth::Hard, vec![nowhere]), Some("s3cret")).is_err());
    assert!(fastly.calls(&Part::Everything(Depth::Hard), None).is_err());
}

#[test]
fn cloudflare_is_told_by_tags_by_prefixes_of_whole_segments_and_all() {
    let cloudflare = Kind::Cloudflare { api: "https://api".to_owned(), zone: "z".to_owned(), tags: Able::Yes };
    let call = |body: &str| {
        format!(
            "POST https://api/zones/z/purge_cache [authorization: Bearer s3cret, content-type: application/json] {body}"
        )
    };
    let hard = Depth::Hard;
    for (part, body) in [
        (Part::Tags(hard, tags(2)), r#"{"tags":["t0","t1"]}"#),
        (Part::Everything(hard), r#"{"purge_everything":true}"#),
        (Part::Urls(hard, vec![address("shop", "/p/1?q=1"), address("shop", "/p/1")]), r#"{"prefixes":["shop/p/1"]}"#),
        (Part::Prefixes(hard, vec![address("shop", "/api/p?q=1")]), r#"{"prefixes":["shop/api/p"]}"#),
        (Part::Prefixes(hard, vec![address("shop", "/api/p/")]), r#"{"prefixes":["shop/api/p"]}"#),
        (Part::Prefixes(hard, vec![address("shop", "/pro")]), r#"{"prefixes":["shop"]}"#),
    ] {
        assert_eq!(calls(&cloudflare, &part), [call(body)]);
    }
    assert_eq!(calls(&cloudflare, &Part::Tags(hard, tags(61))).len(), 3);
}

#[test]
fn every_varnish_is_told_by_keys_and_bans() {
    let servers = vec!["http://a:6081".to_owned(), "http://b:6081".to_owned()];
    let varnish = Kind::Varnish { servers, tags: Able::Yes };
    let both = |method: &str, fields: &str| ["a", "b"].map(|host| format!("{method} http://{host}:6081/ [{fields}] "));
    let hard = Depth::Hard;
    for (part, method, fields) in [
        (Part::Tags(hard, tags(2)), "PURGE", "xkey-purge: t0 t1"),
        (Part::Everything(hard), "BAN", "x-host: .*, x-url: .*"),
        (Part::Urls(hard, vec![address("shop.x", "/p.html?q")]), "BAN", r"x-host: ^shop\.x$, x-url: ^/p\.html(\?|$)"),
        (Part::Prefixes(hard, vec![Address { host: None, path: "/p".to_owned() }]), "BAN", "x-host: .*, x-url: ^/p"),
    ] {
        assert_eq!(calls(&varnish, &part), both(method, fields));
    }
    let spaced = calls(&varnish, &Part::Tags(hard, vec!["red shoes".to_owned()]));
    assert_eq!(spaced, both("PURGE", &format!("xkey-purge: {}", written("red shoes"))), "as Larder labels it");
    assert_eq!(calls(&varnish, &Part::Tags(hard, tags(2_000))).len(), 6, "a line holds 4 KiB");
}
