-- One product with what its reviews say. $1 is its id.
SELECT json_build_object(
    'id', p.id, 'name', p.name, 'description', p.description, 'price_cents', p.price_cents, 'brand', b.name,
    'category_id', p.category_id, 'category', c.name, 'rating', p.rating::double precision, 'stock', i.stock, 'version', p.version,
    'reviews', json_build_object('count', p.review_count, 'stars', stars.counts, 'latest', latest.reviews)
)::text
FROM products p
JOIN brands b ON b.id = p.brand_id
JOIN categories c ON c.id = p.category_id
JOIN inventory i ON i.product_id = p.id
CROSS JOIN LATERAL (
    SELECT coalesce(json_object_agg(stars, count), '{}') AS counts
    FROM (SELECT stars, count(*) FROM reviews WHERE product_id = p.id GROUP BY stars ORDER BY stars) AS counted
) AS stars
CROSS JOIN LATERAL (
    SELECT coalesce(json_agg(json_build_object('stars', stars, 'title', title, 'written_at', written_at)), '[]') AS reviews
    FROM (SELECT stars, title, written_at FROM reviews WHERE product_id = p.id ORDER BY written_at DESC LIMIT 3) AS newest
) AS latest
WHERE p.id = $1
