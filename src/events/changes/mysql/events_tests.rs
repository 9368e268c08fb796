//! What is read of the binary log's events, as real and as hostile bytes have it.

use super::*;
use crate::events::changes::mysql::relations::Relations;
use crate::rules::change::ChangeRule;
use crate::rules::event::EventRule;
use crate::rules::tag_template::TagTemplate;
use crate::scope::Depth;
use proptest::prelude::*;

fn rules() -> RuleSet {
    let purge = EventRule {
        on: "shop.t".to_owned(),
        tags: vec![TagTemplate::parse("{id}:{name}").unwrap()],
        urls: Vec::new(),
        prefixes: Vec::new(),
        always: Vec::new(),
        depth: Depth::Hard,
    };
    let table = TableName::parse("shop.t").unwrap();
    let rule = ChangeRule { table, columns: Vec::new(), purge, place: String::new() };
    RuleSet::new(Vec::new()).unwrap().with_changes(vec![rule])
}

fn decoder() -> Decoder {
    Decoder::new(Charsets::new([(45, "utf8mb4".to_owned())]), Relations::default(), None)
}

/// `shop.t (id int, name varchar(20))`, with what its columns are called.
fn described() -> Vec<u8> {
    let names = [&[4, 8][..], &[2], b"id", &[4], b"name"].concat();
    let charset = [2, 1, 45];
    [&[7, 0, 0, 0, 0, 0, 1, 0, 4][..], b"shop\0", &[1], b"t\0", &[2, 3, 15, 2, 20, 0, 2], &charset, &names].concat()
}

fn event(kind: u8, data: &[u8]) -> RawEvent<'_> {
    RawEvent { kind, server: 1, flags: 0, data }
}

/// An event of rows of that table: which columns an old and a new row have, and the rows.
fn rows(parts: &[&[u8]]) -> Vec<u8> {
    [&[7, 0, 0, 0, 0, 0, 0, 0, 2][..], &parts.concat()].concat()
}

fn query(sql: &str) -> Vec<u8> {
    [&[0; 8][..], &[4, 0, 0, 0, 0], b"shop\0", sql.as_bytes()].concat()
}

fn known(raw: &'static [u8], text: &str) -> Cell {
    Cell::Known { raw: Some(bytes::Bytes::from_static(raw)), values: Some(vec![text.to_owned()]) }
}

fn row(id: Cell, name: Cell) -> Row {
    Row([("id".to_owned(), id), ("name".to_owned(), name)].into())
}

#[test]
fn rows_are_read_as_far_as_rules_look_at_them() {
    let one = || row(known(&[1, 0, 0, 0], "1"), known(b"a", "a"));
    let whole: &[u8] = &[0, 1, 0, 0, 0, 1, b'a'];
    let unknown = || RowChange::Deleted(row(Cell::Unknown, Cell::Unknown));
    for (kind, data, expected) in [
        (23, rows(&[&[3], whole]), RowChange::Inserted(one())),
        (25, rows(&[&[3], whole]), RowChange::Deleted(one())),
        // Of the old row the key alone, of the new one what has changed.
        (
            24,
            rows(&[&[1], &[2], &[0, 1, 0, 0, 0], &[0, 1, b'a']]),
            RowChange::Updated { old: row(known(&[1, 0, 0, 0], "1"), Cell::Unknown), new: one() },
        ),
        (
            23,
            rows(&[&[3], &[2, 1, 0, 0, 0]]),
            RowChange::Inserted(row(known(&[1, 0, 0, 0], "1"), Cell::Known { raw: None, values: Some(Vec::new()) })),
        ),
        // Cut, and with another number of columns.
        (23, rows(&[&[3], &[0, 1, 0, 0]]), unknown()),
        (23, [&[7, 0, 0, 0, 0, 0, 0, 0, 1][..], &[1], whole].concat(), unknown()),
        (166, rows(&[&[3], whole]), unknown()),
    ] {
        let mut decoder = decoder();
        assert_eq!(decoder.read(event(19, &described()), &rules()), Said::Nothing);
        let said = decoder.read(event(kind, &data), &rules());
        assert_eq!(said, Said::Change(vec![(TableName::parse("shop.t").unwrap(), expected)]), "{kind} {data:?}");
    }
}

#[test]
fn transactions_begin_and_end_where_the_log_says_so() {
    let mut decoder = decoder();
    let gtid = |flags: u8| [&9_u64.to_le_bytes()[..], &2_u32.to_le_bytes(), &[flags]].concat();
    let begun = || Said::Begin(Some(Gtid { domain: 2, server: 1, sequence: 9 }));
    assert_eq!(decoder.read(event(162, &gtid(4)), &rules()), begun());
    assert_eq!(decoder.read(event(2, &query("SAVEPOINT a")), &rules()), Said::Change(Vec::new()));
    assert_eq!(decoder.read(event(16, &[0; 8]), &rules()), Said::End);
    assert_eq!(decoder.read(event(162, &gtid(1)), &rules()), begun());
    let whole = vec![(TableName::parse("shop.t").unwrap(), RowChange::Whole)];
    assert_eq!(decoder.read(event(2, &query("TRUNCATE t")), &rules()), Said::Last(whole));
    let file = [&4_u64.to_le_bytes()[..], b"binlog.000007"].concat();
    let named = || Said::File { name: "binlog.000007".to_owned(), position: 4 };
    assert_eq!(decoder.read(event(4, &file), &rules()), named());
    // The first of a connection, with its checksum.
    assert_eq!(decoder.read(event(4, &[&file[..], b"1234"].concat()), &rules()), named());
}

#[test]
fn what_can_not_be_read_is_said_so() {
    for (kind, flags, expected) in [(26, 0, Said::Unreadable), (200, 0, Said::Unreadable), (200, 0x80, Said::Nothing)] {
        let raw = RawEvent { kind, server: 1, flags, data: &[0; 20] };
        assert_eq!(decoder().read(raw, &rules()), expected, "{kind}");
    }
    // Rows of a table that was not described.
    assert_eq!(decoder().read(event(23, &rows(&[&[3], &[0]])), &rules()), Said::Unreadable);
}

proptest! {
    #[test]
    fn no_bytes_bring_it_down(kind: u8, bytes: Vec<u8>, is_described: bool) {
        let mut decoder = decoder();
        let table = if is_described { described() } else { [&described()[..9], &bytes].concat() };
        decoder.read(event(19, &table), &rules());
        decoder.read(event(kind, &bytes), &rules());
        decoder.read(event(kind, &rows(&[&bytes])), &rules());
    }
}
