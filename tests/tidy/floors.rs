//! Imports go down only.

use crate::Source;
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// The floor of each module below the crate's root, lowest first.
const FLOORS: &[(&str, u8)] = &[
    ("alarm", 0),
    ("clock", 0),
    ("deliberate_fault", 0),
    ("histogram", 0),
    ("metric", 0),
    ("secret", 0),
    ("semantics", 0),
    ("version", 0),
    ("clients", 1),
    ("rules", 1),
    ("key", 1),
    ("entry", 1),
    ("consistency", 1),
    ("in_flight", 1),
    ("scope", 1),
    ("stamp", 1),
    ("stamps", 1),
    ("fleet", 2),
    ("store", 2),
    ("tls", 2),
    ("coalesce", 2),
    ("invalidation", 3),
    ("plan", 3),
    ("engine", 4),
    ("callout", 5),
    ("cdn", 5),
    ("decisions", 5),
    ("traces", 5),
    ("events", 5),
    ("simulation", 5),
    ("upstream", 5),
    ("jobs", 5),
    ("jwks", 5),
    ("warming", 5),
    ("learning", 5),
    ("proxy", 5),
    ("recorded", 5),
    ("replay", 5),
    ("metrics", 5),
    ("supervisor", 5),
    ("config", 6),
    ("admin", 7),
    ("cli", 8),
    ("testing", 8),
];

fn floor_of(module: &str) -> Option<u8> {
    FLOORS.iter().find(|(name, _)| *name == module).map(|(_, floor)| *floor)
}

/// Every mention of a module above the file's own floor, in imports, paths and macro arguments alike.
pub fn upward_imports(source: &Source) -> Vec<String> {
    let modules = module_path(&source.path);
    let Some(home) = modules.first() else { return Vec::new() };
    let Some(floor) = floor_of(home) else {
        return vec![format!("module `{home}` has no floor in tests/tidy/floors.rs")];
    };
    let mut mentioned = Vec::new();
    collect_mentions(source.tokens(), modules.len(), &mut mentioned);
    let mut violations = Vec::new();
    for module in mentioned {
        if floor_of(&module).is_some_and(|other| other > floor) {
            violations.push(format!("`{home}` (floor {floor}) imports from `{module}` above it"));
        }
    }
    violations
}

/// `src/engine/mod.rs` is `[engine]`, `src/engine/origin.rs` is `[engine, origin]`, the crate's roots are empty.
fn module_path(path: &str) -> Vec<String> {
    let inner = path.trim_start_matches("src/").trim_end_matches(".rs");
    inner.split('/').filter(|part| !matches!(*part, "mod" | "lib" | "main")).map(str::to_owned).collect()
}

/// Gathers the modules below the crate's root that the tokens name. `depth` is how many `super` lead to the root.
fn collect_mentions(tokens: TokenStream, depth: usize, mentioned: &mut Vec<String>) {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while at < trees.len() {
        match &trees[at] {
            TokenTree::Group(group) => {
                let nested = at >= 2 && is_word(&trees[at - 2], "mod");
                collect_mentions(group.stream(), depth + usize::from(nested), mentioned);
                at += 1;
            }
            tree if is_word(tree, "crate") || is_word(tree, "super") => {
                at = follow_path(&trees, at, depth, mentioned);
            }
            _ => at += 1,
        }
    }
}

/// Follows `crate::…` or `super::super::…` from `start`; returns where to go on.
fn follow_path(trees: &[TokenTree], start: usize, depth: usize, mentioned: &mut Vec<String>) -> usize {
    let mut at = start;
    let mut climbed = 0;
    while at < trees.len() && is_word(&trees[at], "super") {
        climbed += 1;
        at += 3;
    }
    let at_root = if climbed == 0 {
        at += 3;
        true
    } else {
        climbed == depth
    };
    let separated = at >= 2 && at <= trees.len() && is_colon(&trees[at - 1]) && is_colon(&trees[at - 2]);
    if at_root && separated {
        match trees.get(at) {
            Some(TokenTree::Ident(name)) => mentioned.push(name.to_string()),
            Some(TokenTree::Group(group)) => mentioned.extend(first_words(group)),
            _ => {}
        }
    }
    start + 1
}

/// The first word of each member of an import group.
fn first_words(group: &Group) -> Vec<String> {
    let mut words = Vec::new();
    let mut expecting = group.delimiter() == Delimiter::Brace;
    for tree in group.stream() {
        match tree {
            TokenTree::Ident(name) if expecting => {
                words.push(name.to_string());
                expecting = false;
            }
            TokenTree::Punct(punct) if punct.as_char() == ',' => expecting = true,
            _ => {}
        }
    }
    words
}

fn is_word(tree: &TokenTree, word: &str) -> bool {
    matches!(tree, TokenTree::Ident(name) if name == word)
}

fn is_colon(tree: &TokenTree) -> bool {
    matches!(tree, TokenTree::Punct(punct) if punct.as_char() == ':')
}

#[test]
fn an_upward_import_is_found_however_it_is_written() {
    for text in [
        "use crate::engine::Engine;",
        "use crate::{clock::Clock, engine::{Engine, origin}};",
        "use super::super::engine::Engine;",
        "fn f() { let x = crate::proxy::PORT; }",
        "fn f() { assert!(crate::admin::OPEN); }",
        "mod tests { use super::super::super::cli; }",
    ] {
        let source = Source::sample("src/semantics/vary.rs", text);
        assert_eq!(upward_imports(&source).len(), 1, "{text}");
    }
}

#[test]
fn imports_from_the_same_floor_or_below_pass() {
    for text in ["use crate::{clock::Clock, semantics::vary};", "use super::engine::X;", "mod t { use super::cli; }"] {
        let source = Source::sample("src/rules/route.rs", text);
        assert_eq!(upward_imports(&source), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn a_module_without_a_floor_is_refused() {
    assert_eq!(upward_imports(&Source::sample("src/helpers.rs", "")).len(), 1);
}
