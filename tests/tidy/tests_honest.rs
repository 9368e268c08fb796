//! Tests wait on conditions and are run.

use crate::Source;
use proc_macro2::{TokenStream, TokenTree};

/// Every call of a sleep in test code, and every ignored test anywhere.
pub fn sleeps_and_ignores(source: &Source) -> Vec<String> {
    let all_test = source.path.starts_with("tests/") || source.path.ends_with("tests.rs");
    let mut violations = Vec::new();
    scan(source.tokens(), if all_test { Code::Test } else { Code::Product }, &mut violations);
    violations
}

/// Which kind of code tokens belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Code {
    Test,
    Product,
}

fn scan(tokens: TokenStream, code: Code, violations: &mut Vec<String>) {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    for (at, tree) in trees.iter().enumerate() {
        match tree {
            TokenTree::Group(group) => {
                let opens_tests = at >= 2 && is_word(&trees[at - 2], "mod") && is_word(&trees[at - 1], "tests");
                scan(group.stream(), if opens_tests { Code::Test } else { code }, violations);
                if at > 0 && is_punct(&trees[at - 1], '#') && starts_with_word(group.stream(), "ignore") {
                    violations.push("ignores a test".to_owned());
                }
            }
            TokenTree::Ident(name) if code == Code::Test => {
                let sleeps = ["sleep", "sleep_until", "sleep_ms"].iter().any(|word| name == word);
                if sleeps && matches!(trees.get(at + 1), Some(TokenTree::Group(_))) {
                    violations.push(format!("calls {name}() in a test, line {}", name.span().start().line));
                }
            }
            _ => {}
        }
    }
}

fn is_word(tree: &TokenTree, word: &str) -> bool {
    matches!(tree, TokenTree::Ident(name) if name == word)
}

fn is_punct(tree: &TokenTree, character: char) -> bool {
    matches!(tree, TokenTree::Punct(punct) if punct.as_char() == character)
}

fn starts_with_word(tokens: TokenStream, word: &str) -> bool {
    tokens.into_iter().next().is_some_and(|tree| is_word(&tree, word))
}

#[test]
fn a_sleep_or_an_ignored_test_is_found() {
    for (path, text) in [
        ("tests/a.rs", "fn f() { std::thread::sleep(second); }"),
        ("src/a.rs", "mod tests { fn f() { tokio::time::sleep(second); } }"),
        ("src/a_tests.rs", "fn f() { sleep_until(then); }"),
        ("src/a.rs", "mod tests { #[test] #[ignore = \"slow\"] fn f() {} }"),
    ] {
        assert_eq!(sleeps_and_ignores(&Source::sample(path, text)).len(), 1, "{path}: {text}");
    }
}

#[test]
fn product_code_may_wait() {
    let source = Source::sample("src/a.rs", "async fn f() { tokio::time::sleep(pause).await; }");
    assert_eq!(sleeps_and_ignores(&source), Vec::<String>::new());
}
