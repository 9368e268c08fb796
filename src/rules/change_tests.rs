//! What `[[change]]` blocks make of changed rows.

use super::*;

fn rule(columns: &[&str], tags: &[&str], urls: &[&str]) -> ChangeRule {
    let templates = |texts: &[&str]| texts.iter().map(|text| TagTemplate::parse(text).unwrap()).collect();
    let purge = EventRule {
        on: "public.product".to_owned(),
        tags: templates(tags),
        urls: templates(urls),
        prefixes: Vec::new(),
        always: Vec::new(),
        depth: Depth::Hard,
    };
    let columns = columns.iter().map(|&column| column.to_owned()).collect();
    ChangeRule { table: product(), columns, purge, place: "rules.toml:1".to_owned() }
}

fn product() -> TableName {
    TableName::parse("product").unwrap()
}

fn rules(rules: Vec<ChangeRule>) -> Arc<RuleSet> {
    Arc::new(RuleSet::new(Vec::new()).unwrap().with_changes(rules))
}

/// `?` is not known, `=` is unchanged, `{}` can be called nothing, and nothing is NULL; `a|b` is a list.
fn row(cells: &[(&str, &str)]) -> Row {
    let cell = |text: &str| match text {
        "?" => Cell::Unknown,
        "=" => Cell::Unchanged,
        "{}" => Cell::Known { raw: Some(Bytes::from_static(b"{}")), values: None },
        "" => Cell::Known { raw: None, values: Some(Vec::new()) },
        text => Cell::Known {
            raw: Some(Bytes::copy_from_slice(text.as_bytes())),
            values: Some(text.split('|').map(str::to_owned).collect()),
        },
    };
    Row(cells.iter().map(|(name, text)| ((*name).to_owned(), cell(text))).collect())
}

fn updated(old: &[(&str, &str)], new: &[(&str, &str)]) -> RowChange {
    RowChange::Updated { old: row(old), new: row(new) }
}

fn tag(text: &str) -> Scope {
    Scope::Tag(Tag::new(text).unwrap())
}

#[track_caller]
fn check(rule: ChangeRule, change: &RowChange, tags: &[&str]) {
    let mut gathering = Gathering::by(rules(vec![rule]));
    gathering.add(&product(), change);
    let expected: HashSet<Scope> = tags.iter().map(|&text| if text == "*" { Scope::All } else { tag(text) }).collect();
    let purges = gathering.purges();
    let scopes: HashSet<Scope> = purges.iter().flat_map(|purge| purge.scopes.clone()).collect();
    assert_eq!(scopes, expected, "{change:?}");
}

#[test]
fn a_row_is_purged_by_what_it_is_called_now_and_by_what_it_was_called_before() {
    let both = || rule(&[], &["product:{id}", "category:{category}"], &[]);
    for (change, tags) in [
        (RowChange::Inserted(row(&[("id", "1"), ("category", "a")])), vec!["product:1", "category:a"]),
        (RowChange::Deleted(row(&[("id", "1"), ("category", "a")])), vec!["product:1", "category:a"]),
        (
            updated(&[("id", "1"), ("category", "a")], &[("id", "1"), ("category", "b")]),
            vec!["product:1", "category:a", "category:b"],
        ),
        (
            updated(&[("id", "1"), ("category", "a")], &[("id", "2"), ("category", "a")]),
            vec!["product:1", "product:2", "category:a"],
        ),
        (RowChange::Inserted(row(&[("id", "1"), ("category", "")])), vec!["product:1"]),
        (RowChange::Inserted(row(&[("id", "1"), ("category", "a|b")])), vec!["product:1", "category:a", "category:b"]),
    ] {
        check(both(), &change, &tags);
    }
}

#[test]
fn what_is_not_known_of_a_row_is_purged_wider() {
    let both = || rule(&[], &["product:{id}", "category:{category}"], &[]);
    for change in [
        updated(&[("id", "1"), ("category", "?")], &[("id", "1"), ("category", "b")]),
        updated(&[("id", "1"), ("category", "?")], &[("id", "1"), ("category", "=")]),
        RowChange::Deleted(row(&[("id", "1"), ("category", "?")])),
        RowChange::Inserted(row(&[("id", "1"), ("category", "{}")])),
        // The table has no such column.
        RowChange::Inserted(row(&[("id", "1")])),
        RowChange::Inserted(row(&[("id", "1"), ("category", &"x".repeat(100_000))])),
        RowChange::Whole,
    ] {
        check(both(), &change, &["*"]);
    }
    check(
        both(),
        &updated(&[("id", "1"), ("category", "a")], &[("id", "1"), ("category", "a")]),
        &["product:1", "category:a"],
    );
}

#[test]
fn an_update_of_other_columns_than_those_that_are_named_purges_nothing() {
    let price = || rule(&["price"], &["product:{id}"], &[]);
    for (old, new, tags) in [
        ([("id", "1"), ("price", "5")], [("id", "1"), ("price", "5")], vec![]),
        ([("id", "1"), ("price", "5")], [("id", "1"), ("price", "6")], vec!["product:1"]),
        ([("id", "1"), ("price", "5")], [("id", "1"), ("price", "")], vec!["product:1"]),
        ([("id", "1"), ("price", "5")], [("id", "2"), ("price", "5")], vec!["product:1", "product:2"]),
        // Whether it changed is not known.
        ([("id", "1"), ("price", "?")], [("id", "1"), ("price", "5")], vec!["product:1"]),
        ([("id", "1"), ("price", "?")], [("id", "1"), ("price", "=")], vec![]),
    ] {
        check(price(), &updated(&old, &new), &tags);
    }
    check(price(), &RowChange::Inserted(row(&[("id", "1"), ("price", "5")])), &["product:1"]);
    check(price(), &RowChange::Deleted(row(&[("id", "1"), ("price", "?")])), &["product:1"]);
}

#[test]
fn what_names_more_than_is_taken_becomes_all_that_it_could_name() {
    let by_url = rule(&[], &["name:{name}"], &["/products/{id}"]);
    let mut gathering = Gathering::of_at_most(10, rules(vec![by_url]));
    for id in 0..100_000 {
        let change = RowChange::Inserted(row(&[("id", &id.to_string()), ("name", &(id % 2).to_string())]));
        gathering.add(&product(), &change);
    }
    let [purge] = gathering.purges().try_into().unwrap();
    let scopes: HashSet<Scope> = purge.scopes.into_iter().collect();
    assert_eq!(scopes, HashSet::from([tag("name:0"), tag("name:1"), Scope::Prefix("/products/".into())]));
}

#[test]
fn what_was_made_of_a_change_is_told_with_the_columns_and_the_place() {
    let mut gathering = Gathering::by(rules(vec![rule(&["price"], &["category:{category}"], &[])]));
    let columns = BTreeSet::from(["category".to_owned()]);
    let wider = Gathered::Wider { columns, place: "rules.toml:1".to_owned() };
    let same = updated(&[("price", "1"), ("category", "a")], &[("price", "1"), ("category", "a")]);
    for (table, change, expected) in [
        ("other", RowChange::Whole, Gathered::NoRule),
        ("product", same, Gathered::Unconcerned),
        ("product", RowChange::Inserted(row(&[("category", "a")])), Gathered::Exactly),
        ("product", RowChange::Inserted(row(&[("category", "?")])), wider),
    ] {
        assert_eq!(gathering.add(&TableName::parse(table).unwrap(), &change), expected, "{table} {change:?}");
    }
}

#[test]
fn missed_changes_purge_all_that_they_could_have_named() {
    let missed = |rule: ChangeRule| {
        let purges = rules(vec![rule]).purges_on_missed_changes();
        purges.into_iter().flat_map(|purge| purge.scopes).collect::<Vec<_>>()
    };
    assert_eq!(missed(rule(&[], &["all"], &["/p/{id}"])), [tag("all"), Scope::Prefix("/p/".into())]);
    assert_eq!(missed(rule(&[], &["product:{id}"], &["/p/{id}"])), [Scope::All]);
}
