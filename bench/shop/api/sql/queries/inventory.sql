-- How many of a product are left. $1 is its id.
SELECT json_build_object('id', p.id, 'stock', i.stock, 'version', p.version)::text
FROM products p JOIN inventory i ON i.product_id = p.id
WHERE p.id = $1
