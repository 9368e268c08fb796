//! How long files and functions may be.

use crate::Source;
use proc_macro2::Span;
use syn::spanned::Spanned as _;
use syn::visit::Visit;

const FILE_LINES_MAX: usize = 450;
const FUNCTION_LINES_MAX: usize = 60;

/// Says so where a file is over its length.
pub fn long_file(source: &Source) -> Vec<String> {
    let lines = source.text.lines().count();
    if lines > FILE_LINES_MAX { vec![format!("{lines} lines, at most {FILE_LINES_MAX}")] } else { Vec::new() }
}

/// Every function over its length, from its name's line to its closing brace.
pub fn long_functions(source: &Source) -> Vec<String> {
    let file = syn::parse_file(&source.text).unwrap_or_else(|error| panic!("{} is not Rust: {error}", source.path));
    let mut functions = Functions { long: Vec::new() };
    functions.visit_file(&file);
    functions.long
}

/// The middle of the lengths, the upper of two.
pub fn median(mut lengths: Vec<usize>) -> usize {
    lengths.sort_unstable();
    lengths[lengths.len() / 2]
}

struct Functions {
    long: Vec<String>,
}

impl Functions {
    fn measure(&mut self, name: &syn::Ident, body: Span) {
        let lines = body.end().line - name.span().start().line + 1;
        if lines > FUNCTION_LINES_MAX {
            self.long.push(format!("fn {name} has {lines} lines, at most {FUNCTION_LINES_MAX}"));
        }
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.measure(&function.sig.ident, function.block.span());
        syn::visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.measure(&function.sig.ident, function.block.span());
        syn::visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(block) = &function.default {
            self.measure(&function.sig.ident, block.span());
        }
        syn::visit::visit_trait_item_fn(self, function);
    }
}

#[cfg(test)]
fn function_of(lines: usize) -> String {
    format!("fn long() {{\n{}}}\n", "    step();\n".repeat(lines - 2))
}

#[test]
fn a_function_one_line_over_is_found_wherever_it_stands() {
    let long = function_of(FUNCTION_LINES_MAX + 1);
    for text in
        [long.clone(), format!("impl A {{ {long} }}"), format!("trait A {{ {long} }}"), format!("mod a {{ {long} }}")]
    {
        assert_eq!(long_functions(&Source::sample("src/a.rs", &text)).len(), 1, "{text}");
    }
    let fitting = function_of(FUNCTION_LINES_MAX);
    assert_eq!(long_functions(&Source::sample("src/a.rs", &fitting)), Vec::<String>::new());
}

#[test]
fn a_file_one_line_over_is_found() {
    assert_eq!(long_file(&Source::sample("src/a.rs", &"\n".repeat(FILE_LINES_MAX + 1))).len(), 1);
    assert_eq!(long_file(&Source::sample("src/a.rs", &"\n".repeat(FILE_LINES_MAX))), Vec::<String>::new());
}

#[test]
fn the_median_is_the_middle_one() {
    assert_eq!(median(vec![900, 1, 2]), 2);
}
