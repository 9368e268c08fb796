//! Parameters that never change the answer: `utm_source`, `_`. All others stay part of the key, and so do those that nobody
//! has sent meanwhile.

use super::association::{PROOFS, Table};
use super::exchange::is_plain;
use super::notebook::{Look, Notebook, Page};
use super::sequences::{Findings, Recipe};
use super::verdict::Dropped;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

/// With fewer values nobody knows what another one would do: `page=1` changes nothing.
const VALUES_MIN: usize = 3;

/// The parameters that change nothing, and how many comparisons show it. Those that fewer than `clients_min` clients have
/// sent are not named, and so they count.
pub(super) fn idle(
    recipe: &Recipe,
    pages: &[&Page],
    notebook: &Notebook,
    clients_min: usize,
) -> BTreeMap<u16, Dropped> {
    let mut candidates = candidates(pages, clients_min);
    candidates.retain(|parameter| notebook.parameters.get(*parameter).is_some_and(|name| is_plain(name)));
    let (mut idle, mut not_compared) = (BTreeMap::new(), BTreeSet::new());
    for parameter in candidates {
        let table = table(recipe, &idle, &[parameter].into(), pages);
        if shows_nothing_changes(table) && returns_nothing(recipe, &idle, &[parameter].into(), pages) {
            idle.insert(parameter, table.differs_same);
        } else if table.differs_same + table.differs_changed < PROOFS {
            not_compared.insert(parameter);
        }
    }
    // Some always change together.
    let together = table(recipe, &idle, &not_compared, pages);
    if shows_nothing_changes(together) && returns_nothing(recipe, &idle, &not_compared, pages) {
        idle.extend(not_compared.into_iter().map(|parameter| (parameter, together.differs_same)));
    }
    let named =
        |(parameter, same)| Some((parameter, Dropped { name: notebook.parameters.get(parameter)?.to_string(), same }));
    idle.into_iter().filter_map(named).collect()
}

/// Those that may be named, with values enough.
fn candidates(pages: &[&Page], clients_min: usize) -> BTreeSet<u16> {
    let (mut values, mut clients) = (Known::new(), Known::new());
    for page in pages {
        for (parameter, value) in &page.parameters {
            values.entry(*parameter).or_default().insert(*value);
            let clients = clients.entry(*parameter).or_default();
            clients.extend(page.looks.iter().map(|look| look.client));
        }
    }
    let has_clients = |parameter: &u16| clients.get(parameter).is_some_and(|clients| clients.len() >= clients_min);
    values.retain(|parameter, values| values.len() >= VALUES_MIN && has_clients(parameter));
    values.into_keys().collect()
}

/// Parameters with the hashes of their values.
type Values = Rc<[(u16, u64)]>;

/// Of each parameter.
type Known = BTreeMap<u16, BTreeSet<u64>>;

fn without(recipe: &Recipe, idle: &BTreeMap<u16, usize>, parameters: &BTreeSet<u16>) -> Recipe {
    Recipe { dropped: idle.keys().chain(parameters).copied().collect(), ..recipe.clone() }
}

/// Whether answers in a row change where one of these parameters differs and nothing else of the key does.
fn table(recipe: &Recipe, idle: &BTreeMap<u16, usize>, parameters: &BTreeSet<u16>, pages: &[&Page]) -> Table {
    let recipe = without(recipe, idle, parameters);
    let mut by_key: HashMap<u64, Vec<(&Look, Values)>> = HashMap::new();
    for page in pages {
        let values: Values = page.parameters.iter().filter(|(name, _)| parameters.contains(name)).copied().collect();
        for (key, look) in recipe.keys(page) {
            by_key.entry(key).or_default().push((look, Rc::clone(&values)));
        }
    }
    let mut table = Table::default();
    for sequence in by_key.values_mut() {
        sequence.sort_by_key(|(look, _)| (look.begun, look.ended));
        for pair in sequence.windows(2) {
            if let [(one, before), (other, after)] = pair {
                table.count(before != after, one.digest != other.digest);
            }
        }
    }
    table
}

/// Enough answers are the same, and no larger share of them changes than does anyway.
const fn shows_nothing_changes(table: Table) -> bool {
    let (differs, equal) = (table.differs_changed + table.differs_same, table.equal_changed + table.equal_same);
    table.differs_same >= PROOFS
        && table.differs_changed * equal <= table.equal_changed * differs
        && (table.differs_changed == 0 || equal > 0)
}

fn returns_nothing(recipe: &Recipe, idle: &BTreeMap<u16, usize>, parameters: &BTreeSet<u16>, pages: &[&Page]) -> bool {
    Findings::of(&without(recipe, idle, parameters).sequences(pages)).returned == 0
}
