//! `[[cdn]]`

use super::{load_text, refused};
use larder::testing::config::{Config, ConfigErrors};

fn load(cdn: &str) -> Result<Config, ConfigErrors> {
    load_text(&format!("[upstream]\nservers = [\"http://127.0.0.1:8000\"]\n[[cdn]]\n{cdn}\n"))
}

#[test]
fn each_kind_has_what_it_needs() {
    for cdn in [
        "name = \"a\"\nkind = \"varnish\"\nservers = [\"http://varnish-1:6081\", \"https://b/\"]\nknows_tags = true",
        "name = \"a\"\nkind = \"http\"\neverything = { url = \"https://api/all\" }",
        "name = \"a\"\nkind = \"http\"\nhosts = [\"shop.example.com\", \"shop:8443\"]\nrate = \"5/s\"\ntimeout = \"3s\"\n\
         everything = { method = \"DELETE\", url = \"https://api/all\", body = '{\"soft\": {soft}}' }\n\
         tags = { url = \"https://api/t\", body = '{\"tags\": {tags}}', batch = 100 }\n\
         urls = { method = \"PURGE\", url = \"https://{host}{path}\" }\nprefixes = { url = \"https://api/?p={prefix}\" }",
    ] {
        load(cdn).unwrap_or_else(|errors| panic!("{cdn}: {errors}"));
    }
}

#[test]
fn what_it_lacks_or_could_not_obey_is_refused_with_a_word_on_how_to_mend_it() {
    let http = "name = \"a\"\nkind = \"http\"\neverything = { url = \"https://api/all\" }";
    let varnish = "name = \"a\"\nkind = \"varnish\"\nservers = [\"http://v\"]";
    for (cdn, expected) in [
        ("name = \"a\"".to_owned(), "a CDN wants `name` and `kind`"),
        ("kind = \"varnish\"".to_owned(), "a CDN wants `name` and `kind`"),
        ("name = \"a\"\nkind = \"cloudfront\"".to_owned(), "is not one of this key's values"),
        ("name = \"a b\"\nkind = \"varnish\"\nservers = [\"http://v\"]".to_owned(), "is not a name for a CDN"),
        ("name = \"a\"\nkind = \"fastly\"".to_owned(), "the CDN lacks `service`"),
        ("name = \"a\"\nkind = \"fastly\"\nservice = \"a/b\"".to_owned(), "is no id"),
        ("name = \"a\"\nkind = \"fastly\"\nservice = \"S1\"".to_owned(), "wants a token"),
        (
            "name = \"a\"\nkind = \"cloudflare\"\nservice = \"S1\"\nzone = \"z\"".to_owned(),
            "`service` means nothing for this kind",
        ),
        ("name = \"a\"\nkind = \"varnish\"".to_owned(), "the CDN lacks `servers`"),
        ("name = \"a\"\nkind = \"varnish\"\nservers = [\"varnish-1:6081\"]".to_owned(), "is not the URL of an API"),
        (format!("{varnish}\ntoken_file = \"nowhere\""), "the file holds no token that can be read"),
        (format!("{varnish}\nhosts = [\"https://shop\"]"), "is no host"),
        (format!("{varnish}\nrate = \"fast\""), "it is no rate"),
        (format!("{varnish}\ntimeout = \"0s\""), "a timeout cannot be zero"),
        (format!("{varnish}\nrepeat_after = \"1h\""), "too long a time"),
        (format!("{varnish}\ntag = true"), "unknown key `tag`"),
        ("name = \"a\"\nkind = \"http\"".to_owned(), "the CDN lacks `everything`"),
        (format!("{http}\nknows_tags = true"), "`knows_tags` means nothing for this kind"),
        (format!("{http}\ntags = {{ body = \"{{tag}}\" }}"), "the call lacks `url`"),
        (format!("{http}\ntags = {{ url = \"/purge/{{tag}}\" }}"), "is not the URL of a call"),
        (format!("{http}\ntags = {{ url = \"https://api/{{tagg}}\" }}"), "`{tagg}` means nothing here"),
        (format!("{http}\ntags = {{ url = \"https://api/{{tags}}\" }}"), "`{tags}` means nothing here"),
        (format!("{http}\ntags = {{ url = \"https://api/\" }}"), "the call doesn't say what is purged"),
        (format!("{http}\ntags = {{ url = \"https://api/{{tag}}\", batch = 3 }}"), "one thing at a time"),
        (format!("{http}\ntags = {{ url = \"https://api/{{tag}}\", body = \"{{tags}}\" }}"), "one thing and a list"),
        (format!("{http}\nheaders = {{ \"a b\" = \"c\" }}"), "is no field name"),
        (format!("{http}\nheaders = {{ Authorization = \"Bearer {{token}}\" }}"), "wants a token"),
        (format!("{http}\n[[cdn]]\n{http}"), "two CDNs are called `a`"),
    ] {
        let found = refused(&cdn, load(&cdn));
        assert!(found.iter().any(|problem| problem.message.contains(expected)), "{cdn}: {found:?}");
    }
}
