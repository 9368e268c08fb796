"""A real GraphQL shop, Vendure over PostgreSQL, through Larder."""
