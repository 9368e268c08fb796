"""A small shop as a GraphQL server, by Ariadne. Says its address once it listens."""

import socket
import sys

import uvicorn
from ariadne import MutationType, QueryType, make_executable_schema
from ariadne.asgi import GraphQL

TYPES = """
type Query { product(id: ID!): Product, products: [Product!]!, executed: Int!, me: String }
type Mutation { setPrice(id: ID!, cents: Int!): Product, touch: Boolean! }
type Product { id: ID!, name: String!, cents: Int! }
"""

products = {str(number): {"id": str(number), "name": f"tea {number}", "cents": 100 * number} for number in (1, 2, 3)}
count = {"executed": 0}
query, mutation = QueryType(), MutationType()


@query.field("product")
def product(_, info, id):
    count["executed"] += 1
    return products.get(id)


@query.field("products")
def all_products(_, info):
    count["executed"] += 1
    return list(products.values())


@query.field("executed")
def executed(_, info):
    return count["executed"]


@query.field("me")
def me(_, info):
    raise ValueError("nobody is signed in")


@mutation.field("setPrice")
def set_price(_, info, id, cents):
    products[id]["cents"] = cents
    return products[id]


@mutation.field("touch")
def touch(_, info):
    return True


application = GraphQL(make_executable_schema(TYPES, query, mutation), debug=False, execute_get_queries=True)
listener = socket.create_server(("127.0.0.1", 0))
print("127.0.0.1:%d" % listener.getsockname()[1], flush=True)
server = uvicorn.Server(uvicorn.Config(application, log_level="error"))
server.run(sockets=[listener])
sys.exit(0)
