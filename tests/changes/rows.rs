//! What a row's change purges: what it is called, and what it was called before; wider where that is not known.

use super::house::House;
use std::time::Duration;

const PAGES: &[&str] = &["/p/product:1/shoes", "/p/product:2/shoes", "/p/product:3/hats", "/p/other/thing"];

const ROWS: &str = "TRUNCATE product, described;
    INSERT INTO product VALUES (1, 'shoes', 10, '{red,\"dark blue\"}', '[1, 2]'), (2, 'shoes', 20, '{}', 'null');
    INSERT INTO described VALUES (1, 'shoes', 'short'), (2, 'shoes', repeat('x', 100000))";

/// After these statements, these of the pages are still stored.
async fn check(block: &str, cases: &[(&str, &[&str])]) {
    let house = House::with(block).await;
    for (sql, expected) in cases {
        house.change(ROWS).await;
        house.stock(PAGES).await;
        house.change(sql).await;
        assert_eq!(house.stored(PAGES).await, *expected, "{block}\n{sql}");
    }
}

#[tokio::test]
async fn a_change_purges_by_the_key_of_its_row() {
    const BLOCK: &str = "[[change]]\ntable = \"public.product\"\npurge = { tags = [\"product:{id}\"] }";
    check(
        BLOCK,
        &[
            (
                "UPDATE product SET price = 11 WHERE id = 1",
                &["/p/product:2/shoes", "/p/product:3/hats", "/p/other/thing"],
            ),
            ("UPDATE product SET id = 3 WHERE id = 1", &["/p/product:2/shoes", "/p/other/thing"]),
            ("DELETE FROM product WHERE id = 2", &["/p/product:1/shoes", "/p/product:3/hats", "/p/other/thing"]),
            ("INSERT INTO product VALUES (3)", &["/p/product:1/shoes", "/p/product:2/shoes", "/p/other/thing"]),
            ("TRUNCATE product", &[]),
            ("BEGIN; DELETE FROM product; ROLLBACK", PAGES),
            (
                "ALTER TABLE product ADD COLUMN more text; UPDATE product SET more = 'x' WHERE id = 2",
                &["/p/product:1/shoes", "/p/product:3/hats", "/p/other/thing"],
            ),
            // The template's column is gone.
            ("ALTER TABLE product DROP COLUMN id CASCADE; INSERT INTO product VALUES ('hats')", &[]),
        ],
    )
    .await;
}

#[tokio::test]
async fn columns_narrow_what_an_update_purges() {
    const BLOCK: &str = "[[change]]\ntable = \"described\"\ncolumns = [\"category\"]\npurge = { tags = [\"product:{id}\", \"{category}\"] }";
    check(
        BLOCK,
        &[
            ("UPDATE described SET note = 'other' WHERE id = 1", PAGES),
            ("UPDATE described SET category = 'hats' WHERE id = 1", &["/p/other/thing"]),
            ("UPDATE described SET category = NULL WHERE id = 2", &["/p/product:3/hats", "/p/other/thing"]),
            ("UPDATE described SET category = 'bags' WHERE id = 2", &["/p/product:3/hats", "/p/other/thing"]),
        ],
    )
    .await;
}

#[tokio::test]
async fn each_value_of_a_list_is_purged() {
    const BLOCK: &str = "[[change]]\ntable = \"product\"\npurge = { tags = [\"{tags}\", \"product:{data}\"] }";
    check(
        BLOCK,
        &[
            (
                "INSERT INTO product VALUES (3, '', 1, '{hats,thing}', NULL)",
                &["/p/product:1/shoes", "/p/product:2/shoes"],
            ),
            ("INSERT INTO product VALUES (3, '', 1, NULL, '[1, \"3\"]')", &["/p/product:2/shoes", "/p/other/thing"]),
            // An object can be called nothing.
            ("INSERT INTO product VALUES (3, '', 1, NULL, '{\"a\": 1}')", &[]),
        ],
    )
    .await;
}

#[tokio::test]
async fn an_old_value_that_the_database_does_not_say_is_purged_wider_and_counted() {
    let house =
        House::with("[[change]]\ntable = \"product\"\npurge = { urls = [\"/p/product:{category}/shoes\"] }").await;
    house.change("INSERT INTO product VALUES (7, '7')").await;
    house.stock(&["/p/product:1/shoes", "/p/other/thing"]).await;
    house.change("UPDATE product SET category = '2' WHERE id = 7").await;
    assert_eq!(house.stored(&["/p/product:1/shoes", "/p/other/thing"]).await, ["/p/other/thing"]);
    assert!((house.counted("public.product", "wider").await - 1.0).abs() < f64::EPSILON);
}

#[tokio::test]
async fn a_large_value_that_an_update_does_not_touch_is_purged_wider_where_it_is_not_said() {
    const BLOCK: &str = "[[change]]\ntable = \"product\"\npurge = { urls = [\"/p/{category}/shoes\"] }
        [[change]]\ntable = \"described\"\npurge = { tags = [\"product:{id}\", \"{note}\"] }";
    let house = House::with(BLOCK).await;
    house.change(ROWS).await;
    // The old row says it.
    house.stock(PAGES).await;
    house.change("UPDATE described SET category = 'hats' WHERE id = 1").await;
    assert_eq!(house.stored(PAGES).await, &PAGES[1..]);
}

#[tokio::test]
async fn a_transaction_of_a_hundred_thousand_rows_and_more_is_purged_whole() {
    const BLOCK: &str = "[[change]]\ntable = \"product\"\npurge = { urls = [\"/p/product:{id}/shoes\"] }";
    let house = House::with(BLOCK).await;
    house.change(ROWS).await;
    house.stock(PAGES).await;
    house.postgres.execute("INSERT INTO product (id) SELECT n FROM generate_series(1000, 111000) n").await;
    house.until_taken_in(Duration::from_mins(2)).await;
    assert_eq!(house.stored(PAGES).await, ["/p/other/thing"]);
    assert!(house.counted("public.product", "purged").await > 110_000.0);
}
