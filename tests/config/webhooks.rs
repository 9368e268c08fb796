//! `[[events.webhook]]`

use super::{load_text, refused};
use larder::testing::config::{Config, ConfigErrors};
use tempfile::TempDir;

fn secret() -> (TempDir, String) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("secret");
    std::fs::write(&path, "s3cret").expect("a fresh folder takes a file");
    let path = format!("\"{}\"", path.display());
    (folder, path)
}

fn load(keys: &str, secret: &str) -> Result<Config, ConfigErrors> {
    let text = keys.replace("SECRET", &format!("secrets = [{secret}]"));
    load_text(&format!("[upstream]\nservers = [\"http://127.0.0.1:8000\"]\n[[events.webhook]]\n{text}\n"))
}

const HEX: &str = "signature = { header = \"X-Signature\", form = \"hex\" }";

#[test]
fn the_forms_of_the_providers_are_known() {
    let (_folder, secret) = secret();
    for (signature, kind) in [
        ("header = \"X-Shopify-Hmac-Sha256\", form = \"base64\"", "type_header = \"X-Shopify-Topic\""),
        ("header = \"X-Hub-Signature-256\", form = \"sha256=hex\"", "type = \"push\""),
        ("header = \"Stripe-Signature\", form = \"stripe\"", "type = \"$.type\"\nwindow = \"1m\""),
        ("header = \"a\", form = \"slack\", timestamp_header = \"b\"", "type = \"$.event.type\""),
        ("header = \"webhook-signature\", form = \"standard\"", "type = \"$.type\"\nfields = { id = \"$.data.id\" }"),
    ] {
        let keys = format!("name = \"shop\"\nSECRET\nsignature = {{ {signature} }}\n{kind}");
        let config = load(&keys, &secret).unwrap_or_else(|errors| panic!("{keys}: {errors}"));
        assert!(config.warnings.is_empty(), "{keys}: {:?}", config.warnings);
    }
}

#[test]
fn what_it_lacks_or_could_not_obey_is_refused() {
    let (_folder, secret) = secret();
    for (keys, expected) in [
        ("name = \"shop\"\nSECRET".to_owned(), "wants `name`, `secrets` and `signature`"),
        (format!("name = \"shop\"\nsecrets = []\n{HEX}\ntype = \"a\""), "without a secret nobody is believed"),
        (format!("name = \"shop\"\nsecrets = [\"nowhere\"]\n{HEX}\ntype = \"a\""), "no secret that can be read"),
        (format!("name = \"a/b\"\nSECRET\n{HEX}\ntype = \"a\""), "is not a name for a webhook"),
        (format!("name = \"shop\"\nSECRET\n{HEX}"), "one of `type` and `type_header`"),
        (format!("name = \"shop\"\nSECRET\n{HEX}\ntype = \"a\"\ntype_header = \"b\""), "one of `type` and `type_header`"),
        (format!("name = \"shop\"\nSECRET\n{HEX}\ntype = \"$.[\""), "is not a JSONPath"),
        (format!("name = \"shop\"\nSECRET\n{HEX}\ntype = \"a\"\nfields = {{ id = \"id\" }}"), "is not a JSONPath"),
        (format!("name = \"shop\"\nSECRET\n{HEX}\ntype = \"a\"\nfields = {{ type = \"$.id\" }}"), "the type is no field"),
        ("name = \"shop\"\nSECRET\nsignature = { form = \"hex\" }\ntype = \"a\"".to_owned(), "wants `header` and `form`"),
        (
            "name = \"shop\"\nSECRET\nsignature = { header = \"a b\", form = \"hex\" }\ntype = \"a\"".to_owned(),
            "is no field name",
        ),
        (
            "name = \"shop\"\nSECRET\nsignature = { header = \"a\", form = \"slack\" }\ntype = \"a\"".to_owned(),
            "wants the field with its time",
        ),
        (
            "name = \"shop\"\nSECRET\nsignature = { header = \"a\", form = \"stripe\", timestamp_header = \"b\" }\ntype = \"a\""
                .to_owned(),
            "has its time elsewhere",
        ),
    ] {
        let found = refused(&keys, load(&keys, &secret));
        assert!(found.iter().any(|problem| problem.message.contains(expected)), "{keys}: {found:?}");
    }
    let both = format!("name = \"shop\"\nSECRET\n{HEX}\ntype = \"a\"");
    let twice = format!("{both}\n[[events.webhook]]\n{both}");
    let found = refused(&twice, load(&twice, &secret));
    assert!(found[0].message.contains("two webhooks are called `shop`"), "{found:?}");
}
