-- What a careful team would have: a trigram index for search, and an index that covers each frequent question.

CREATE INDEX products_by_category ON products (category_id);
CREATE INDEX products_by_words ON products USING gin (search_text gin_trgm_ops);
ALTER TABLE inventory ADD PRIMARY KEY (product_id);
CREATE INDEX reviews_by_product ON reviews (product_id, written_at DESC) INCLUDE (stars);
CREATE INDEX orders_by_customer ON orders (customer_id);
CREATE INDEX orders_by_time ON orders (placed_at) INCLUDE (customer_id);
CREATE INDEX order_lines_by_time ON order_lines (placed_at) INCLUDE (order_id, product_id, quantity, price_cents);
CREATE INDEX order_lines_by_product ON order_lines (product_id);
CREATE INDEX search_log_by_prefix ON search_log (term text_pattern_ops);

ALTER TABLE products ADD FOREIGN KEY (brand_id) REFERENCES brands, ADD FOREIGN KEY (category_id) REFERENCES categories;
ALTER TABLE inventory ADD FOREIGN KEY (product_id) REFERENCES products;
ALTER TABLE orders ADD FOREIGN KEY (customer_id) REFERENCES customers;
ALTER TABLE order_lines ADD FOREIGN KEY (order_id) REFERENCES orders, ADD FOREIGN KEY (product_id) REFERENCES products;
ALTER TABLE reviews ADD FOREIGN KEY (product_id) REFERENCES products;
