-- The tree of categories with the number of products and of those in stock.
WITH counted AS (
    SELECT p.category_id, count(*) AS products, count(*) FILTER (WHERE i.stock > 0) AS in_stock
    FROM products p JOIN inventory i ON i.product_id = p.id
    GROUP BY p.category_id
)
SELECT json_build_object('categories', json_agg(department ORDER BY id))::text
FROM (
    SELECT top.id, json_build_object(
        'id', top.id, 'name', top.name, 'products', coalesce(sum(products), 0), 'in_stock', coalesce(sum(in_stock), 0),
        'children', json_agg(json_build_object(
            'id', below.id, 'name', below.name, 'products', coalesce(products, 0), 'in_stock', coalesce(in_stock, 0))
            ORDER BY below.id)) AS department
    FROM categories top
    JOIN categories below ON below.parent_id = top.id
    LEFT JOIN counted ON counted.category_id = below.id
    WHERE top.parent_id IS NULL
    GROUP BY top.id, top.name
) AS tree
