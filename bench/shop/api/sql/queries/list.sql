-- A page of products with its facets. $1 category or NULL, $2 brand or NULL, $3 and $4 bounds of the price in cents,
-- $5 price, newest or rating, $6 how many to skip. A facet counts what the other facets leave, so that a client sees
-- what choosing another brand would show. What only the page shows is read for its twenty products alone.
WITH RECURSIVE subtree AS (
    SELECT id FROM categories WHERE id = $1
    UNION ALL
    SELECT c.id FROM categories c JOIN subtree ON c.parent_id = subtree.id
), base AS MATERIALIZED (
    SELECT id, price_cents, brand_id, rating, created_at,
           ($2::text IS NULL OR brand_id = (SELECT id FROM brands WHERE name = $2)) AS of_brand,
           price_cents BETWEEN $3 AND $4 AS of_price
    FROM products
    WHERE $1::integer IS NULL OR category_id = ANY (ARRAY(SELECT id FROM subtree))
), page AS (
    SELECT row_number() OVER () AS place, id
    FROM (
        SELECT id FROM base WHERE of_brand AND of_price
        ORDER BY CASE WHEN $5 = 'price' THEN price_cents END, CASE WHEN $5 = 'newest' THEN created_at END DESC,
                 CASE WHEN $5 = 'rating' THEN rating END DESC, id
        LIMIT 20 OFFSET $6
    ) AS shown
)
SELECT json_build_object(
    'items', (
        SELECT coalesce(json_agg(json_build_object(
            'id', p.id, 'name', p.name, 'price_cents', p.price_cents, 'brand', b.name, 'category_id', p.category_id,
            'rating', p.rating::double precision, 'stock', i.stock, 'version', p.version) ORDER BY place), '[]')
        FROM page
        JOIN products p ON p.id = page.id
        JOIN brands b ON b.id = p.brand_id
        JOIN inventory i ON i.product_id = p.id
    ),
    'total', (SELECT count(*) FROM base WHERE of_brand AND of_price),
    'facets', json_build_object(
        'brands', (
            SELECT coalesce(json_agg(json_build_object('brand', name, 'count', count) ORDER BY count DESC, name), '[]')
            FROM (SELECT brand_id, count(*) FROM base WHERE of_price GROUP BY brand_id) AS counted
            JOIN brands ON id = brand_id
        ),
        'prices', (
            SELECT coalesce(json_agg(json_build_object('min_price', band * 10000, 'max_price', band * 10000 + 9999, 'count', count)), '[]')
            FROM (SELECT price_cents / 10000 AS band, count(*) FROM base WHERE of_brand GROUP BY band ORDER BY band) AS counted
        )
    )
)::text
