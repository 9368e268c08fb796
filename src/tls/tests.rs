//! Which files can be used, and what is said of those that can't.

use super::*;
use crate::clock::Timestamp;
use rcgen::{CertificateParams, KeyPair};
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

/// A certificate and its key, in PEM.
fn pair(name: &str) -> [String; 2] {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new([name.to_owned()]).unwrap().self_signed(&key).unwrap();
    [certificate.pem(), key.serialize_pem()]
}

/// A file of its own for each text.
fn files(texts: [&str; 2]) -> (TempDir, [PathBuf; 2]) {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["cert.pem", "key.pem"].map(|name| folder.path().join(name));
    for (path, text) in paths.iter().zip(texts) {
        std::fs::write(path, text).unwrap();
    }
    (folder, paths)
}

#[test]
fn what_cannot_be_used_is_said_with_its_file_and_a_hint() {
    let [certificate, key] = pair("a.example");
    let [issuer, other_key] = pair("b.example");
    let chain = format!("{certificate}{issuer}");
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let older = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    let garbled = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let no_certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (texts, file, expected) in [
        (["", &key], "cert.pem", "the file is empty"),
        ([&key, &key], "cert.pem", "there is no certificate in it"),
        (["plain text", &key], "cert.pem", "there is no certificate in it"),
        ([no_certificate, &key], "cert.pem", "a certificate in it cannot be read"),
        (["-----BEGIN CERTIFICATE-----\nAAAA\n", &key], "cert.pem", "not PEM: a section has no end"),
        ([&certificate, "\n"], "key.pem", "the file is empty"),
        ([&certificate, &certificate], "key.pem", "there is no private key in it"),
        ([&certificate, &format!("{key}{other_key}")], "key.pem", "there is more than one private key in it"),
        ([&certificate, encrypted], "key.pem", "the private key is encrypted"),
        ([&certificate, older], "key.pem", "the private key is encrypted"),
        ([&certificate, garbled], "key.pem", "the private key is of a kind that cannot be used"),
        ([&certificate, &other_key], "key.pem", "the private key does not fit the certificate in"),
        ([&chain, &other_key], "key.pem", "the private key fits a certificate in"),
    ] {
        let (_folder, [certificate, key]) = files(texts);
        let failure = Identity::load(&certificate, &key).unwrap_err();
        assert!(failure.path().ends_with(file), "{failure}");
        assert!(failure.to_string().contains(&format!("{file}` cannot be used: {expected}")), "{failure}");
        assert!(!failure.hint().is_empty());
        assert!(!failure.to_string().contains("AAAA"), "a key is never repeated: {failure}");
    }
}

#[test]
fn a_file_that_is_missing_is_named() {
    let (folder, [_, key]) = files(["", ""]);
    let missing = folder.path().join("missing.pem");
    for failure in [Identity::load(&missing, &key).unwrap_err(), authorities(&missing).unwrap_err()] {
        assert_eq!(failure.path(), missing);
        assert!(failure.to_string().contains("No such file"), "{failure}");
    }
}

#[test]
fn a_chain_and_its_key_may_lie_in_one_file() {
    let [certificate, key] = pair("a.example");
    let [issuer, _] = pair("issuer");
    let (_folder, [both, _]) = files([&format!("{certificate}{issuer}{key}"), ""]);
    let identity = Identity::load(&both, &both).unwrap();
    assert_eq!(identity.certified.cert.len(), 2);
    assert_eq!(authorities(&both).unwrap().len(), 2);
}

#[test]
fn an_end_is_warned_of_two_weeks_before() {
    let day = |day: u64| Timestamp::from_secs(day * 24 * 60 * 60);
    let validity = Validity { not_before: day(100), not_after: day(200) };
    for (now, expected) in [
        (day(99), Some("is not valid before 1970-04-11T00:00:00.000Z")),
        (day(100), None),
        (day(185), None),
        (day(186), Some("expires in 14 days, at 1970-07-20T00:00:00.000Z")),
        (day(200), Some("expires in 0 days, at 1970-07-20T00:00:00.000Z")),
        (day(200).saturating_add(Duration::from_secs(1)), Some("has expired at 1970-07-20T00:00:00.000Z")),
    ] {
        assert_eq!(validity.warning(now).as_deref(), expected);
    }
}

#[test]
fn times_are_read_from_the_certificate() {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["a.example".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2024, 1, 1);
    params.not_after = rcgen::date_time_ymd(2025, 1, 1);
    let certificate = params.self_signed(&key).unwrap();
    let (_folder, [certificate, key]) = files([&certificate.pem(), &key.serialize_pem()]);
    let validity = Identity::load(&certificate, &key).unwrap().validity;
    let expected = [validity.not_before, validity.not_after].map(Timestamp::to_rfc3339);
    assert_eq!(expected, ["2024-01-01T00:00:00.000Z", "2025-01-01T00:00:00.000Z"]);
}
