//! What changes in the shop and in the fleet's rules, and how Larder hears of it.

use super::ledger::Fate;
use super::origin::{LYING, WRITE};
use super::rules::CHANGED;
use super::{END, PATHS, PRODUCTS, World, context, request, sessions};
use crate::engine::Handler;
use crate::events::{EventSource, Intake, Taken};
use crate::invalidation::PurgeOptions;
use crate::invalidation::purge::{Depth, Purge, PurgeSource};
use crate::rules::event::Event;
use crate::scope::{Scope, Tag};
use http::{HeaderValue, Method};
use http_body_util::BodyExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// How many products an event of many names.
const MANY: u64 = 1_500;

/// How many tags are purged at once that nothing carries: more than there is room for where there is little.
const OTHERS: u64 = 40;

/// After so long, an exchange whose client has left is over, and so are the waits for the log that follow it.
const ABANDONED_ENDS: Duration = Duration::from_secs(10);

/// Writers who leave do so within this time, most of them before their answer.
const WRITERS_STAY: Duration = Duration::from_millis(200);

impl World {
    fn versioned_path(&self) -> &'static str {
        let versioned = if self.has_losses { PRODUCTS } else { PRODUCTS + 1 };
        PATHS[usize::try_from(self.dice.below(versioned)).expect("few paths")]
    }

    /// The shop changes something, and then has it purged: by the tag or the route that the rules in force give it.
    pub(super) fn write_and_purge(&mut self) {
        let path = self.versioned_path();
        let depth = if self.dice.below(3) == 0 { Depth::Soft } else { Depth::Hard };
        let scope = if self.dice.below(5) == 0 { self.edition.route() } else { self.edition.tag(path) };
        self.purge(path, scope, depth);
    }

    /// `path` has changed, and an instance is asked to purge it.
    pub(super) fn purge(&mut self, path: &'static str, scope: Scope, depth: Depth) {
        let (version, number) = (self.ledger.write(path), self.any());
        self.ledger.note(&format!("{path} is {version} now; {} purge at {number}", depth.label()));
        let purge = Purge { scopes: vec![scope], depth, source: PurgeSource::Admin };
        let wait = Some(self.dice.up_to(Duration::from_secs(8)));
        let (engine, ledger) = (Arc::clone(&self.instances[number].engine), Arc::clone(&self.ledger));
        // A soft purge lets the origin confirm what is stored, and this origin confirms whatever it is asked about.
        let is_promise = path != LYING || depth == Depth::Hard;
        self.under_way.spawn(async move {
            let asked = engine.invalidation().purge(purge, PurgeOptions { wait, idempotency_key: None }).await;
            ledger.purge_ends(path, Fate::of(&asked));
            let Ok(receipt) = asked else { return };
            ledger.note(&format!("{path} {version}: applied {:?}, pending {:?}", receipt.applied, receipt.pending));
            if is_promise {
                ledger.promise(number, path, version);
                // An instance that is cut off asks the origin, and this origin confirms what the purge was about.
                if receipt.pending.is_empty() && path != LYING {
                    ledger.promise_everywhere(path, version);
                }
            }
        });
    }

    /// Many tags are purged that nothing carries: where there is room for few barriers, those of before are forgotten.
    pub(super) fn purge_what_nobody_asks_for(&mut self) {
        let number = self.any();
        self.ledger.note(&format!("purge of what nobody asks for at {number}"));
        for path in &PATHS {
            self.ledger.purge_begins(path);
        }
        let tag = |other| Scope::Tag(Tag::new(&format!("other:{other}")).expect("it is a tag"));
        let purge = Purge { scopes: (0..OTHERS).map(tag).collect(), depth: Depth::Hard, source: PurgeSource::Admin };
        let (engine, ledger) = (Arc::clone(&self.instances[number].engine), Arc::clone(&self.ledger));
        self.under_way.spawn(async move {
            let asked = engine.invalidation().purge(purge, PurgeOptions { wait: None, idempotency_key: None }).await;
            for path in &PATHS {
                ledger.purge_ends(path, Fate::of(&asked));
            }
        });
    }

    /// A client writes through Larder, and may leave before the answer.
    pub(super) fn write_through(&mut self) {
        let path = PATHS[usize::try_from(self.dice.below(PRODUCTS)).expect("few paths")];
        let at = self.any();
        let instance = &self.instances[at];
        let (engine, ledger, life) = (Arc::clone(&instance.engine), Arc::clone(&self.ledger), instance.life);
        let number = self.writes;
        self.writes += 1;
        let patience = if self.dice.below(2) == 0 { self.dice.up_to(WRITERS_STAY) } else { END };
        ledger.note(&format!("write {number} of {path} through {at}"));
        let mut request = request(Method::PUT, path);
        request.headers_mut().insert(WRITE, HeaderValue::from(number));
        let sessions = Arc::clone(&self.sessions);
        self.under_way.spawn(async move {
            let exchange = async {
                let answer = engine.handle(request, context()).await;
                if let Ok(response) = answer.reply {
                    sessions::begin(&sessions, &response, ledger.seen_by_write(number));
                    drop(response.into_body().collect().await);
                }
            };
            if timeout(patience, exchange).await.is_err() {
                ledger.note(&format!("the client of write {number} leaves"));
                assert!(patience < END, "a write has no end");
                sleep(ABANDONED_ENDS).await;
            }
            ledger.write_ended((at, life), path, number);
            let asked = ledger.asked((at, life), path, "user-0");
            super::read(&engine, &ledger, &asked, END).await;
        });
    }

    /// One event says of very many products that they have changed; one of them is a real one.
    pub(super) fn write_many(&mut self) {
        let (id, at, place) = (1 + self.dice.below(2), self.any(), self.dice.below(MANY));
        let path = PATHS[usize::try_from(id - 1).expect("it is 0 or 1")];
        let version = self.ledger.write(path);
        self.ledger.note(&format!("{path} is {version} now; an event of many names it as number {place}, at {at}"));
        // Where there is room for few barriers, so many make others forgotten: a floor then covers every page.
        for other in PATHS.iter().filter(|other| **other != path) {
            self.ledger.purge_begins(other);
        }
        let ids: Vec<u64> = (0..MANY).map(|other| if other == place { id } else { 10_000 + other }).collect();
        let event = serde_json::json!({ "type": CHANGED, "id": ids }).to_string();
        let (engine, ledger) = (Arc::clone(&self.instances[at].engine), Arc::clone(&self.ledger));
        self.under_way.spawn(async move {
            let taken = Intake::new(engine).take(EventSource::Admin, Event::parse_json(event.as_bytes()), None).await;
            for other in &PATHS {
                ledger.purge_ends(other, Fate::of(&taken));
            }
            if let Ok(Taken::Purged { .. }) = taken {
                ledger.promise(at, path, version);
            }
        });
    }

    /// Someone edits the rules file that all instances read.
    pub(super) fn reload_rules(&mut self) {
        self.edition = self.edition.other();
        self.ledger.note(&format!("the rules are {:?} now", self.edition));
        for instance in &self.instances {
            instance.engine.replace_rules(self.edition.rules());
        }
    }
}
