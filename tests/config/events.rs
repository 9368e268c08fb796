//! `[[event]]` and `[[change]]` in the rules, and `[events]`.

use super::{Expected, assert_problems, load_text, refused};
use larder::testing::config::{Config, ConfigErrors, check_rules_text};
use larder::testing::rules::Route;
use larder::testing::scope::{Depth, RouteName, Scope};

fn load(text: &str) -> Result<Config, ConfigErrors> {
    load_text(&format!("upstream.servers = [\"http://a:1\"]\n{text}"))
}

#[test]
fn every_key_reaches_its_rule() {
    let text = r#"
        [[event]]
        on = "product.updated"
        purge = { tags = ["product:{id}"], urls = ["/p/{id}"], prefixes = ["/s/"], routes = ["p"], all = true }
        soft = true
        [[route]]
        name = "p"
        path = "/p"
    "#;
    let rules = check_rules_text(text).unwrap_or_else(|errors| panic!("{errors}")).rule_set;
    let [rule] = rules.events() else { panic!("one event, not {:?}", rules.events()) };
    assert_eq!(rule.on, "product.updated");
    let sources = |templates: &[larder::testing::rules::TagTemplate]| {
        templates.iter().map(|template| template.source().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(sources(&rule.tags), ["product:{id}"]);
    assert_eq!(sources(&rule.urls), ["/p/{id}"]);
    assert_eq!(sources(&rule.prefixes), ["/s/"]);
    assert_eq!(rule.always, [Scope::Route(RouteName::new("p")), Scope::All]);
    assert_eq!(rule.depth, Depth::Soft);
    let names: Vec<_> = rules.routes().iter().map(|route: &std::sync::Arc<Route>| route.name.as_str()).collect();
    assert_eq!(names, ["p"]);
}

const LACKS: &str = "the event block lacks `on` or `purge`";
const LIKE_THIS: &str = "on = \"product.updated\" and purge = { tags = [\"product:{id}\"] }";
const LACKS_TABLE: &str = "the change block lacks `table` or `purge`";
const TABLE_LIKE_THIS: &str = "table = \"public.product\" and purge = { tags = [\"product:{id}\"] }";
const TABLE: &str = "write \"schema.table\" as the database's catalog does, without quotes around the parts";
const NAME_SOMETHING: &str = "list something in tags, urls, prefixes or routes, or set all = true";
const PLACES: &str = "{name} stands for the event's field of that name, or the row's column";

const BAD_RULES: &[(&str, &[Expected])] = &[
    ("[[event]]\non = \"a\"", &[(1, 1, LACKS, Some(LIKE_THIS))]),
    ("[[event]]\npurge = { all = true }", &[(1, 1, LACKS, Some(LIKE_THIS))]),
    ("[[event]]\non = \"\"\npurge = { all = true }", &[(2, 6, "an event type cannot be empty", None)]),
    ("[[event]]\non = \"a\"\npurge = {}", &[(3, 9, "the event purges nothing", Some(NAME_SOMETHING))]),
    ("[[event]]\non = \"a\"\npurge = { all = false }", &[(3, 9, "the event purges nothing", Some(NAME_SOMETHING))]),
    (
        "[[event]]\non = \"a\"\npurge = { tags = [\"{\"] }",
        &[(3, 19, "a brace is not closed or not opened in `{`", Some(PLACES))],
    ),
    (
        "[[event]]\non = \"a\"\npurge = { urls = [\"p/{id}\"] }",
        &[(3, 19, "`p/{id}` is neither absolute nor a path", Some("write /path for every host, or http://host/path"))],
    ),
    (
        "[[event]]\non = \"a\"\npurge = { routes = [\"serch\"] }\n[[route]]\nname = \"search\"\npath = \"/s\"",
        &[(3, 21, "there is no route `serch`", Some("did you mean `search`?"))],
    ),
    ("[[change]]\ntable = \"a\"", &[(1, 1, LACKS_TABLE, Some(TABLE_LIKE_THIS))]),
    ("[[change]]\ntable = \"a.\"\npurge = { all = true }", &[(2, 9, "`a.` is not the name of a table", Some(TABLE))]),
    (
        "[[change]]\ntable = \"a\"\ncolumns = [\"\"]\npurge = {}",
        &[(3, 12, "a column has a name", None), (4, 9, "the change purges nothing", Some(NAME_SOMETHING))],
    ),
    ("[[event]]\non = \"a\"\npurge = { tag = [\"x\"] }", &[(3, 11, "unknown key `tag`", Some("did you mean `tags`?"))]),
];

#[test]
fn every_problem_of_an_event_is_told_with_its_place_and_how_to_mend_it() {
    for (text, expected) in BAD_RULES {
        assert_problems(text, &refused(text, check_rules_text(text)), expected);
    }
}

#[test]
fn postgresql_is_listened_to_where_it_is_named() {
    assert!(load("").unwrap_or_else(|errors| panic!("{errors}")).postgres.is_none());
    for (text, channel) in [("", "larder_events"), ("channel = \"shop\"", "shop")] {
        let text = format!("[events.postgres]\nurl = \"postgres://shop:secret@127.0.0.1/shop\"\n{text}");
        let postgres = load(&text).unwrap_or_else(|errors| panic!("{errors}")).postgres.expect("it is named");
        assert_eq!((postgres.channel.as_str(), postgres.server.connect.get_dbname()), (channel, Some("shop")));
    }
}

#[test]
fn the_changes_of_postgresql_are_read_where_they_are_named() {
    for (text, expected) in [
        ("", ("larder", "larder", false)),
        ("publication = \"Shop\"\nslot = \"shop_2\"", ("Shop", "shop_2", false)),
        ("?sslmode=require", ("larder", "larder", true)),
    ] {
        let (query, keys) = if text.starts_with('?') { (text, "") } else { ("", text) };
        let text = format!("[events.postgres_changes]\nurl = \"postgres://shop@127.0.0.1/shop{query}\"\n{keys}");
        let config = load(&text).unwrap_or_else(|errors| panic!("{errors}"));
        let changes = config.postgres_changes.expect("they are named");
        let is_secure = format!("{changes:?}").contains("tls: true");
        assert_eq!((changes.publication.as_str(), changes.slot.as_str(), is_secure), expected);
    }
}

const FORM: &str = "url = \"postgres://user:password@127.0.0.1:5432/shop\"";

const MYSQL_FORM: &str = "url = \"mysql://user:password@127.0.0.1:3306/shop\"";

const BAD_DATABASES: &[(&str, &[Expected])] = &[
    ("[events.postgres]", &[(2, 1, "`events.postgres.url` is missing", Some(FORM))]),
    (
        "[events.postgres]\nurl = \"postgres://a/b\"\nca_file = \"ca.pem\"",
        &[(
            4,
            11,
            "a `ca_file` is of no use without TLS",
            Some("add ?sslmode=require to the URL, or remove `ca_file`"),
        )],
    ),
    ("[events.postgres]\nurl = \"postgres:///b\"", &[(3, 7, "the PostgreSQL URL names no host", Some(FORM))]),
    ("[events.postgres_changes]", &[(2, 1, "`events.postgres_changes.url` is missing", Some(FORM))]),
    (
        "[events.postgres_changes]\nurl = \"postgres://a/b\"\nslot = \"Shop\"\npublication = \"\"",
        &[
            (4, 8, "not a valid replication slot", Some("write 1 to 63 of a-z, 0-9 and _")),
            (5, 15, "not a valid publication", Some("write 1 to 63 bytes")),
        ],
    ),
    (
        "[events.postgres]\nurl = \"postgres://a/b\"\nchannel = \"\"",
        &[(4, 11, "not a valid channel name", Some("write 1 to 63 bytes"))],
    ),
    (
        "[events.mysql]",
        &[(2, 9, "unknown key `mysql`", Some("known here: postgres, postgres_changes, mysql_changes, webhook"))],
    ),
    ("[events.mysql_changes]", &[(2, 1, "`events.mysql_changes.url` is missing", Some(MYSQL_FORM))]),
    (
        "[events.mysql_changes]\nurl = \"postgres://a/b\"",
        &[(3, 7, "not a valid MySQL URL: Unsupported connection URL scheme `postgres'", Some(MYSQL_FORM))],
    ),
    (
        "[events.mysql_changes]\nurl = \"mysql://a/b\"\nca_file = \"ca.pem\"\nserver_id = 0",
        &[
            (
                4,
                11,
                "a `ca_file` is of no use without TLS",
                Some("add ?require_ssl=true to the URL, or remove `ca_file`"),
            ),
            (5, 13, "not a valid number of a server", Some("write 1 to 4294967295")),
        ],
    ),
    (
        "[events.mysql_changes]\nurl = \"mysql://a/b?require_ssl=true&verify_ca=false\"",
        &[(
            3,
            7,
            "the server's certificate is always verified",
            Some("remove `verify_ca` and `verify_identity`; `ca_file` says who is trusted"),
        )],
    ),
];

#[test]
fn every_problem_of_a_database_is_told_with_its_place_and_how_to_mend_it() {
    for (text, expected) in BAD_DATABASES {
        assert_problems(text, &refused(text, load(text)), expected);
    }
}

fn warnings(text: &str) -> Vec<String> {
    let loaded = check_rules_text(text).unwrap_or_else(|errors| panic!("{errors}"));
    loaded.warnings.iter().map(|warning| warning.render(larder::testing::config::RenderStyle::Plain)).collect()
}

#[test]
fn a_purged_tag_that_no_route_can_give_is_warned_of() {
    const PRODUCT: &str =
        "[[route]]\nname = \"product\"\npath = \"/products/{id}\"\ntags = [\"product:{id}\", \"catalog\"]\n";
    const PLAIN: &str = "[[route]]\nname = \"plain\"\npath = \"/plain/*\"\n";
    const FROM_BODY: &str =
        "[[route]]\nname = \"list\"\npath = \"/list\"\ntags_from_body = [\"$.sku\"]\ntag_prefix = \"sku:\"\n";
    const FROM_ORIGIN: &str = "[[route]]\nname = \"o\"\npath = \"/o\"\ntag_fields = [\"Surrogate-Key\"]\n";
    const NO_FIELDS: &str = "[[route]]\nname = \"n\"\npath = \"/n\"\ntag_fields = []\n";
    const PASSING: &str = "[[route]]\nname = \"x\"\npath = \"/x\"\ncache = false\n";
    for (routes, tag, expected) in [
        (vec![PRODUCT], "product:{id}", None),
        (vec![PRODUCT], "product:{sku}", None),
        (vec![PRODUCT], "product:42", None),
        (vec![PRODUCT], "catalog", None),
        (vec![PRODUCT], "{tag}", None),
        (vec![PRODUCT], "prodct:{id}", Some("did you mean `product:{id}`?")),
        (vec![PRODUCT], "katalog", Some("did you mean `catalog`?")),
        (vec![PRODUCT], "category:{id}", Some("name their field")),
        (vec![PRODUCT, NO_FIELDS, PASSING], "category:{id}", Some("name their field")),
        // The origin may tag what the rules don't.
        (vec![PRODUCT, PLAIN], "category:{id}", None),
        (vec![PRODUCT, PLAIN], "prodct:{id}", Some("did you mean `product:{id}`?")),
        (vec![PRODUCT, FROM_ORIGIN], "prodct:{id}", None),
        (vec![PLAIN], "anything", None),
        (vec![PASSING], "anything", None),
        (vec![], "anything", None),
        (vec![PRODUCT, FROM_BODY], "sku:{id}", None),
        (vec![PRODUCT, FROM_BODY], "sku", Some("name their field")),
    ] {
        let event = format!("[[event]]\non = \"a\"\npurge = {{ tags = [\"{tag}\"] }}\n");
        let on_write =
            format!("[[route]]\nname = \"w\"\npath = \"/w/{{id}}\"\ncache = false\npurge_on_write = [\"{tag}\"]\n");
        let mut texts = vec![format!("{}{event}", routes.concat())];
        // What is written on has no captures but its own.
        if !["{sku}", "{tag}"].iter().any(|name| tag.contains(name)) {
            texts.push(format!("{}{on_write}", routes.concat()));
        }
        for text in texts {
            let found: Vec<_> =
                warnings(&text).into_iter().filter(|warning| warning.contains("no route gives the tag")).collect();
            assert_eq!(found.len(), usize::from(expected.is_some()), "{text}\n{found:?}");
            assert!(expected.is_none_or(|expected| found[0].contains(expected)), "{text}\n{found:?}");
        }
    }
}
