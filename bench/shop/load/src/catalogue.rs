//! What can be searched and filtered for: the words that the shop's data is made of, read from the SQL that makes it.

use anyhow::Context as _;
use rand::SeedableRng as _;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom as _;

const WORDS: &str = include_str!("../../api/sql/schema/2_words.sql");

/// Settles which terms are popular; the same in every run.
const ORDER_SEED: u64 = 42;

/// The shop's departments and what each sells.
#[derive(Debug)]
pub(crate) struct Catalogue {
    /// Names of brands.
    pub(crate) brands: Vec<String>,
    /// How many categories there are; their ids count from 1, departments first.
    pub(crate) categories: u32,
    /// What people search for, the most popular first.
    pub(crate) terms: Vec<String>,
}

impl Catalogue {
    /// Reads the words, and makes at most so many terms of them.
    ///
    /// # Errors
    /// Where the SQL no longer has a list that is needed.
    pub(crate) fn new(terms_max: usize) -> anyhow::Result<Self> {
        let (departments, goods) = departments(WORDS);
        let brands = list(WORDS, "brand")?;
        let qualities = list(WORDS, "quality")?;
        let materials = list(WORDS, "material")?;
        let before = || brands.iter().chain(&qualities).chain(&materials);
        let mut terms: Vec<String> = goods.iter().chain(before()).map(|word| word.to_lowercase()).collect();
        terms.extend(goods.iter().flat_map(|good| before().map(move |word| format!("{word} {good}").to_lowercase())));
        terms.shuffle(&mut SmallRng::seed_from_u64(ORDER_SEED));
        terms.truncate(terms_max);
        let categories = u32::try_from(departments + goods.len()).context("too many categories")?;
        Ok(Self { brands, categories, terms })
    }
}

/// The list of words of a kind: `('brand', '{Norvik,Alderon}')`.
fn list(sql: &str, kind: &str) -> anyhow::Result<Vec<String>> {
    let begin = format!("('{kind}', '{{");
    let words = sql
        .lines()
        .find_map(|line| line.trim().strip_prefix(&begin)?.split_once('}'))
        .with_context(|| format!("the shop's SQL has no line that begins with {begin}"))?;
    Ok(words.0.split(',').map(str::to_owned).collect())
}

/// How many departments there are, and what they sell: `(1, 'Camping', '{tent,stove}')`.
fn departments(sql: &str) -> (usize, Vec<String>) {
    let lists: Vec<&str> = sql
        .lines()
        .filter(|line| line.strip_prefix('(').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())))
        .filter_map(|line| Some(line.split_once('{')?.1.split_once('}')?.0))
        .collect();
    (lists.len(), lists.iter().flat_map(|list| list.split(',')).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_from_the_sql() {
        let sql =
            "('brand', '{Norvik,Alderon}'),\n('title', '{Good value}');\n(1, 'Camping', '{tent,sleeping bag}'),\n";
        assert_eq!(list(sql, "brand").expect("it is there"), ["Norvik", "Alderon"]);
        assert!(list(sql, "quality").is_err());
        assert_eq!(departments(sql), (1, vec!["tent".to_owned(), "sleeping bag".to_owned()]));
    }

    #[test]
    fn the_shop_sells_in_sixty_categories() {
        let catalogue = Catalogue::new(usize::MAX).expect("the SQL has what is needed");
        assert_eq!((catalogue.categories, catalogue.brands.len()), (60, 40));
        assert!(catalogue.terms.len() > 5_000 && catalogue.terms.contains(&"walnut desk".to_owned()));
    }
}
