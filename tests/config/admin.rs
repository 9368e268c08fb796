//! `[admin]`: tokens with names, TLS, and from where purges are taken.

use larder::testing::config::{Config, Environment, Overrides, load};
use tempfile::TempDir;

/// What comes of these keys of `[admin]` in a folder with the tokens `a`, `b`, `same` (that of `a`) and an empty one.
fn read(keys: &str) -> Result<Config, String> {
    let folder = TempDir::new().expect("a temporary folder");
    let files = [("a", "a-secret\n"), ("b", "b-secret"), ("same", "a-secret"), ("blank", "\n"), ("r.toml", "")];
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("the folder is ours");
    }
    let text = format!("rules = \"r.toml\"\nupstream.servers = [\"http://127.0.0.1:1\"]\n[admin]\n{keys}\n");
    let path = folder.path().join("proxy.toml");
    std::fs::write(&path, text).expect("the folder is ours");
    load(&path, &Overrides::default(), &Environment::default()).map_err(|errors| errors.to_string())
}

#[test]
fn tokens_with_names_let_the_api_be_served_elsewhere_than_on_loopback() {
    let listen = "listen = \"0.0.0.0:9180\"\n";
    assert!(read(listen).unwrap_err().contains("would be open to everyone"));
    read(&format!("{listen}tokens = [{{ name = \"shop\", file = \"a\", may = [\"purge\"], tags = [\"p:*\"] }}]"))
        .unwrap();
    read(&format!("{listen}token_file = \"a\"\ntokens = [{{ name = \"ci\", file = \"b\", may = [\"all\"] }}]"))
        .unwrap();
    read("purge_from = [\"10.0.0.0/8\", \"2001:db8::1\"]").unwrap();
}

#[test]
fn what_is_wrong_with_a_token_is_told() {
    for (keys, says) in [
        ("tokens = [{ name = \"a\", file = \"a\" }]", "a token wants `name`, `file` and `may`"),
        ("tokens = [{ name = \"A b\", file = \"a\", may = [\"read\"] }]", "`A b` is not a name for a token"),
        ("tokens = [{ name = \"token\", file = \"a\", may = [\"read\"] }]", "`token` is not a name for a token"),
        ("tokens = [{ name = \"a\", file = \"a\", may = [] }]", "the token may do nothing"),
        ("tokens = [{ name = \"a\", file = \"a\", may = [\"purgee\"] }]", "did you mean `purge`?"),
        ("tokens = [{ name = \"a\", file = \"none\", may = [\"read\"] }]", "cannot read the token"),
        ("tokens = [{ name = \"a\", file = \"blank\", may = [\"read\"] }]", "the admin token is empty"),
        ("tokens = [{ name = \"a\", file = \"a\", may = [\"read\"], tag = [] }]", "did you mean `tags`?"),
        ("tokens = [{ name = \"a\", file = \"a\", may = [\"read\"], tags = [\"x\"] }]", "`tags` binds purges alone"),
        (
            "tokens = [{ name = \"a\", file = \"a\", may = [\"purge\", \"events\"], tags = [\"x\"] }]",
            "list \"purge\", and neither \"events\" nor \"all\"",
        ),
        (
            "tokens = [{ name = \"a\", file = \"a\", may = [\"read\"] }, { name = \"a\", file = \"b\", may = [\"read\"] }]",
            "two tokens are called `a`",
        ),
        (
            "tokens = [{ name = \"a\", file = \"a\", may = [\"read\"] }, { name = \"b\", file = \"same\", may = [\"read\"] }]",
            "another name has the same token",
        ),
        ("token_file = \"a\"\ntokens = [{ name = \"b\", file = \"same\", may = [\"read\"] }]", "the same token"),
        ("purge_from = [\"shop.example.com\"]", "shop.example.com"),
        ("tls = {}", "`admin.tls` has no certificate"),
        ("tls = { certificate = \"none\" }", "`"),
    ] {
        let error = read(keys).map(drop).unwrap_err();
        assert!(error.contains(says), "{keys}: {error}");
    }
}
