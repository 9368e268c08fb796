//! What a row's change in MariaDB purges: what it is called, and what it was called before; wider where that is not known.

use super::mysql_house::MysqlHouse;
use std::time::Duration;

const PAGES: &[&str] = &["/p/product:1/shoes", "/p/product:2/shoes", "/p/product:3/hats", "/p/other/thing"];

const ROWS: &[&str] = &[
    "TRUNCATE product",
    "INSERT INTO product (id, category, price, data) VALUES (1, 'shoes', 10, '[1, 2]'), (2, 'shoes', 20, 'null')",
];

const ALL_BUT_1: &[&str] = &["/p/product:2/shoes", "/p/product:3/hats", "/p/other/thing"];

/// After these statements, these of the pages are still stored.
async fn check(house: &MysqlHouse, cases: &[(&[&str], &[&str])]) {
    for (statements, expected) in cases {
        house.change(ROWS).await;
        house.stock(PAGES).await;
        house.change(statements).await;
        assert_eq!(house.stored(PAGES).await, *expected, "{statements:?}");
    }
}

#[tokio::test]
async fn a_change_purges_by_the_key_of_its_row() {
    const BLOCK: &str = "[[change]]\ntable = \"shop.product\"\npurge = { tags = [\"product:{id}\"] }";
    let house = MysqlHouse::with(BLOCK).await;
    check(
        &house,
        &[
            (&["UPDATE product SET price = 11 WHERE id = 1"], ALL_BUT_1),
            (&["UPDATE product SET id = 3 WHERE id = 1"], &["/p/product:2/shoes", "/p/other/thing"]),
            (&["DELETE FROM product WHERE id = 2"], &["/p/product:1/shoes", "/p/product:3/hats", "/p/other/thing"]),
            (
                &["INSERT INTO product VALUES (3, NULL, NULL, NULL)"],
                &["/p/product:1/shoes", "/p/product:2/shoes", "/p/other/thing"],
            ),
            (&["BEGIN", "DELETE FROM product", "ROLLBACK"], PAGES),
            (&["TRUNCATE product"], &[]),
            (&["CREATE TABLE basket (id int)", "INSERT INTO basket VALUES (1)", "DROP TABLE basket"], PAGES),
            (&["ALTER TABLE product ADD COLUMN more text"], &[]),
            (&["UPDATE product SET more = 'x' WHERE id = 1"], ALL_BUT_1),
        ],
    )
    .await;
}

#[tokio::test]
async fn columns_narrow_what_an_update_purges_and_each_value_of_a_list_is_purged() {
    const BLOCK: &str =
        "[[change]]\ntable = \"product\"\ncolumns = [\"category\"]\npurge = { tags = [\"product:{data}\"] }";
    let house = MysqlHouse::with(BLOCK).await;
    check(
        &house,
        &[
            (&["UPDATE product SET price = 11 WHERE id = 1"], PAGES),
            (&["UPDATE product SET category = 'hats' WHERE id = 1"], &["/p/product:3/hats", "/p/other/thing"]),
            (
                &["UPDATE product SET data = '[3]' WHERE id = 2"],
                &["/p/product:1/shoes", "/p/product:2/shoes", "/p/other/thing"],
            ),
            // An object can be called nothing.
            (&["INSERT INTO product VALUES (3, '', 1, '{\"a\": 1}')"], &[]),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_value_is_called_as_it_is_read() {
    const TABLE: &str = "CREATE TABLE kinds (id int PRIMARY KEY, tiny tinyint, big bigint unsigned, dec_ decimal(20, 3), \
        lat varchar(20) CHARACTER SET latin1, wide varchar(300), chosen enum('a', 'b'), several set('p', 'q'), bits bit(9), \
        day date, at datetime(3), y year, js json, body mediumtext, gone varchar(9))";
    const ROW: &str = "INSERT INTO kinds VALUES (1, -3, 18446744073709551615, 1234567890.5, 'cafe', 'wide', 'b', 'p,q', 257, \
        '2024-01-02', '2024-01-02 03:04:05.678', 2024, '[7, \"x\"]', 'text', NULL)";
    const COLUMNS: [&str; 14] =
        ["tiny", "big", "dec_", "lat", "wide", "chosen", "several", "bits", "day", "at", "y", "js", "body", "gone"];
    let tags: Vec<String> = COLUMNS.iter().map(|column| format!("\"{column}={{{column}}}\"")).collect();
    let house =
        MysqlHouse::with(&format!("[[change]]\ntable = \"kinds\"\npurge = {{ tags = [{}] }}", tags.join(", "))).await;
    house.change(&[TABLE]).await;
    let purged = [
        "tiny=-3",
        "big=18446744073709551615",
        "dec_=1234567890.500",
        "lat=cafe",
        "wide=wide",
        "chosen=b",
        "several=p",
        "several=q",
        "bits=257",
        "day=2024-01-02",
        "at=2024-01-02T03:04:05.678",
        "y=2024",
        "js=7",
        "js=x",
        "body=text",
    ];
    let pages: Vec<String> = purged.iter().map(|tag| format!("/p/{tag}/x")).collect();
    let mut pages: Vec<&str> = pages.iter().map(String::as_str).collect();
    pages.push("/p/gone=/x");
    house.stock(&pages).await;
    house.change(&[ROW]).await;
    assert_eq!(house.stored(&pages).await, ["/p/gone=/x"]);
    assert!(house.counted("public.kinds", "wider").await < 1.0, "all is called something");
}

#[tokio::test]
async fn what_the_log_does_not_say_is_purged_wider_and_counted() {
    const BLOCK: &str = "[[change]]\ntable = \"product\"\npurge = { urls = [\"/p/product:{category}/shoes\"] }";
    const URLS: &[&str] = &["/p/product:1/shoes", "/p/other/thing"];
    for setting in ["--binlog-row-image=MINIMAL", "--binlog-row-metadata=NO_LOG"] {
        let house = MysqlHouse::of(&[setting], BLOCK).await;
        house.change(&["INSERT INTO product VALUES (7, '7', 1, NULL)"]).await;
        house.stock(URLS).await;
        let before = house.counted("public.product", "wider").await;
        house.change(&["UPDATE product SET category = '2' WHERE id = 7"]).await;
        assert_eq!(house.stored(URLS).await, ["/p/other/thing"], "{setting}");
        assert!(house.counted("public.product", "wider").await > before, "{setting}");
    }
}

#[tokio::test]
async fn a_statement_in_the_log_purges_all_that_it_may_have_changed() {
    const BLOCK: &str = "[[change]]\ntable = \"product\"\npurge = { urls = [\"/p/product:{id}/shoes\"] }";
    const URLS: &[&str] = &["/p/product:1/shoes", "/p/other/thing"];
    let house = MysqlHouse::with(BLOCK).await;
    house.stock(URLS).await;
    // A view, a trigger or a procedure could change rows of any table.
    house
        .change(&["CREATE TABLE basket (id int)", "SET binlog_format = 'STATEMENT'", "INSERT INTO basket VALUES (1)"])
        .await;
    // Such a statement counts for each table, also for that by which the house knows how far the reading is.
    house.until_stored(URLS, &["/p/other/thing"]).await;
    house.stock(URLS).await;
    house.change(&["RENAME TABLE basket TO bag, product TO sold"]).await;
    house.until_stored(URLS, &["/p/other/thing"]).await;
}

#[tokio::test]
async fn a_compressed_log_is_read() {
    const BLOCK: &str = "[[change]]\ntable = \"product\"\npurge = { tags = [\"product:{id}\"] }";
    let house = MysqlHouse::of(&["--log-bin-compress=ON", "--log-bin-compress-min-len=10"], BLOCK).await;
    let long = "x".repeat(300);
    let insert =
        format!("INSERT INTO product VALUES (1, 'shoes', 10, '[\"{long}\"]'), (2, 'shoes', 10, '[\"{long}\"]')");
    house.stock(PAGES).await;
    house.change(&[&insert]).await;
    assert_eq!(house.stored(PAGES).await, ["/p/product:3/hats", "/p/other/thing"]);
    house.stock(PAGES).await;
    house.change(&["UPDATE product SET price = 2 WHERE id = 1"]).await;
    assert_eq!(house.stored(PAGES).await, ALL_BUT_1);
    let truncate = format!("TRUNCATE /* {long} */ product");
    house.change(&[&truncate]).await;
    assert_eq!(house.stored(PAGES).await, [""; 0]);
}

#[tokio::test]
async fn rows_that_go_with_a_row_that_they_refer_to_are_purged_wider() {
    const BLOCK: &str = "[[change]]\ntable = \"piece\"\npurge = { urls = [\"/p/piece:{id}/x\"] }";
    const URLS: &[&str] = &["/p/piece:1/x", "/p/other/thing"];
    let house = MysqlHouse::with(BLOCK).await;
    house
        .change(&[
            "CREATE TABLE piece (id int PRIMARY KEY, product bigint unsigned, \
             FOREIGN KEY (product) REFERENCES product (id) ON DELETE CASCADE ON UPDATE RESTRICT)",
            "INSERT INTO product VALUES (1, 'shoes', 1, NULL), (2, 'shoes', 1, NULL)",
            "INSERT INTO piece VALUES (1, 1)",
        ])
        .await;
    house.stock(URLS).await;
    house.change(&["UPDATE product SET price = 2"]).await;
    assert_eq!(house.stored(URLS).await, URLS);
    house.change(&["DELETE FROM product WHERE id = 1"]).await;
    assert_eq!(house.stored(URLS).await, ["/p/other/thing"]);
}

#[tokio::test]
async fn a_transaction_of_a_hundred_thousand_rows_and_more_is_purged_whole() {
    const BLOCK: &str = "[[change]]\ntable = \"product\"\npurge = { urls = [\"/p/product:{id}/shoes\"] }";
    let house = MysqlHouse::with(BLOCK).await;
    house.stock(PAGES).await;
    house.mariadb.execute("INSERT INTO product (id) SELECT seq FROM seq_1000_to_111000").await;
    house.until_taken_in(Duration::from_mins(2)).await;
    assert_eq!(house.stored(PAGES).await, ["/p/other/thing"]);
    assert!(house.counted("public.product", "purged").await > 110_000.0);
}
