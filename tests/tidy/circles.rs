//! The files of a folder do not import each other in a circle.

use crate::Source;
use std::collections::{BTreeMap, BTreeSet};
use syn::{Attribute, Item, UseTree};

/// Which modules each module imports from its own folder; tests aside.
pub type Imports = BTreeMap<Vec<String>, BTreeSet<Vec<String>>>;

/// Each circle of files in one folder, as the way from a file back to itself. A folder's `mod.rs` is its face, and no file
/// of it.
pub fn circles(sources: &[&Source]) -> Vec<String> {
    let imports = imports(sources);
    imports.keys().filter_map(|module| way_back(&imports, module)).collect()
}

/// Which modules each module imports from its own folder.
pub fn imports(sources: &[&Source]) -> Imports {
    let modules: BTreeSet<_> = sources.iter().filter_map(|source| module_of(&source.path)).collect();
    let mut imports = Imports::new();
    for source in sources {
        let Some(module) = module_of(&source.path) else { continue };
        let file = syn::parse_file(&source.text).unwrap_or_else(|error| panic!("{} is not Rust: {error}", source.path));
        let mut paths = Vec::new();
        for item in &file.items {
            if let Item::Use(import) = item
                && !is_for_tests(&import.attrs)
            {
                collect(&import.tree, &mut Vec::new(), &mut paths);
            }
        }
        let neighbours =
            paths.iter().filter_map(|path| neighbour(&module, path)).filter(|other| modules.contains(other));
        imports.insert(module.clone(), neighbours.collect());
    }
    imports
}

/// `src/engine/fetch.rs` is `[engine, fetch]`; none for a folder's face and for files of tests.
fn module_of(path: &str) -> Option<Vec<String>> {
    let inner = path.strip_prefix("src/")?.strip_suffix(".rs")?;
    let parts: Vec<String> = inner.split('/').map(str::to_owned).collect();
    let name = parts.last()?;
    let is_face = matches!(name.as_str(), "mod" | "lib" | "main");
    (!is_face && name != "tests" && !name.ends_with("_tests")).then_some(parts)
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| attribute.path().is_ident("cfg"))
}

/// Every path of an import, a name a part.
fn collect(tree: &UseTree, so_far: &mut Vec<String>, paths: &mut Vec<Vec<String>>) {
    match tree {
        UseTree::Path(path) => {
            so_far.push(path.ident.to_string());
            collect(&path.tree, so_far, paths);
            so_far.pop();
        }
        UseTree::Group(group) => group.items.iter().for_each(|tree| collect(tree, so_far, paths)),
        UseTree::Name(name) => paths.push([so_far.as_slice(), &[name.ident.to_string()]].concat()),
        UseTree::Rename(rename) => paths.push([so_far.as_slice(), &[rename.ident.to_string()]].concat()),
        UseTree::Glob(_) => paths.push(so_far.clone()),
    }
}

/// The module beside `module` that a path leads into, if it leads there.
fn neighbour(module: &[String], path: &[String]) -> Option<Vec<String>> {
    let folder = &module[..module.len() - 1];
    let name = match path.first()?.as_str() {
        "super" => path.get(1)?,
        "crate" => path.get(1..)?.strip_prefix(folder)?.first()?,
        _ => return None,
    };
    let other = [folder, std::slice::from_ref(name)].concat();
    (other != module).then_some(other)
}

/// The shortest way from a module along imports back to it, told by the least of its modules alone.
fn way_back(imports: &Imports, start: &Vec<String>) -> Option<String> {
    let mut ways = vec![vec![start]];
    let mut seen = BTreeSet::new();
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            for next in way.last().and_then(|last| imports.get(*last)).into_iter().flatten() {
                if next == start {
                    let is_least = way.iter().all(|module| *module >= start);
                    let told: Vec<String> = way.iter().chain([&start]).map(|module| module.join("/")).collect();
                    return is_least.then(|| told.join(" -> "));
                }
                if seen.insert(next) {
                    longer.push([way.as_slice(), &[next]].concat());
                }
            }
        }
        ways = longer;
    }
    None
}

#[test]
fn a_circle_is_found_however_its_imports_are_written() {
    let sample = |a: &str, b: &str| {
        let sources = [Source::sample("src/engine/a.rs", a), Source::sample("src/engine/b.rs", b)];
        circles(&sources.iter().collect::<Vec<_>>())
    };
    for (a, b) in [
        ("use super::b::B;", "use super::a::A;"),
        ("use crate::engine::b;", "use crate::{clock::Clock, engine::{a::A as Other, mod_level}};"),
        ("use super::{b::*, C};", "use super::a::A;"),
    ] {
        assert_eq!(sample(a, b), ["engine/a -> engine/b -> engine/a"], "{a} {b}");
    }
    for (a, b) in [
        ("use super::b::B;", ""),
        ("use super::b::B;", "#[cfg(test)]\nuse super::a::A;"),
        ("use super::b::B;", "use crate::plan::a::A;"),
        ("use super::Engine;", "use super::a::A;"),
    ] {
        assert!(sample(a, b).is_empty(), "{a} {b}");
    }
}
