-- A page of products with its facets. $1 category or NULL, $2 brand or NULL, $3 and $4 bounds of the price in cents,
-- $5 price, newest or rating, $6 how many to skip. A facet counts what the other facets leave, so that a client sees
-- what choosing another brand would show.
WITH RECURSIVE subtree AS (
    SELECT id FROM categories WHERE id = $1
    UNION ALL
    SELECT c.id FROM categories c JOIN subtree ON c.parent_id = subtree.id
), base AS MATERIALIZED (
    SELECT p.id, p.name, p.price_cents, p.brand_id, p.category_id, p.rating, p.created_at, p.version, b.name AS brand,
           ($2::text IS NULL OR b.name = $2) AS of_brand,
           p.price_cents BETWEEN $3 AND $4 AS of_price
    FROM products p JOIN brands b ON b.id = p.brand_id
    WHERE $1::integer IS NULL OR p.category_id = ANY (ARRAY(SELECT id FROM subtree))
), page AS (
    SELECT row_number() OVER () AS place, shown.*
    FROM (
        SELECT * FROM base WHERE of_brand AND of_price
        ORDER BY CASE WHEN $5 = 'price' THEN price_cents END, CASE WHEN $5 = 'newest' THEN created_at END DESC,
                 CASE WHEN $5 = 'rating' THEN rating END DESC, id
        LIMIT 20 OFFSET $6
    ) AS shown
)
SELECT json_build_object(
    'items', (
        SELECT coalesce(json_agg(json_build_object(
            'id', id, 'name', name, 'price_cents', price_cents, 'brand', brand, 'category_id', category_id,
            'rating', rating::double precision, 'stock', stock, 'version', version) ORDER BY place), '[]')
        FROM page JOIN inventory ON product_id = id
    ),
    'total', (SELECT count(*) FROM base WHERE of_brand AND of_price),
    'facets', json_build_object(
        'brands', (
            SELECT coalesce(json_agg(json_build_object('brand', brand, 'count', count)), '[]')
            FROM (SELECT brand, count(*) FROM base WHERE of_price GROUP BY brand ORDER BY count(*) DESC, brand) AS counted
        ),
        'prices', (
            SELECT coalesce(json_agg(json_build_object('min_price', band * 10000, 'max_price', band * 10000 + 9999, 'count', count)), '[]')
            FROM (SELECT price_cents / 10000 AS band, count(*) FROM base WHERE of_brand GROUP BY band ORDER BY band) AS counted
        )
    )
)::text
