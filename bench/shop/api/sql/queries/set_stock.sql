-- Sets how many of a product are left. $1 is its id, $2 the number. Locks the product before its stock, as one order
-- for all writers.
WITH raised AS (
    UPDATE products SET version = version + 1 WHERE id = $1 RETURNING id, version
), stocked AS (
    UPDATE inventory SET stock = $2 FROM raised WHERE product_id = raised.id RETURNING product_id
)
SELECT json_build_object('id', raised.id, 'version', raised.version)::text
FROM raised JOIN stocked ON product_id = raised.id
