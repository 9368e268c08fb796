//! A folder's face lists its files in groups, lowest first; a file imports from its own group or an earlier one.

use super::circles::imports;
use crate::Source;
use std::collections::BTreeMap;

/// Each import of a file from a later group than its own. A blank line ends a group of `mod` lines.
pub fn upward(sources: &[&Source]) -> Vec<String> {
    let groups: BTreeMap<Vec<String>, usize> = sources.iter().flat_map(|source| groups(source)).collect();
    let imports = imports(sources);
    let pairs = imports.iter().flat_map(|(module, others)| others.iter().map(move |other| (module, other)));
    pairs
        .filter(|(module, other)| groups.get(*module) < groups.get(*other))
        .map(|(module, other)| format!("{} imports from the later {}", module.join("/"), other.join("/")))
        .collect()
}

/// The files that a face lists, each with the number of its group.
fn groups(source: &Source) -> Vec<(Vec<String>, usize)> {
    let Some(inner) = source.path.strip_prefix("src/").and_then(|path| path.strip_suffix(".rs")) else {
        return Vec::new();
    };
    let parts = inner.split('/').filter(|part| !matches!(*part, "mod" | "lib" | "main"));
    let folder: Vec<String> = parts.map(str::to_owned).collect();
    let mut group = 0;
    let mut listed = Vec::new();
    for line in source.text.lines() {
        group += usize::from(line.is_empty());
        let name = line.strip_suffix(';').and_then(|line| line.rsplit_once("mod "));
        if let Some((before, name)) = name
            && (before.is_empty() || before.starts_with("pub"))
        {
            listed.push(([folder.as_slice(), &[name.to_owned()]].concat(), group));
        }
    }
    listed
}

#[test]
fn an_import_from_a_later_group_is_found() {
    let sample = |face: &str, a: &str| {
        let sources = [
            Source::sample("src/engine/mod.rs", face),
            Source::sample("src/engine/a.rs", a),
            Source::sample("src/engine/b.rs", ""),
        ];
        upward(&sources.iter().collect::<Vec<_>>())
    };
    let import = "use super::b::B;";
    for (face, a, expected) in [
        ("mod a;\n\npub(crate) mod b;", import, 1),
        ("mod a;\n\nmod b;", "use super::{Engine, b::B};", 1),
        ("mod a;\n\nmod b;", "#[cfg(test)]\nuse super::b::B;", 0),
        ("mod a;\nmod b;", import, 0),
        ("mod b;\n\nmod a;", import, 0),
    ] {
        assert_eq!(sample(face, a).len(), expected, "{face:?} {a}");
    }
}
