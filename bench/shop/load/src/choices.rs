//! What a user picks: few things often, most things seldom.

use crate::catalogue::Catalogue;
use crate::options::Options;
use anyhow::Context as _;
use rand::RngExt as _;
use rand_distr::{Distribution as _, Zipf};

/// Bounds of prices that the shop's page offers, in cents.
const PRICES: [(u32, u32); 4] = [(0, 4_999), (5_000, 9_999), (10_000, 19_999), (20_000, 100_000)];

const SORTS: [&str; 3] = ["rating", "price", "newest"];

/// Periods that an owner looks at, in days.
const DAYS: [u32; 4] = [7, 30, 90, 365];

/// Of each ten pages of a list, so many are its first, second and third.
const PAGES: [(u32, usize); 3] = [(1, 7), (2, 2), (3, 1)];

/// Of each twenty pages of what a search has found.
const FOUND_PAGES: [(u32, usize); 3] = [(1, 17), (2, 2), (3, 1)];

/// Draws paths.
#[derive(Debug)]
pub(crate) struct Choices {
    catalogue: Catalogue,
    products: Zipf<f64>,
    terms: Zipf<f64>,
    categories: Zipf<f64>,
    brands: Zipf<f64>,
}

impl Choices {
    /// As unequal as the options say.
    ///
    /// # Errors
    /// Where an exponent is negative.
    pub(crate) fn new(options: &Options) -> anyhow::Result<Self> {
        let catalogue = Catalogue::new(options.terms as usize)?;
        let words = |count: usize| zipf(u32::try_from(count)?, options.word_exponent);
        Ok(Self {
            products: zipf(options.products, options.product_exponent)?,
            terms: words(catalogue.terms.len())?,
            categories: zipf(catalogue.categories, options.word_exponent)?,
            brands: words(catalogue.brands.len())?,
            catalogue,
        })
    }

    /// A product's id. The lowest are the most popular: they also sell best in the shop's data.
    pub(crate) fn product(&self) -> u32 {
        rank(&self.products)
    }

    /// A page of all products.
    pub(crate) fn browse() -> String {
        let (sort, page) = (one_of(&SORTS), drawn(&PAGES));
        format!("/api/products?sort={sort}&page={page}")
    }

    /// A page of a category.
    pub(crate) fn list(&self) -> String {
        let (category, page) = (rank(&self.categories), drawn(&PAGES));
        format!("/api/products?category={category}&page={page}")
    }

    /// A category with a brand, a price, or another order.
    pub(crate) fn filter(&self) -> String {
        let category = rank(&self.categories);
        let brand = &self.catalogue.brands[rank(&self.brands) as usize - 1];
        let (low, high) = one_of(&PRICES);
        match rand::rng().random_range(0..3) {
            0 => format!("/api/products?category={category}&brand={brand}"),
            1 => format!("/api/products?category={category}&min_price={low}&max_price={high}"),
            _ => format!("/api/products?category={category}&sort={}", one_of(&SORTS)),
        }
    }

    /// What somebody searches for.
    pub(crate) fn term(&self) -> &str {
        &self.catalogue.terms[rank(&self.terms) as usize - 1]
    }

    /// A search.
    pub(crate) fn search(&self) -> String {
        let (term, page) = (in_query(self.term()), drawn(&FOUND_PAGES));
        if page == 1 { format!("/api/search?q={term}") } else { format!("/api/search?q={term}&page={page}") }
    }

    /// What is asked while somebody types a term: from two letters on, at most three times.
    pub(crate) fn suggestions(&self) -> Vec<String> {
        beginnings(self.term()).map(|begun| format!("/api/suggest?q={}", in_query(begun))).collect()
    }

    /// What an owner of the shop looks at.
    pub(crate) fn analytics() -> String {
        if rand::rng().random_bool(0.5) {
            format!("/api/analytics/sales?days={}", one_of(&DAYS))
        } else {
            "/api/analytics/categories".to_owned()
        }
    }
}

fn zipf(count: u32, exponent: f64) -> anyhow::Result<Zipf<f64>> {
    Zipf::new(f64::from(count), exponent).with_context(|| format!("{exponent} is no exponent of Zipf's law"))
}

/// A place in the order of popularity, from 1.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // It is a whole number within the distribution's count.
fn rank(zipf: &Zipf<f64>) -> u32 {
    zipf.sample(&mut rand::rng()) as u32
}

fn one_of<T: Copy>(choices: &[T]) -> T {
    choices[rand::rng().random_range(0..choices.len())]
}

/// One of some choices, each with how often it is made.
pub(crate) fn drawn<T: Copy>(choices: &[(T, usize)]) -> T {
    let mut left = rand::rng().random_range(0..choices.iter().map(|(_, often)| often).sum());
    for (choice, often) in choices {
        if left < *often {
            return *choice;
        }
        left -= often;
    }
    unreachable!("a number below the sum falls within one of its parts")
}

/// The words are letters and spaces.
fn in_query(words: &str) -> String {
    words.replace(' ', "+")
}

fn beginnings(term: &str) -> impl Iterator<Item = &str> {
    (2..=4).filter_map(|letters| term.get(..letters)).filter(|begun| !begun.ends_with(' '))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    fn choices() -> Choices {
        let options =
            Options::try_parse_from(["shop-load", "--target", "http://x", "--output", "x", "--products", "100"]);
        Choices::new(&options.expect("they are valid")).expect("they are valid")
    }

    #[test]
    fn products_are_within_the_shop_and_the_first_is_the_most_popular() {
        let choices = choices();
        let mut drawn = [0_u32; 101];
        for _ in 0..10_000 {
            drawn[choices.product() as usize] += 1;
        }
        assert_eq!(drawn[0], 0);
        assert_eq!(drawn.iter().max(), Some(&drawn[1]));
        assert!(drawn[1] > 3 * drawn[10], "{drawn:?}");
    }

    #[test]
    fn every_path_is_one_of_the_shop() {
        let choices = choices();
        for _ in 0..1_000 {
            for path in [Choices::browse(), choices.list(), choices.filter(), choices.search(), Choices::analytics()] {
                assert!(path.starts_with("/api/") && path.bytes().all(|byte| byte.is_ascii_graphic()), "{path}");
            }
        }
    }

    #[test]
    fn what_has_no_weight_is_never_drawn() {
        let mut seen = [0; 3];
        for _ in 0..1_000 {
            seen[drawn(&[(0, 3), (1, 0), (2, 1)])] += 1;
        }
        assert!(seen[0] > seen[2] && seen[2] > 0 && seen[1] == 0, "{seen:?}");
    }

    #[test]
    fn typing_asks_from_two_letters_on() {
        assert_eq!(beginnings("walnut desk").collect::<Vec<_>>(), ["wa", "wal", "waln"]);
        assert_eq!(beginnings("hat").collect::<Vec<_>>(), ["ha", "hat"]);
    }
}
