//! What is read of pgoutput's messages, as real and as hostile bytes have it.

use super::*;
use crate::rules::change::ChangeRule;
use crate::rules::event::EventRule;
use crate::rules::tag_template::TagTemplate;
use crate::scope::Depth;
use proptest::prelude::*;

fn rules() -> RuleSet {
    let purge = EventRule {
        on: "public.t".to_owned(),
        tags: vec![TagTemplate::parse("{id}:{category}").unwrap()],
        urls: Vec::new(),
        prefixes: Vec::new(),
        always: Vec::new(),
        depth: Depth::Hard,
    };
    let table = TableName::parse("t").unwrap();
    let rule = ChangeRule { table, columns: Vec::new(), purge, place: String::new() };
    RuleSet::new(Vec::new()).unwrap().with_changes(vec![rule])
}

fn text(text: &str) -> Vec<u8> {
    [text.as_bytes(), &[0]].concat()
}

/// `public.t (id int8, category text, note text)`, of which `id` is the key.
fn relation() -> Vec<u8> {
    let column = |flags: u8, name: &str, oid: u32| {
        [&[flags][..], &text(name), &oid.to_be_bytes(), &(-1_i32).to_be_bytes()].concat()
    };
    let columns = [column(1, "id", 20), column(0, "category", 25), column(0, "note", 25)].concat();
    [b"R", &7_u32.to_be_bytes()[..], &text("public"), &text("t"), b"d", &3_u16.to_be_bytes(), &columns].concat()
}

/// `=` is unchanged, `-` is NULL.
fn tuple(cells: &[&str]) -> Vec<u8> {
    let cell = |text: &&str| match *text {
        "=" => b"u".to_vec(),
        "-" => b"n".to_vec(),
        text => [b"t", &u32::try_from(text.len()).unwrap().to_be_bytes()[..], text.as_bytes()].concat(),
    };
    let count = u16::try_from(cells.len()).unwrap().to_be_bytes();
    [count.to_vec(), cells.iter().flat_map(cell).collect()].concat()
}

fn message(kind: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    [kind, &7_u32.to_be_bytes(), &parts.concat()].concat()
}

fn known(text: &str) -> Cell {
    Cell::Known { raw: Some(Bytes::copy_from_slice(text.as_bytes())), values: Some(vec![text.to_owned()]) }
}

fn row(id: Cell, category: Cell) -> Row {
    Row([("id".to_owned(), id), ("category".to_owned(), category)].into())
}

#[track_caller]
fn check(message: Vec<u8>, expected: RowChange) {
    let mut decoder = Decoder::new();
    assert_eq!(decoder.read(relation().into(), &rules()), Said::Nothing);
    let said = decoder.read(message.into(), &rules());
    assert_eq!(said, Said::Change(vec![(TableName::parse("t").unwrap(), expected)]));
}

#[test]
fn rows_are_read_as_far_as_rules_look_at_them() {
    let whole = tuple(&["1", "a", "n"]);
    check(message(b"I", &[b"N", &whole]), RowChange::Inserted(row(known("1"), known("a"))));
    check(message(b"D", &[b"K", &tuple(&["1", "-", "-"])]), RowChange::Deleted(row(known("1"), Cell::Unknown)));
    check(message(b"D", &[b"O", &whole]), RowChange::Deleted(row(known("1"), known("a"))));
    let updated = |old, new| RowChange::Updated { old, new };
    check(message(b"U", &[b"N", &whole]), updated(row(known("1"), Cell::Unknown), row(known("1"), known("a"))));
    check(
        message(b"U", &[b"K", &tuple(&["0", "-", "-"]), b"N", &whole]),
        updated(row(known("0"), Cell::Unknown), row(known("1"), known("a"))),
    );
    let large = tuple(&["1", "=", "="]);
    check(message(b"U", &[b"N", &large]), updated(row(known("1"), Cell::Unknown), row(known("1"), Cell::Unchanged)));
    check(
        message(b"U", &[b"O", &whole, b"N", &large]),
        updated(row(known("1"), known("a")), row(known("1"), known("a"))),
    );
    // Another number of columns than the table has.
    check(message(b"I", &[b"N", &tuple(&["1", "a"])]), RowChange::Whole);
    let truncate = [b"T", &1_u32.to_be_bytes()[..], &[0], &7_u32.to_be_bytes()].concat();
    check(truncate, RowChange::Whole);
}

#[test]
fn what_can_not_be_read_is_said_so() {
    let mut decoder = Decoder::new();
    for message in [message(b"I", &[b"N", &tuple(&["1"])]), b"?".to_vec(), Vec::new(), b"I".to_vec()] {
        assert_eq!(decoder.read(message.into(), &rules()), Said::Unreadable);
    }
}

proptest! {
    #[test]
    fn no_bytes_bring_it_down(kind in prop::sample::select(b"BCRIUDTYOM".to_vec()), bytes: Vec<u8>) {
        let mut decoder = Decoder::new();
        decoder.read(relation().into(), &rules());
        let bytes = [vec![kind], 7_u32.to_be_bytes().to_vec(), bytes].concat();
        decoder.read(bytes.into(), &rules());
    }
}
