//! Every statement that the API runs, by name.

macro_rules! queries {
    ($($name:ident $label:literal,)*) => {
        /// A statement. Its text is sql/queries/LABEL.sql.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Query {
            $(#[doc = $label] $name,)*
        }

        impl Query {
            /// All of them.
            pub(crate) const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its name in metrics.
            pub(crate) const fn label(self) -> &'static str {
                match self { $(Self::$name => $label,)* }
            }

            /// Its text.
            pub(crate) const fn sql(self) -> &'static str {
                match self { $(Self::$name => include_str!(concat!("../sql/queries/", $label, ".sql")),)* }
            }
        }
    };
}

queries! {
    Product "product",
    Inventory "inventory",
    List "list",
    Search "search",
    Suggest "suggest",
    Popular "popular",
    Categories "categories",
    Sales "sales",
    CategoryAnalytics "category_analytics",
    SetPrice "set_price",
    SetStock "set_stock",
}
