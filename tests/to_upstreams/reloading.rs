//! `upstream.tls` and the servers of an https pool, replaced by reloads while requests are under way.

use super::https::{folder, nginx, trusting};
use crate::support::certificates::{Authority, Files, Validity, written};
use crate::support::client::Client;
use crate::support::nginx::Peer;
use crate::support::served::Served;
use crate::support::{Setup, get, post};
use futures_util::future::join_all;
use std::cell::Cell;
use std::path::Path;

/// Writes these lines in the place of those of the same keys, and reloads; the status of that.
async fn put(served: &Served, lines: &[&str]) -> u16 {
    let file = served.folder().join("proxy.toml");
    let mut text = std::fs::read_to_string(&file).expect("it is there");
    for line in lines {
        let key = line.split('=').next().expect("a key");
        let others = text.lines().map(|other| if other.starts_with(key) { line.trim_end() } else { other });
        text = others.collect::<Vec<_>>().join("\n");
    }
    let new = written(served.folder(), "new", &text);
    std::fs::rename(new, file).expect("the folder is ours");
    served.admin(post("/reload", "")).await.status
}

/// A server that says its own name and by whom it is asked, and asks for certificates.
async fn server(name: &str, files: &Files, ca: &Path) -> Peer {
    let verify = format!("ssl_client_certificate {}; ssl_verify_client optional;", ca.display());
    let tells = format!("location / {{ return 200 \"{name} $ssl_server_name $ssl_client_s_dn\"; }}");
    nginx(files, &format!("{verify} {tells}")).await
}

/// What is written of a pool: these servers, the authority's file, and further keys of `tls`.
fn lines(servers: &[&Peer], ca: &Path, more: &str) -> [String; 2] {
    let urls = servers.iter().map(|server| format!("\"{}\"", server.url("https", "localhost")));
    [format!("servers = [{}]", urls.collect::<Vec<_>>().join(", ")), trusting(ca, more)]
}

async fn told(served: &Served) -> String {
    served.get("/p").await.status(200).text()
}

#[tokio::test]
async fn each_reload_of_upstream_tls_holds_from_the_next_request_on_and_no_request_fails() {
    let (authority, folder) = (Authority::new("the shop's own"), folder());
    let files = authority.write_for(folder.path(), &["localhost", "api.internal", "b.internal"], Validity::Valid);
    let both = written(folder.path(), "both.pem", &format!("{}{}", Authority::new("another").pem, authority.pem));
    let shown = ["till-1", "till-2"].map(|name| {
        let [certificate, key] = authority.vouch_for(&[name]);
        let certificate = written(folder.path(), &format!("{name}.pem"), &certificate);
        let key = written(folder.path(), &format!("{name}.key"), &key);
        format!(", certificate = \"{}\", key = \"{}\"", certificate.display(), key.display())
    });
    let (a, b) = (server("a", &files, &files.ca).await, server("b", &files, &files.ca).await);
    let named = ", server_name = \"api.internal\"";
    let named_shown = format!("{named}{}", shown[1]);
    let rows: [(&[&Peer], &Path, &str, &[&str]); 7] = [
        (&[&a], &files.ca, "", &["a localhost "]),
        (&[&a], &files.ca, named, &["a api.internal "]),
        (&[&a], &files.ca, &shown[0], &["a localhost CN=till-1"]),
        (&[&a], &both, &shown[1], &["a localhost CN=till-2"]),
        (&[&b], &both, ", server_name = \"b.internal\"", &["b b.internal "]),
        (&[&a, &b], &both, &named_shown, &["a api.internal CN=till-2", "b api.internal CN=till-2"]),
        (&[&a, &b], &files.ca, "", &["a localhost ", "b localhost "]),
    ];
    let first = lines(&[&a], &files.ca, "");
    let setup = Setup::route("cache = false").before_all(&[&a.url("https", "localhost")]).upstream(&first[1]);
    let served = setup.serve().await;
    let (over, answered) = (Cell::new(false), Cell::new(0));
    let asking = (0..6).map(async |_| {
        let mut client = Client::connect(served.data_address).await;
        while !over.get() {
            client.send(&get("/p")).await;
            client.response().await.status(200);
            answered.set(answered.get() + 1);
        }
    });
    let reloading = async {
        for (servers, ca, more, expected) in rows.iter().cycle().take(2 * rows.len()) {
            let [servers, tls] = lines(servers, ca, more);
            assert_eq!(put(&served, &[&servers, &tls]).await, 200, "{tls}");
            let before = answered.get();
            for _ in 0..4 {
                let told = told(&served).await;
                assert!(expected.contains(&told.as_str()), "{told:?} with {servers} {tls}");
            }
            // Some requests see each of them.
            while answered.get() < before + 6 {
                tokio::task::yield_now().await;
            }
        }
        over.set(true);
    };
    tokio::join!(join_all(asking), reloading);
}

#[tokio::test]
async fn what_a_reload_cannot_use_changes_nothing_and_whom_it_no_longer_trusts_is_asked_no_more() {
    let (authority, folder) = (Authority::new("the shop's own"), folder());
    let files = authority.write_for(folder.path(), &["localhost"], Validity::Valid);
    let other = written(folder.path(), "other.pem", &Authority::new("another").pem);
    let broken = written(folder.path(), "broken.pem", "no certificate");
    let (certificate, key) = (&files.certificate, written(folder.path(), "unfit.key", &authority.vouch_for(&["x"])[1]));
    let a = server("a", &files, &files.ca).await;
    let [_, first] = lines(&[&a], &files.ca, "");
    let setup = Setup::route("cache = false").before_all(&[&a.url("https", "localhost")]).upstream(&first);
    let served = setup.serve().await;
    assert_eq!(told(&served).await, "a localhost ");
    let unfit = format!(", certificate = \"{}\", key = \"{}\"", certificate.display(), key.display());
    for (ca, more) in [
        (folder.path().join("none.pem"), ""),
        (broken, ""),
        (files.ca.clone(), ", server_name = \"not a name\""),
        (files.ca.clone(), unfit.as_str()),
    ] {
        assert_eq!(put(&served, &[&trusting(&ca, more)]).await, 422, "{} {more}", ca.display());
        assert_eq!(told(&served).await, "a localhost ");
    }
    // The connection that is open was made when it was trusted.
    assert_eq!(put(&served, &[&trusting(&other, "")]).await, 200);
    let refused = served.get("/p").await;
    assert!(refused.problem(502).value("proxy-status").is_some_and(|why| why.contains("tls_certificate_error")));
    assert_eq!(put(&served, &[&first]).await, 200);
    assert_eq!(told(&served).await, "a localhost ");
}
