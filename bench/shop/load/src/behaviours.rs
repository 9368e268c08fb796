//! The ten things that shoppers and owners do, and how often each.

use crate::choices::{Choices, drawn};
use crate::exchange::{get, get_product};
use crate::record::Endpoint;
use crate::world::World;
use goose::goose::GooseUser;
use std::time::Duration;

/// Between two letters of who types.
const KEYSTROKE: Duration = Duration::from_millis(200);

/// Something that users do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    Browse,
    List,
    Filter,
    Search,
    Autocomplete,
    Product,
    Popular,
    Categories,
    Inventory,
    Analytics,
}

impl Behaviour {
    /// Each, with how often it is done of twenty times.
    const ALL: [(Self, usize); 10] = [
        (Self::Browse, 2),
        (Self::List, 2),
        (Self::Filter, 2),
        (Self::Search, 2),
        (Self::Autocomplete, 1),
        (Self::Product, 5),
        (Self::Popular, 1),
        (Self::Categories, 1),
        (Self::Inventory, 3),
        (Self::Analytics, 1),
    ];

    /// One, by chance. Goose could weigh them itself, but all of its users would go through one order of them.
    pub(crate) fn drawn() -> Self {
        drawn(&Self::ALL)
    }

    /// Does it once.
    pub(crate) async fn act(self, world: &World, user: &mut GooseUser) {
        let choices = &world.choices;
        let (endpoint, path) = match self {
            Self::Autocomplete => return autocomplete(world, user).await,
            Self::Product => return product(world, user).await,
            Self::Inventory => return inventory(world, user).await,
            Self::Browse => (Endpoint::List, Choices::browse()),
            Self::List => (Endpoint::List, choices.list()),
            Self::Filter => (Endpoint::List, choices.filter()),
            Self::Search => (Endpoint::Search, choices.search()),
            Self::Popular => (Endpoint::Popular, "/api/popular".to_owned()),
            Self::Categories => (Endpoint::Categories, "/api/categories".to_owned()),
            Self::Analytics => (Endpoint::Analytics, Choices::analytics()),
        };
        get(world, &user.client, endpoint, &path).await;
    }
}

/// The product whose page a user has open.
#[derive(Debug, Clone, Copy)]
struct Open(u32);

async fn product(world: &World, user: &mut GooseUser) {
    let product = world.choices.product();
    user.set_session_data(Open(product));
    get_product(world, &user.client, Endpoint::Product, product, &product_path(product)).await;
}

/// The page that is open asks how many are left.
async fn inventory(world: &World, user: &mut GooseUser) {
    let product = user.get_session_data::<Open>().map_or_else(|| world.choices.product(), |open| open.0);
    get_product(world, &user.client, Endpoint::Inventory, product, &inventory_path(product)).await;
}

async fn autocomplete(world: &World, user: &mut GooseUser) {
    for path in world.choices.suggestions() {
        get(world, &user.client, Endpoint::Suggest, &path).await;
        tokio::time::sleep(KEYSTROKE).await;
    }
}

/// Where a product is.
pub(crate) fn product_path(product: u32) -> String {
    format!("/api/products/{product}")
}

/// Where its stock is.
pub(crate) fn inventory_path(product: u32) -> String {
    format!("/api/products/{product}/inventory")
}
