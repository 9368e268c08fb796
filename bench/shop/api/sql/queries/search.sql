-- A page of what is found for some words, the best first, with its facets. $1 the words, $2 how many to skip. Trigrams
-- forgive a typing error. The first page is noted in the log that suggestions are made from.
WITH matched AS MATERIALIZED (
    SELECT p.id, p.name, p.price_cents, p.brand_id, p.category_id, p.rating, p.version,
           word_similarity($1, p.search_text) + similarity($1, p.name) / 2 + ln(1 + p.review_count) / 20 AS score
    FROM products p
    WHERE p.search_text %> $1
), logged AS (
    INSERT INTO search_log (term, found) SELECT $1, count(*) FROM matched WHERE $2 = 0 HAVING count(*) > 0
), page AS (
    SELECT row_number() OVER () AS place, shown.*
    FROM (SELECT * FROM matched ORDER BY score DESC, id LIMIT 20 OFFSET $2) AS shown
)
SELECT json_build_object(
    'items', (
        SELECT coalesce(json_agg(json_build_object(
            'id', page.id, 'name', page.name, 'price_cents', price_cents, 'brand', b.name, 'category_id', category_id,
            'rating', rating::double precision, 'stock', stock, 'version', version) ORDER BY place), '[]')
        FROM page JOIN brands b ON b.id = brand_id JOIN inventory ON product_id = page.id
    ),
    'total', (SELECT count(*) FROM matched),
    'facets', json_build_object(
        'brands', (
            SELECT coalesce(json_agg(json_build_object('brand', name, 'count', count)), '[]')
            FROM (SELECT b.name, count(*) FROM matched JOIN brands b ON b.id = brand_id GROUP BY b.name ORDER BY count(*) DESC, b.name) AS counted
        ),
        'categories', (
            SELECT coalesce(json_agg(json_build_object('category_id', category_id, 'count', count)), '[]')
            FROM (SELECT category_id, count(*) FROM matched GROUP BY category_id ORDER BY count(*) DESC, category_id LIMIT 10) AS counted
        )
    )
)::text
