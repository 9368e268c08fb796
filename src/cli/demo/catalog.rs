//! The sample shop's goods, kept in memory.

use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One product.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Product {
    /// Its number.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// Its category.
    pub category: &'static str,
    /// Its price in cents.
    pub price_cents: u32,
    /// How many are left.
    #[serde(skip)]
    pub stock: u32,
}

/// All products. The lock is held for a look-up or one change, never across an await.
#[derive(Debug)]
pub(super) struct Catalog {
    products: Mutex<BTreeMap<u32, Product>>,
    searches: AtomicU64,
}

const KINDS: [(&str, &str); 6] = [
    ("shoe", "shoes"),
    ("boot", "shoes"),
    ("jacket", "clothes"),
    ("shirt", "clothes"),
    ("tent", "camping"),
    ("stove", "camping"),
];
const COLOURS: [&str; 5] = ["red", "blue", "green", "black", "white"];

impl Catalog {
    /// A shop of a few hundred products, the same in every run.
    pub(super) fn stocked() -> Self {
        let mut products = BTreeMap::new();
        for id in 1..=300_u32 {
            let (kind, category) = KINDS[id as usize % KINDS.len()];
            let name = format!("{} {kind} no. {id}", COLOURS[id as usize % COLOURS.len()]);
            let price_cents = 999 + id * 37 % 9000;
            products.insert(id, Product { id, name, category, price_cents, stock: 1000 });
        }
        Self { products: Mutex::new(products), searches: AtomicU64::new(0) }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, Product>> {
        self.products.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One product.
    pub(super) fn product(&self, id: u32) -> Option<Product> {
        self.lock().get(&id).cloned()
    }

    /// The products of a category, or all.
    pub(super) fn listing(&self, category: Option<&str>) -> Vec<Product> {
        let in_category = |product: &&Product| category.is_none_or(|wanted| product.category == wanted);
        self.lock().values().filter(in_category).take(20).cloned().collect()
    }

    /// The products whose name holds every word.
    pub(super) fn search(&self, words: &str) -> Vec<Product> {
        self.searches.fetch_add(1, Ordering::Relaxed);
        let words = words.to_lowercase();
        let matches = |product: &&Product| words.split_whitespace().all(|word| product.name.contains(word));
        self.lock().values().filter(matches).take(20).cloned().collect()
    }

    /// How many searches there were.
    pub(super) fn searches(&self) -> u64 {
        self.searches.load(Ordering::Relaxed)
    }

    /// Sells one, and says how many are left.
    pub(super) fn take_one(&self, id: u32) -> Option<u32> {
        let mut products = self.lock();
        let product = products.get_mut(&id)?;
        product.stock = product.stock.saturating_sub(1);
        Some(product.stock)
    }

    /// Changes a price.
    pub(super) fn reprice(&self, id: u32, price_cents: u32) -> Option<Product> {
        let mut products = self.lock();
        let product = products.get_mut(&id)?;
        product.price_cents = price_cents;
        Some(product.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_finds_products_by_every_word_of_it() {
        let catalog = Catalog::stocked();
        let found = catalog.search("Red shoe");
        assert!(!found.is_empty());
        assert!(found.iter().all(|product| product.name.contains("red") && product.name.contains("shoe")));
        assert!(catalog.search("red submarine").is_empty());
    }

    #[test]
    fn a_new_price_is_there_at_once_and_the_stock_goes_down() {
        let catalog = Catalog::stocked();
        assert_eq!(catalog.reprice(42, 1).map(|product| product.price_cents), Some(1));
        assert_eq!(catalog.product(42).map(|product| product.price_cents), Some(1));
        assert_eq!((catalog.take_one(42), catalog.take_one(42)), (Some(999), Some(998)));
        assert!(catalog.reprice(9999, 1).is_none());
    }
}
