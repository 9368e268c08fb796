-- Sets a product's price. $1 is its id, $2 the price in cents.
UPDATE products SET price_cents = $2, version = version + 1 WHERE id = $1
RETURNING json_build_object('id', id, 'version', version)::text
