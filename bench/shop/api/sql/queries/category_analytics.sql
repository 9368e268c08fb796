-- How each category does: what it sold in a year, what is left of it, and what reviews say.
WITH sold AS (
    SELECT p.category_id, sum(l.quantity) AS units, sum(l.quantity * l.price_cents::bigint) AS revenue_cents,
           sum(l.quantity * (l.price_cents - p.cost_cents)::bigint) AS margin_cents, count(DISTINCT l.order_id) AS orders
    FROM order_lines l JOIN products p ON p.id = l.product_id
    WHERE l.placed_at >= now() - interval '365 days'
    GROUP BY p.category_id
), stocked AS (
    SELECT p.category_id, count(*) AS products, sum(i.stock) AS stock, sum(i.stock * p.cost_cents::bigint) AS stock_value_cents,
           percentile_disc(0.5) WITHIN GROUP (ORDER BY p.price_cents) AS median_price_cents
    FROM products p JOIN inventory i ON i.product_id = p.id
    GROUP BY p.category_id
), reviewed AS (
    SELECT p.category_id, avg(r.stars) AS stars, count(*) AS reviews
    FROM reviews r JOIN products p ON p.id = r.product_id
    GROUP BY p.category_id
)
SELECT json_build_object('categories', coalesce(json_agg(json_build_object(
    'id', c.id, 'name', c.name, 'products', products, 'stock', stock, 'stock_value_cents', stock_value_cents,
    'median_price_cents', median_price_cents, 'orders', coalesce(orders, 0), 'units', coalesce(units, 0),
    'revenue_cents', coalesce(revenue_cents, 0), 'margin_cents', coalesce(margin_cents, 0),
    'reviews', coalesce(reviews, 0), 'stars', round(stars, 2)::double precision) ORDER BY revenue_cents DESC NULLS LAST, c.id), '[]'))::text
FROM categories c
JOIN stocked ON stocked.category_id = c.id
LEFT JOIN sold ON sold.category_id = c.id
LEFT JOIN reviewed ON reviewed.category_id = c.id
