//! The house rules that a compiler does not check, each a function from a source file to what breaks it there.
//!
//! Every rule has a test on a bad sample beside it, so that none can pass by looking at nothing.

#![allow(unreachable_pub, reason = "the rules are modules of this binary")]

mod tidy {
    pub mod circles;
    pub mod floors;
    pub mod headers;
    pub mod lengths;
    pub mod order;
    pub mod paths;
    pub mod tests_honest;
    pub mod words;
}

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// A text file of the project, its path relative to the project's root.
pub struct Source {
    /// With forward slashes, `src/engine/mod.rs`.
    pub path: String,
    /// The whole text.
    pub text: String,
}

impl Source {
    /// A made-up file, for a rule's own test.
    #[must_use]
    pub fn sample(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// Its tokens, where it is Rust.
    #[must_use]
    pub fn tokens(&self) -> proc_macro2::TokenStream {
        self.text.parse().unwrap_or_else(|error| panic!("{} is not Rust: {error}", self.path))
    }

    fn is_rust_under(&self, folders: &[&str]) -> bool {
        Path::new(&self.path).extension().is_some_and(|extension| extension == "rs")
            && folders.iter().any(|folder| self.path.starts_with(folder))
    }
}

const SKIPPED: [&str; 5] = ["target", ".git", "node_modules", ".venv", "corpus"];

/// All text files below the project's root but for what tools made.
fn sources() -> Vec<Source> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    gather(&root, &root, &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(found.iter().any(|source| source.path == "src/lib.rs"), "the walk found no src/lib.rs");
    found
}

fn gather(root: &Path, folder: &Path, found: &mut Vec<Source>) {
    for entry in std::fs::read_dir(folder).expect("a folder of the project") {
        let entry = entry.expect("an entry of a folder");
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = entry.path();
        if SKIPPED.contains(&name.as_str()) || name == "Cargo.lock" {
            continue;
        }
        if path.is_dir() {
            gather(root, &path, found);
        } else if let Ok(text) = std::fs::read_to_string(&path) {
            let relative = path.strip_prefix(root).expect("the walk began there").to_string_lossy().replace('\\', "/");
            found.push(Source { path: relative, text });
        }
    }
}

/// Holds a rule against the files in these folders; an empty list of folders means all files of the project.
fn hold(folders: &[&str], rule: impl Fn(&Source) -> Vec<String>) {
    let mut report = String::new();
    let mut checked = 0;
    for source in sources() {
        if folders.is_empty() || source.is_rust_under(folders) {
            checked += 1;
            for violation in rule(&source) {
                writeln!(report, "  {}: {violation}", source.path).expect("a String takes all that is written");
            }
        }
    }
    assert!(checked > 0, "no file under {folders:?}");
    assert!(report.is_empty(), "house rules broken:\n{report}");
}

const RUST: [&str; 5] = ["src/", "tests/", "benches/", "bench/", "fuzz/"];

#[test]
fn a_file_imports_only_from_its_own_floor_or_a_lower_one() {
    hold(&["src/"], tidy::floors::upward_imports);
}

#[test]
fn a_floor_names_nothing_that_must_be_absent_from_it() {
    hold(&["src/"], tidy::words::absent_names);
}

#[test]
fn the_files_of_a_folder_import_each_other_in_no_circle() {
    let sources = sources();
    let rust: Vec<_> = sources.iter().filter(|source| source.is_rust_under(&["src/"])).collect();
    assert_eq!(tidy::circles::circles(&rust), Vec::<String>::new());
}

#[test]
fn a_file_imports_from_no_later_group_of_its_folder() {
    let sources = sources();
    let rust: Vec<_> = sources.iter().filter(|source| source.is_rust_under(&["src/"])).collect();
    assert_eq!(tidy::order::upward(&rust), Vec::<String>::new());
}

#[test]
fn no_file_has_more_than_450_lines() {
    hold(&RUST, tidy::lengths::long_file);
}

#[test]
fn no_function_has_more_than_60_lines() {
    hold(&RUST, tidy::lengths::long_functions);
}

#[test]
fn the_median_source_file_has_fewer_than_150_lines() {
    let sources = sources();
    let lengths = sources.iter().filter(|source| source.is_rust_under(&["src/"])).map(|s| s.text.lines().count());
    let median = tidy::lengths::median(lengths.collect());
    assert!(median < 150, "the median file under src/ has {median} lines");
}

#[test]
fn nothing_is_left_unfinished() {
    hold(&RUST, tidy::words::unfinished);
}

#[test]
fn tests_neither_sleep_nor_are_ignored() {
    hold(&RUST, tidy::tests_honest::sleeps_and_ignores);
}

#[test]
fn every_rust_file_begins_by_saying_what_it_is_for() {
    hold(&RUST, tidy::headers::missing_header);
}

#[test]
fn no_file_names_a_place_on_one_machine_or_a_registry_host() {
    hold(&[], tidy::paths::foreign_places);
}
