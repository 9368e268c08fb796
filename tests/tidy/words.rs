//! Names that must not stand in some files, or in any.

use crate::Source;
use proc_macro2::{TokenStream, TokenTree};

/// What must be absent from which files, and why. A folder or file, then the words.
const ABSENT: [(&str, &[&str], &str); 6] = [
    ("src/semantics/", &["tokio", "async", "await", "File", "TcpStream", "SystemClock"], "semantics is pure"),
    ("src/rules/", &["tokio", "async", "await", "File", "TcpStream", "SystemClock"], "rules are pure"),
    ("src/plan/", &["tokio", "async", "await", "File", "TcpStream", "SystemClock"], "a plan is pure"),
    ("src/engine/", &["hyper", "hyper_util", "redis", "TcpStream", "TcpListener"], "the engine knows no wire"),
    ("src/coalesce/", &["hyper", "hyper_util", "redis", "TcpStream"], "coalescing knows only keys"),
    ("src/store/", &["hyper", "hyper_util", "TcpListener"], "a tier knows no connection"),
];

/// Words that must not stand in a file of that folder.
pub fn absent_names(source: &Source) -> Vec<String> {
    let mut violations = Vec::new();
    let words = words(source);
    for (folder, absent, why) in ABSENT {
        if source.path.starts_with(folder) {
            let found = absent.iter().filter(|word| words.iter().any(|(name, _)| name == *word));
            violations.extend(found.map(|word| format!("names `{word}`: {why}")));
        }
    }
    if source.path != "src/clock.rs" && words.iter().any(|(name, _)| name == "SystemTime") {
        violations.push("names `SystemTime`: only clock.rs reads the time of day".to_owned());
    }
    violations
}

/// Macros that mark unfinished work, and headers that promise it.
pub fn unfinished(source: &Source) -> Vec<String> {
    let mut violations: Vec<String> = words(source)
        .into_iter()
        .filter(|(name, called)| {
            *called == Called::AsMacro && matches!(name.as_str(), "todo" | "unimplemented" | "dbg")
        })
        .map(|(name, _)| format!("calls {name}!"))
        .collect();
    if source.text.starts_with(concat!("//! To be ", "written")) {
        violations.push("is still to be written".to_owned());
    }
    violations
}

/// Whether a word is followed by `!`.
#[derive(Debug, PartialEq, Eq)]
enum Called {
    AsMacro,
    Otherwise,
}

fn words(source: &Source) -> Vec<(String, Called)> {
    let mut found = Vec::new();
    collect(source.tokens(), &mut found);
    found
}

fn collect(tokens: TokenStream, found: &mut Vec<(String, Called)>) {
    let mut trees = tokens.into_iter().peekable();
    while let Some(tree) = trees.next() {
        match tree {
            TokenTree::Group(group) => collect(group.stream(), found),
            TokenTree::Ident(name) => {
                let bang = matches!(trees.peek(), Some(TokenTree::Punct(punct)) if punct.as_char() == '!');
                found.push((name.to_string(), if bang { Called::AsMacro } else { Called::Otherwise }));
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

#[test]
fn what_must_be_absent_is_found() {
    for (path, text) in [
        ("src/semantics/age.rs", "async fn f() {}"),
        ("src/rules/route.rs", "use tokio::fs;"),
        ("src/engine/mod.rs", "fn f(x: hyper::Request<()>) {}"),
        ("src/proxy/mod.rs", "fn f() { std::time::SystemTime::now(); }"),
    ] {
        assert_eq!(absent_names(&Source::sample(path, text)).len(), 1, "{path}: {text}");
    }
    assert_eq!(absent_names(&Source::sample("src/proxy/mod.rs", "use hyper::body;")), Vec::<String>::new());
}

#[test]
fn unfinished_work_is_found() {
    for text in ["fn f() { todo!() }", "fn f() { dbg!(1); }", concat!("//! To be ", "written.\n")] {
        assert_eq!(unfinished(&Source::sample("src/a.rs", text)).len(), 1, "{text}");
    }
    assert_eq!(unfinished(&Source::sample("src/a.rs", "// todo!() later\nfn todo() {}")), Vec::<String>::new());
}
