"""What a storefront and the shop's staff ask Vendure, as a GraphQL client sends it: with `__typename` in each selection."""

import re
from dataclasses import dataclass

SHOP = "/shop-api"
ADMIN = "/admin-api"

PRODUCT = "id name slug description featuredAsset { id preview } collections { id slug name } facetValues { id code name }"
VARIANT = "id name sku currencyCode price priceWithTax stockLevel options { id code name } featuredAsset { id preview }"
FOUND = """totalItems items { productId productVariantId productName slug description inStock currencyCode
  priceWithTax { ... on PriceRange { min max } ... on SinglePrice { value } } productAsset { id preview } }"""
ORDER = """id code state active totalQuantity total totalWithTax
  customer { id emailAddress firstName }
  shippingAddress { fullName streetLine1 }
  lines { id quantity linePriceWithTax productVariant { id name sku } featuredAsset { id preview } }"""
CHANGED = f"... on Order {{ {ORDER} }} ... on ErrorResult {{ errorCode message }}"

QUERIES = {
    "Channel": "query Channel { activeChannel { id code defaultLanguageCode defaultCurrencyCode } }",
    "Menu": """query Menu { collections(options: { topLevelOnly: true })
        { items { id slug name parent { id slug } children { id slug name } } } }""",
    "Countries": "query Countries { availableCountries { id code name } }",
    "Category": """query Category($slug: String) { collection(slug: $slug)
        { id slug name description breadcrumbs { id slug name } children { id slug name } featuredAsset { id preview } } }""",
    "Product": f"query Product($slug: String) {{ product(slug: $slug) {{ {PRODUCT} variants {{ {VARIANT} }} }} }}",
    "Search": f"query Search($input: SearchInput!) {{ search(input: $input) {{ {FOUND} }} }}",
    "Facets": """query Facets($input: SearchInput!) { search(input: $input)
        { totalItems facetValues { count facetValue { id code name facet { id code name } } } } }""",
    "Customer": "query Customer { activeCustomer { id emailAddress firstName lastName } }",
    "Cart": f"query Cart {{ activeOrder {{ {ORDER} }} }}",
    "ShippingMethods": "query ShippingMethods { eligibleShippingMethods { id code name priceWithTax } }",
}
CATALOGUE = ("Channel", "Menu", "Countries", "Category", "Product", "Search", "Facets")
"""Those that are the same for everybody."""

MUTATIONS = {
    "Register": """mutation Register($input: RegisterCustomerInput!) { registerCustomerAccount(input: $input)
        { ... on Success { success } ... on ErrorResult { errorCode message } } }""",
    "Login": """mutation Login($username: String!, $password: String!) { login(username: $username, password: $password)
        { ... on CurrentUser { id identifier } ... on ErrorResult { errorCode message } } }""",
    "Logout": "mutation Logout { logout { success } }",
    "Add": f"""mutation Add($variant: ID!, $quantity: Int!)
        {{ addItemToOrder(productVariantId: $variant, quantity: $quantity) {{ {CHANGED} }} }}""",
    "Adjust": f"""mutation Adjust($line: ID!, $quantity: Int!)
        {{ adjustOrderLine(orderLineId: $line, quantity: $quantity) {{ {CHANGED} }} }}""",
    "Address": f"""mutation Address($input: CreateAddressInput!) {{ setOrderShippingAddress(input: $input) {{ {CHANGED} }} }}""",
    "Shipping": f"""mutation Shipping($ids: [ID!]!) {{ setOrderShippingMethod(shippingMethodId: $ids) {{ {CHANGED} }} }}""",
    "Arrange": f"""mutation Arrange {{ transitionOrderToState(state: "ArrangingPayment") {{ {CHANGED} }} }}""",
    "Pay": f"""mutation Pay($input: PaymentInput!) {{ addPaymentToOrder(input: $input) {{ {CHANGED} }} }}""",
}

STAFF = {
    "StaffLogin": MUTATIONS["Login"].replace("mutation Login", "mutation StaffLogin"),
    "UpdateProduct": """mutation UpdateProduct($input: UpdateProductInput!) { updateProduct(input: $input)
        { id translations { id languageCode description } } }""",
    "UpdatePrice": """mutation UpdatePrice($input: [UpdateProductVariantInput!]!) { updateProductVariants(input: $input)
        { id price product { id } } }""",
    "Products": "query Products { products(options: { take: 100 }) { items { id name slug variants { id } } } }",
}


@dataclass(frozen=True)
class Operation:
    """One request."""
    name: str
    text: str
    path: str = SHOP


def with_type_names(text: str) -> str:
    """The document as Apollo's and urql's clients send it: each selection but that of the operation asks for `__typename`. The
    braces of arguments (`options: { … }`) stand behind a colon."""
    head, root, rest = text.partition("{")
    return head + root + re.sub(r"(?<![:\s])(\s*)\{", r"\1{ __typename", rest) if root else text


SHOP_OPERATIONS = {name: Operation(name, with_type_names(text)) for name, text in {**QUERIES, **MUTATIONS}.items()}
STAFF_OPERATIONS = {name: Operation(name, with_type_names(text), ADMIN) for name, text in STAFF.items()}
