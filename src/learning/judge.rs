//! Judges one cluster of URLs. In doubt it is left out.
//!
//! First everything of the URL counts and nothing else. Where answers then depend on who asks, one cookie or header
//! after another is taken out of the comparison, by keying it or by letting its bearers pass the cache by, until they do
//! not. A cookie or a credential of which no comparison has shown that it changes nothing is never assumed to.

use super::association::{PROOFS, Table};
use super::exchange::{Factor, Standing};
use super::lifetime;
use super::notebook::{Look, Notebook};
use super::parameters;
use super::paths::Cluster;
use super::sequences::{Findings, Recipe, Sequence, pairs};
use super::verdict::{LeftOut, Proposed};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The most cookies and headers that are keyed or passed by because answers differ.
const CULPRITS_MAX: usize = 4;

/// The most values of what is keyed.
const KEYED_VALUES_MAX: usize = 16;

/// Of so many requests, one may have a cookie of which nothing was learned and whose name is not to be shown.
const UNKNOWN_ONE_IN: usize = 20;

/// Last words of paths that are asked for to know how things are now.
const CHECKS: [&str; 10] =
    ["health", "healthz", "healthcheck", "heartbeat", "live", "livez", "metrics", "ping", "ready", "readyz"];

/// How much evidence there must be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) clients: usize,
    pub(super) answers: usize,
    pub(super) watched: Duration,
}

/// Judges a cluster. `bearers` tells how many clients have had each cookie and header.
pub(super) fn judge(
    cluster: &Cluster<'_>,
    notebook: &Notebook,
    bearers: &BTreeMap<u16, usize>,
    wanted: Wanted,
) -> Result<Proposed, LeftOut> {
    let looks = || cluster.pages.iter().flat_map(|page| &page.looks);
    let (answers, clients) = (looks().count(), looks().map(|look| look.client).collect::<BTreeSet<_>>().len());
    if cluster.pattern.begins_with_variable() {
        return Err(LeftOut::FirstSegmentVaries);
    }
    if cluster.pattern.last_word().is_some_and(|word| CHECKS.contains(&word.as_str())) {
        return Err(LeftOut::LooksLikeCheck);
    }
    if clients < wanted.clients {
        return Err(LeftOut::TooFewClients { clients, wanted: wanted.clients });
    }
    if answers < wanted.answers {
        return Err(LeftOut::TooFewAnswers { answers, wanted: wanted.answers });
    }
    let known = Known::of(looks(), notebook, bearers, wanted.clients);
    let case = Case { cluster, wanted, known };
    let mut recipe = case.without_culprits()?;
    let dropped = parameters::idle(&recipe, &cluster.pages, notebook, wanted.clients);
    recipe.dropped = dropped.keys().copied().collect();
    case.pass_by_unproven(&mut recipe)?;
    let sequences = recipe.sequences(&cluster.pages);
    case.settle(&sequences).map_err(|why| case.unless_personal(why))?;
    let findings = Findings::of(&sequences);
    let lifetime = lifetime::longest(&sequences, wanted.watched)
        .ok_or(LeftOut::ChangesTooOften { changed: findings.changed, of: findings.changed + findings.same })?;
    let (keyed, bypassed) = (Names::of(&recipe.keyed, notebook), Names::of(&recipe.bypassed, notebook));
    Ok(Proposed {
        cookies: keyed.cookies,
        headers: keyed.headers,
        bypass_cookies: bypassed.cookies,
        bypass_headers: bypassed.headers,
        dropped: dropped.into_values().collect(),
        lifetime,
        bypassed: answers - findings.answers,
        findings,
    })
}

/// Names of cookies and headers.
#[derive(Debug, Default)]
struct Names {
    cookies: Vec<String>,
    headers: Vec<String>,
}

impl Names {
    fn of(factors: &BTreeSet<u16>, notebook: &Notebook) -> Self {
        let mut names = Self::default();
        for factor in factors.iter().filter_map(|factor| notebook.factors.get(*factor)) {
            match factor {
                Factor::Cookie(name) => names.cookies.push(name.to_string()),
                Factor::Header(name) => names.headers.push(name.to_string()),
            }
        }
        names.cookies.sort();
        names.headers.sort();
        names
    }
}

/// What is known of each cookie and header of a cluster's requests.
#[derive(Debug, Clone, Default)]
struct Known(BTreeMap<u16, About>);

#[derive(Debug, Clone, Default)]
struct About {
    naming: Naming,
    requests: usize,
    /// The clients that had each value, a few at most of each.
    values: BTreeMap<u32, BTreeSet<u64>>,
    remedy: Remedy,
}

/// Whether a name may be shown: one that few clients have may be one visitor's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Naming {
    Shown,
    #[default]
    Hidden,
}

/// What a rule could do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Remedy {
    /// It can be keyed, or its bearers passed by.
    #[default]
    Either,
    /// It names a visitor: its bearers can be passed by.
    Bypass,
    /// It can be keyed.
    Key,
}

impl Known {
    fn of<'l>(
        looks: impl Iterator<Item = &'l Look>,
        notebook: &Notebook,
        bearers: &BTreeMap<u16, usize>,
        clients_min: usize,
    ) -> Self {
        let mut known = BTreeMap::<u16, About>::new();
        for look in looks {
            for (factor, value) in &look.factors {
                let about = known.entry(*factor).or_default();
                about.requests += 1;
                if value.is_token() {
                    about.remedy = Remedy::Bypass;
                }
                if about.values.len() <= KEYED_VALUES_MAX {
                    about.values.entry(value.number()).or_default().insert(look.client);
                }
            }
        }
        for (factor, about) in &mut known {
            if bearers.get(factor).is_some_and(|clients| *clients >= clients_min) {
                about.naming = Naming::Shown;
            }
            let is_header = matches!(notebook.factors.get(*factor), Some(Factor::Header(_)));
            match notebook.factors.get(*factor) {
                Some(factor) if factor.is_credential() => about.remedy = Remedy::Bypass,
                // Everyone has headers: none of them says that its bearer is to be passed by.
                _ if is_header => about.remedy = Remedy::Key,
                _ => {}
            }
            let is_shared = about.values.len() <= KEYED_VALUES_MAX
                && about.values.values().any(|clients| clients.len() >= clients_min);
            if !is_shared && about.remedy == Remedy::Either {
                about.remedy = Remedy::Bypass;
            }
        }
        Self(known)
    }
}

struct Case<'c, 'a> {
    cluster: &'c Cluster<'a>,
    wanted: Wanted,
    known: Known,
}

/// How far answers depend on who asks, by what is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
struct Trouble {
    unexplained: usize,
    associated: usize,
}

impl Case<'_, '_> {
    /// A recipe under which answers do not depend on who asks.
    fn without_culprits(&self) -> Result<Recipe, LeftOut> {
        let mut recipe = Recipe::default();
        for _ in 0..=CULPRITS_MAX {
            let sequences = recipe.sequences(&self.cluster.pages);
            let trouble = Self::trouble(&sequences);
            if trouble == Trouble::default() {
                let by_client = Some(by_client(&sequences)).filter(Table::is_associated);
                return match by_client.or_else(|| by_one_client(&sequences)) {
                    Some(table) => Err(LeftOut::DependsOnClient {
                        changed: table.differs_changed,
                        of: table.differs_changed + table.differs_same,
                    }),
                    None => Ok(recipe),
                };
            }
            let better = self.remedies(&recipe).map(|remedy| {
                let trouble = Self::trouble(&remedy.sequences(&self.cluster.pages));
                (trouble, remedy)
            });
            let best = better.min_by_key(|(trouble, remedy)| (*trouble, remedy.bypassed.len()));
            match best {
                Some((least, remedy)) if least < trouble => recipe = remedy,
                _ => return Err(Self::differs(&sequences)),
            }
        }
        Err(Self::differs(&recipe.sequences(&self.cluster.pages)))
    }

    fn differs(sequences: &[Sequence<'_>]) -> LeftOut {
        let Findings { returned, worst, answers: of, swings, .. } = Findings::of(sequences);
        if swings.followed > swings.kept {
            return LeftOut::Undecided { returned, of, swings };
        }
        LeftOut::Differs { returned, of, worst }
    }

    /// Why too little is left: because answers differ by who asks, where they do.
    fn unless_personal(&self, why: LeftOut) -> LeftOut {
        let sequences = Recipe::default().sequences(&self.cluster.pages);
        if why.looks_personal() || Self::trouble(&sequences) == Trouble::default() {
            return why;
        }
        Self::differs(&sequences)
    }

    fn trouble(sequences: &[Sequence<'_>]) -> Trouble {
        let unexplained = Findings::of(sequences).unexplained();
        let associated = tables(sequences).values().filter(|table| table.is_associated()).count();
        Trouble { unexplained, associated }
    }

    /// The recipes that do one thing more about one cookie or header.
    fn remedies<'r>(&'r self, recipe: &'r Recipe) -> impl Iterator<Item = Recipe> + 'r {
        let open = self.known.0.iter().filter(|(factor, about)| {
            !recipe.keyed.contains(factor) && !recipe.bypassed.contains(factor) && about.naming == Naming::Shown
        });
        open.flat_map(|(factor, about)| {
            let (mut keyed, mut bypassed) = (recipe.clone(), recipe.clone());
            keyed.keyed.insert(*factor);
            bypassed.bypassed.insert(*factor);
            let has_few_values = about.values.len() <= KEYED_VALUES_MAX;
            let keyed = (about.remedy != Remedy::Bypass && has_few_values).then_some(keyed);
            let bypassed = (about.remedy != Remedy::Key).then_some(bypassed);
            keyed.into_iter().chain(bypassed)
        })
    }

    /// Lets the bearers of each cookie or credential pass the cache by of which no comparison shows that it changes nothing.
    fn pass_by_unproven(&self, recipe: &mut Recipe) -> Result<(), LeftOut> {
        let tables = tables(&recipe.sequences(&self.cluster.pages));
        let all = self.cluster.pages.iter().map(|page| page.looks.len()).sum::<usize>();
        for (factor, about) in &self.known.0 {
            let is_settled =
                about.remedy == Remedy::Key || recipe.keyed.contains(factor) || recipe.bypassed.contains(factor);
            let same = tables.get(factor).map_or(0, |table| table.differs_same);
            if is_settled || same >= PROOFS {
                continue;
            }
            if about.naming == Naming::Shown {
                recipe.bypassed.insert(*factor);
            } else if about.requests * UNKNOWN_ONE_IN > all {
                return Err(LeftOut::NotCompared { same, wanted: PROOFS });
            }
        }
        Ok(())
    }

    /// What the answers that are left must be.
    fn settle(&self, sequences: &[Sequence<'_>]) -> Result<(), LeftOut> {
        let looks = || sequences.iter().flatten();
        let of = looks().count();
        let count = |standing: Standing| looks().filter(|look| look.standing == standing).count();
        match (count(Standing::SetsCookie), count(Standing::Kept), count(Standing::VariesByAll)) {
            (0, 0, 0) => {}
            (0, 0, _) => return Err(LeftOut::VariesByAll),
            (0, answers, _) => return Err(LeftOut::Kept { answers, of }),
            (answers, ..) => return Err(LeftOut::SetsCookie { answers, of }),
        }
        let findings = Findings::of(sequences);
        let clients = self.wanted.clients;
        if findings.clients < clients {
            return Err(LeftOut::TooFewClients { clients: findings.clients, wanted: clients });
        }
        if findings.answers < self.wanted.answers {
            return Err(LeftOut::TooFewAnswers { answers: findings.answers, wanted: self.wanted.answers });
        }
        let same = if clients > 1 { findings.same_for_others } else { findings.same };
        if same < PROOFS && findings.changed > findings.same {
            return Err(LeftOut::ChangesTooOften { changed: findings.changed, of: findings.changed + findings.same });
        }
        if same < PROOFS {
            return Err(LeftOut::NotCompared { same, wanted: PROOFS });
        }
        Ok(())
    }
}

/// Whether answers in a row change where a cookie or a header differs.
fn tables(sequences: &[Sequence<'_>]) -> BTreeMap<u16, Table> {
    let present: BTreeSet<u16> =
        sequences.iter().flatten().flat_map(|look| look.factors.iter().map(|it| it.0)).collect();
    let mut tables: BTreeMap<u16, Table> = present.into_iter().map(|factor| (factor, Table::default())).collect();
    for pair in sequences.iter().flat_map(|sequence| pairs(sequence)) {
        let changed = pair.one.digest != pair.other.digest;
        for (factor, table) in &mut tables {
            table.count(pair.one.value(*factor) != pair.other.value(*factor), changed);
        }
    }
    tables
}

fn by_client(sequences: &[Sequence<'_>]) -> Table {
    let mut table = Table::default();
    for pair in sequences.iter().flat_map(|sequence| pairs(sequence)) {
        table.count(pair.one.client != pair.other.client, pair.one.digest != pair.other.digest);
    }
    table
}

/// One client most of whose answers differ from those that others get before and after them, far more than is so of others.
fn by_one_client(sequences: &[Sequence<'_>]) -> Option<Table> {
    let (mut all, mut clients) = (Table::default(), BTreeMap::<u64, Table>::new());
    for pair in
        sequences.iter().flat_map(|sequence| pairs(sequence)).filter(|pair| pair.one.client != pair.other.client)
    {
        let changed = pair.one.digest != pair.other.digest;
        all.count(false, changed);
        for client in [pair.one.client, pair.other.client] {
            clients.entry(client).or_default().count(true, changed);
        }
    }
    let beside_others = |table: Table| Table {
        equal_changed: all.equal_changed - table.differs_changed,
        equal_same: all.equal_same - table.differs_same,
        ..table
    };
    let stands_out = |table: &Table| table.differs_changed > table.differs_same && table.is_associated();
    clients.into_values().map(beside_others).find(stands_out)
}
