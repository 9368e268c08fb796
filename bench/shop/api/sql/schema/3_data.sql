-- The shop's data, as many products as {products} says. Days count back from the day on which it is made.

INSERT INTO brands
SELECT number, word FROM words, unnest(list) WITH ORDINALITY AS t (word, number) WHERE kind = 'brand';

-- 6 departments, 1 to 6, and below each of them 9 categories, 7 to 60.
INSERT INTO categories SELECT id, NULL, name FROM departments;
INSERT INTO categories
SELECT 6 + 9 * (id - 1) + number, id, initcap(word) FROM departments, unnest(sells) WITH ORDINALITY AS t (word, number);

-- Three reviews a product, most of them of what sells best.
INSERT INTO reviews
SELECT i, 1 + pick_popular(i, 10, {products}), 5 - least(pick(i, 11, 5), pick(i, 12, 5)),
       pick_word(i, 13, (SELECT list FROM words WHERE kind = 'title')),
       date_trunc('day', now()) - make_interval(days => pick(i, 14, 700), secs => pick(i, 15, 86400))
FROM generate_series(1, 3 * {products}) AS i;

INSERT INTO products
WITH made AS (
    SELECT i, brands.id AS brand_id, brands.name AS brand, categories.id AS category_id, categories.name AS category,
           departments.name AS department,
           pick_word(i, 1, (SELECT list FROM words WHERE kind = 'quality')) AS quality,
           pick_word(i, 2, (SELECT list FROM words WHERE kind = 'material')) AS material,
           pick_word(i, 3, (SELECT list FROM words WHERE kind = 'series')) AS series,
           pick_word(i, 4, (SELECT list FROM words WHERE kind = 'sentence')) AS first_sentence,
           pick_word(i, 5, (SELECT list FROM words WHERE kind = 'sentence')) AS second_sentence,
           500 + (1 + pick(i, 6, 20)) * pick(i, 7, 2000) AS price_cents
    FROM generate_series(1, {products}) AS i
    JOIN categories ON categories.id = 7 + pick(i, 8, 54)
    JOIN departments ON departments.id = categories.parent_id
    JOIN brands ON brands.id = 1 + pick(i, 9, 40)
), named AS (
    SELECT *, concat_ws(' ', brand, initcap(quality), initcap(material), category, series, 1 + i % 997) AS name,
           concat_ws(' ', 'A', quality, lower(category), 'of', material, 'for', lower(department) || '.', first_sentence,
                     second_sentence) AS description
    FROM made
), rated AS (
    SELECT product_id, avg(stars) AS stars, count(*) AS reviews FROM reviews GROUP BY product_id
)
SELECT i, name, description, lower(name || ' ' || description), price_cents, price_cents * (50 + pick(i, 16, 30)) / 100,
       brand_id, category_id, coalesce(stars, 0), coalesce(reviews, 0),
       date_trunc('day', now()) - make_interval(days => pick(i, 17, 1500), secs => pick(i, 18, 86400))
FROM named LEFT JOIN rated ON rated.product_id = i;

INSERT INTO inventory SELECT id, pick(id, 20, 500) FROM products;

INSERT INTO customers
SELECT i, pick_word(i, 30, (SELECT list FROM words WHERE kind = 'brand')) || ' ' || i,
       pick_word(i, 31, (SELECT list FROM words WHERE kind = 'country'))
FROM generate_series(1, greatest({products} / 5, 1)) AS i;

-- Two lines a product, five to two orders.
INSERT INTO orders
SELECT i, 1 + pick_popular(i, 40, greatest({products} / 5, 1)),
       date_trunc('day', now()) - make_interval(days => least(pick(i, 41, 365), pick(i, 43, 365)), secs => pick(i, 42, 86400))
FROM generate_series(1, {products} * 4 / 5) AS i;

INSERT INTO order_lines
SELECT orders.id, products.id, 1 + pick(i, 51, 3), products.price_cents, orders.placed_at
FROM generate_series(1, 2 * {products}) AS i
JOIN orders ON orders.id = 1 + i % ({products} * 4 / 5)
JOIN products ON products.id = 1 + pick_popular(i, 50, {products});

-- What people looked for: a good, often with a quality or a material before it.
INSERT INTO search_log
SELECT concat_ws(' ', CASE WHEN pick(i, 60, 3) > 0 THEN pick_word(i, 61, qualities.list) END,
                 CASE WHEN pick(i, 62, 3) = 0 THEN pick_word(i, 63, materials.list) END, good),
       pick(i, 64, 5000), now() - make_interval(secs => pick(i, 65, 30 * 86400))
FROM generate_series(1, {products} / 2) AS i
JOIN (SELECT lower(name) AS good, id FROM categories WHERE parent_id IS NOT NULL) AS goods ON goods.id = 7 + pick_popular(i, 66, 54)
JOIN words AS qualities ON qualities.kind = 'quality'
JOIN words AS materials ON materials.kind = 'material';
