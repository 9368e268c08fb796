-- What sold most in the last 30 days.
WITH sold AS (
    SELECT product_id, sum(quantity) AS units FROM order_lines
    WHERE placed_at >= now() - interval '30 days'
    GROUP BY product_id ORDER BY units DESC, product_id LIMIT 20
)
SELECT json_build_object('items', coalesce(json_agg(json_build_object(
    'id', p.id, 'name', p.name, 'price_cents', p.price_cents, 'brand', b.name, 'category_id', p.category_id,
    'rating', p.rating::double precision, 'stock', i.stock, 'version', p.version, 'sold', units) ORDER BY units DESC, p.id), '[]'))::text
FROM sold
JOIN products p ON p.id = sold.product_id
JOIN brands b ON b.id = p.brand_id
JOIN inventory i ON i.product_id = p.id
