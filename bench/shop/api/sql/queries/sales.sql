-- What was sold on each of the last days, where to, and of which brands. $1 is the number of days.
WITH sold AS MATERIALIZED (
    SELECT date_trunc('day', l.placed_at)::date AS day, o.customer_id, c.country, l.order_id, p.brand_id,
           l.quantity, l.quantity * l.price_cents::bigint AS revenue_cents,
           l.quantity * (l.price_cents - p.cost_cents)::bigint AS margin_cents
    FROM order_lines l
    JOIN orders o ON o.id = l.order_id
    JOIN customers c ON c.id = o.customer_id
    JOIN products p ON p.id = l.product_id
    WHERE l.placed_at >= date_trunc('day', now()) - make_interval(days => $1)
)
SELECT json_build_object(
    'days', (
        SELECT coalesce(json_agg(json_build_object(
            'day', day, 'orders', orders, 'customers', customers, 'units', units, 'revenue_cents', revenue_cents,
            'margin_cents', margin_cents) ORDER BY day), '[]')
        FROM (
            SELECT day, count(DISTINCT order_id) AS orders, count(DISTINCT customer_id) AS customers,
                   sum(quantity) AS units, sum(revenue_cents) AS revenue_cents, sum(margin_cents) AS margin_cents
            FROM sold GROUP BY day
        ) AS daily
    ),
    'countries', (
        SELECT coalesce(json_agg(json_build_object('country', country, 'customers', customers, 'revenue_cents', revenue_cents)
                                 ORDER BY revenue_cents DESC), '[]')
        FROM (SELECT country, count(DISTINCT customer_id) AS customers, sum(revenue_cents) AS revenue_cents
              FROM sold GROUP BY country) AS by_country
    ),
    'brands', (
        SELECT coalesce(json_agg(json_build_object('brand', name, 'units', units, 'revenue_cents', revenue_cents)
                                 ORDER BY revenue_cents DESC), '[]')
        FROM (SELECT b.name, sum(quantity) AS units, sum(revenue_cents) AS revenue_cents
              FROM sold JOIN brands b ON b.id = brand_id GROUP BY b.name) AS by_brand
    )
)::text
