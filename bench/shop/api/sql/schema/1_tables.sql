-- The shop's tables. Indexes come after the data: filling is faster without them.

CREATE EXTENSION IF NOT EXISTS pg_trgm;

CREATE TABLE brands (
    id   integer PRIMARY KEY,
    name text NOT NULL UNIQUE
);

CREATE TABLE categories (
    id        integer PRIMARY KEY,
    parent_id integer REFERENCES categories,
    name      text NOT NULL
);

-- What is written often (price, version) stands in no index, so that a write touches no index either.
CREATE TABLE products (
    id           integer PRIMARY KEY,
    name         text NOT NULL,
    description  text NOT NULL,
    search_text  text NOT NULL,
    price_cents  integer NOT NULL CHECK (price_cents > 0),
    cost_cents   integer NOT NULL,
    brand_id     integer NOT NULL,
    category_id  integer NOT NULL,
    rating       numeric(3, 2) NOT NULL,
    review_count integer NOT NULL,
    created_at   timestamptz NOT NULL,
    version      bigint NOT NULL DEFAULT 1
) WITH (fillfactor = 90);

CREATE TABLE inventory (
    product_id integer NOT NULL,
    stock      integer NOT NULL CHECK (stock >= 0)
) WITH (fillfactor = 90);

CREATE TABLE customers (
    id      integer PRIMARY KEY,
    name    text NOT NULL,
    country text NOT NULL
);

CREATE TABLE orders (
    id          integer PRIMARY KEY,
    customer_id integer NOT NULL,
    placed_at   timestamptz NOT NULL
);

-- `placed_at` is the order's, so that sales of a time are found in one index.
CREATE TABLE order_lines (
    order_id    integer NOT NULL,
    product_id  integer NOT NULL,
    quantity    integer NOT NULL,
    price_cents integer NOT NULL,
    placed_at   timestamptz NOT NULL
);

CREATE TABLE reviews (
    id         integer PRIMARY KEY,
    product_id integer NOT NULL,
    stars      smallint NOT NULL CHECK (stars BETWEEN 1 AND 5),
    title      text NOT NULL,
    written_at timestamptz NOT NULL
);

CREATE TABLE search_log (
    term        text NOT NULL,
    found       integer NOT NULL,
    searched_at timestamptz NOT NULL DEFAULT now()
);
