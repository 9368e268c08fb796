//! A GraphQL document: its operations, and a digest of what it says whatever its spacing, commas and comments (October 2021
//! section 2.1.7).

use apollo_parser::cst::{CstNode, Definition, OperationDefinition, Selection};
use apollo_parser::{Parser, SyntaxKind};
use std::collections::BTreeSet;

/// How deep selections and values may nest.
const DEPTH_MAX: usize = 64;

/// The most tokens of a document, spaces between them included.
const TOKENS_MAX: usize = 20_000;

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OperationKind {
    /// It reads.
    Query,
    /// It writes.
    Mutation,
    /// It goes on reading.
    Subscription,
}

/// One operation of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Operation {
    /// Its name; the only operation of a document needs none.
    pub(crate) name: Option<Box<str>>,
    /// What it does.
    pub(crate) kind: OperationKind,
    /// The fields of the schema's root that it asks for, by their own names; `None` where fragments may ask for more.
    pub(crate) root_fields: Option<Box<[Box<str>]>>,
}

/// A document that can be read in one way only.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Document {
    digest: blake3::Hash,
    operations: Vec<Operation>,
    renamed: BTreeSet<Box<str>>,
}

/// It is no executable document, or one that nests deeper or is longer than what is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is no GraphQL document of operations and fragments")]
pub(crate) struct NotADocument;

impl Document {
    /// Reads a document.
    ///
    /// # Errors
    /// Where it is none of operations and fragments alone, each operation with a name of its own.
    pub(crate) fn parse(text: &str) -> Result<Self, NotADocument> {
        let tree = Parser::new(text).recursion_limit(DEPTH_MAX).token_limit(TOKENS_MAX).parse();
        if tree.errors().next().is_some() {
            return Err(NotADocument);
        }
        let document = tree.document();
        let mut operations: Vec<Operation> = Vec::new();
        for definition in document.definitions() {
            match definition {
                Definition::OperationDefinition(definition) => operations.push(operation(&definition)?),
                Definition::FragmentDefinition(_) => {}
                _ => return Err(NotADocument),
            }
        }
        let names: BTreeSet<_> = operations.iter().map(|operation| &operation.name).collect();
        let is_ambiguous = names.len() < operations.len() || (operations.len() > 1 && names.contains(&None));
        if operations.is_empty() || is_ambiguous {
            return Err(NotADocument);
        }
        let mut hasher = blake3::Hasher::new();
        let mut renamed = BTreeSet::new();
        for element in document.syntax().descendants_with_tokens() {
            match element {
                apollo_parser::SyntaxElement::Node(node) => renamed.extend(unlike_its_name(&node)),
                apollo_parser::SyntaxElement::Token(token) => {
                    if is_broken_string(token.text()) {
                        return Err(NotADocument);
                    }
                    if !is_ignored(token.kind()) {
                        hasher.update(&(token.text().len() as u64).to_le_bytes()).update(token.text().as_bytes());
                    }
                }
            }
        }
        Ok(Self { digest: hasher.finalize(), operations, renamed })
    }

    /// Of its tokens, without what the language ignores.
    pub(crate) const fn digest(&self) -> &blake3::Hash {
        &self.digest
    }

    /// The operation of this name, or the only one where none is named.
    pub(crate) fn choose(&self, name: Option<&str>) -> Option<&Operation> {
        match (name, self.operations.as_slice()) {
            (None, [only]) => Some(only),
            (None, _) => None,
            (Some(name), operations) => operations.iter().find(|operation| operation.name.as_deref() == Some(name)),
        }
    }

    /// Whether one of its operations writes.
    pub(crate) fn has_mutation(&self) -> bool {
        self.operations.iter().any(|operation| operation.kind == OperationKind::Mutation)
    }

    /// Whether what an answer has under this name may be something else than the field of the name: another field by an
    /// alias, or what arguments make of it.
    pub(crate) fn renames(&self, name: &str) -> bool {
        self.renamed.contains(name)
    }

    /// What it takes in memory, about, in bytes.
    pub(crate) fn weight(&self) -> usize {
        let fields = self.operations.iter().filter_map(|operation| operation.root_fields.as_deref()).flatten();
        let names = self.operations.iter().filter_map(|operation| operation.name.as_ref());
        names.chain(fields).chain(&self.renamed).map(|name| name.len() + 64).sum::<usize>() + 256
    }
}

fn operation(definition: &OperationDefinition) -> Result<Operation, NotADocument> {
    let kind = match definition.operation_type() {
        None => OperationKind::Query,
        Some(written) if written.query_token().is_some() => OperationKind::Query,
        Some(written) if written.mutation_token().is_some() => OperationKind::Mutation,
        Some(written) if written.subscription_token().is_some() => OperationKind::Subscription,
        Some(_) => return Err(NotADocument),
    };
    let root_fields = root_fields(definition);
    Ok(Operation { name: definition.name().map(|name| name.text().as_str().into()), kind, root_fields })
}

fn root_fields(definition: &OperationDefinition) -> Option<Box<[Box<str>]>> {
    let name = |selection| match selection {
        Selection::Field(field) => Some(field.name()?.text().as_str().into()),
        Selection::FragmentSpread(_) | Selection::InlineFragment(_) => None,
    };
    definition.selection_set()?.selections().map(name).collect()
}

/// The name under which a field's value is answered, where it need not be that of the field of this name.
fn unlike_its_name(node: &apollo_parser::SyntaxNode) -> Option<Box<str>> {
    let field = apollo_parser::cst::Field::cast(node.clone())?;
    let name = field.name()?.text();
    let alias = field.alias().and_then(|alias| alias.name()).map(|alias| alias.text());
    match alias {
        Some(alias) if alias.as_str() != name.as_str() => Some(alias.as_str().into()),
        _ => field.arguments().is_some().then(|| name.as_str().into()),
    }
}

/// Whether it is a string with the end of a line in it, which the parser takes right behind the quote.
fn is_broken_string(token: &str) -> bool {
    token.starts_with('"') && !token.starts_with("\"\"\"") && token.contains(['\n', '\r'])
}

const fn is_ignored(kind: SyntaxKind) -> bool {
    matches!(kind, SyntaxKind::WHITESPACE | SyntaxKind::COMMENT | SyntaxKind::COMMA)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn digest(text: &str) -> blake3::Hash {
        *Document::parse(text).unwrap().digest()
    }

    #[test]
    fn documents_that_say_the_same_have_one_digest() {
        let plain = digest("query Product($id: ID!) { product(id: $id, first: 10) { id name } }");
        for same in [
            "query Product($id:ID!){product(id:$id first:10){id name}}",
            "\u{feff}query Product ( $id : ID ! , ) {,,\n\tproduct(id: $id,first: 10)\r\n{ id, name, } } # the end",
            "# first\rquery Product($id: ID!) { # second \" {\nproduct(id: $id, first: 10) { id name } }",
        ] {
            assert_eq!(digest(same), plain, "{same}");
        }
        for other in [
            "query Product($id: ID!) { product(id: $id, first: 10) { name id } }",
            "query Product($id: ID!) { product(id: $id, first: 1 0) { id name } }",
            "query Other($id: ID!) { product(id: $id, first: 10) { id name } }",
            "query Product($id: ID) { product(id: $id, first: 10) { id name } }",
            "query Product($id: ID!) { product(id: $id, first: 10) { id nam e } }",
            "query Product($id: ID!) { product(id: $id, first: 10) { id name @include(if: true) } }",
        ] {
            let read = Document::parse(other).map(|document| *document.digest());
            assert_ne!(read, Ok(plain), "{other}");
        }
        assert_ne!(digest("{ a(b: \"x y\") }"), digest("{ a(b: \"x  y\") }"), "a string is kept as it is written");
        assert_ne!(digest("{ a(b: \"# x\") }"), digest("{ a(b: \"\") }"));
        assert_ne!(digest("{ a(b: \"\"\" x,y \"\"\") }"), digest("{ a(b: \"\"\" xy \"\"\") }"));
    }

    #[test]
    fn the_operation_that_is_named_counts() {
        let both = Document::parse("query A { a } mutation B { b } fragment F on T { c }").unwrap();
        let kind = |name| both.choose(name).map(|operation| operation.kind);
        assert_eq!(kind(Some("A")), Some(OperationKind::Query));
        assert_eq!(kind(Some("B")), Some(OperationKind::Mutation));
        assert_eq!((kind(None), kind(Some("C")), kind(Some(""))), (None, None, None));
        let one = Document::parse("subscription S { s }").unwrap();
        assert_eq!(one.choose(None).map(|operation| operation.kind), Some(OperationKind::Subscription));
        assert_eq!(Document::parse("{ a }").unwrap().choose(None).unwrap().name, None);
    }

    #[test]
    fn the_root_fields_of_an_operation_are_known_unless_fragments_hide_some() {
        let fields = |text: &str| Document::parse(text).unwrap().choose(None).unwrap().root_fields.clone();
        let named = |names: &[&str]| Some(names.iter().map(|name| Box::from(*name)).collect());
        assert_eq!(fields("mutation { a: b(c: {d: 1}) { e } f @skip(if: true) }"), named(&["b", "f"]));
        assert_eq!(fields("mutation { b ... on Mutation { c } }"), None);
        assert_eq!(fields("mutation { ...F } fragment F on Mutation { c }"), None);
    }

    #[test]
    fn what_is_answered_under_another_name_is_known() {
        let text = "{ a: b c: c d(x: 1) e { f: g(y: 2) ... on T { h: i } } } fragment F on T { j: k }";
        let document = Document::parse(text).unwrap();
        for (name, expected) in
            [("a", true), ("b", false), ("c", false), ("d", true), ("f", true), ("g", false), ("h", true), ("j", true)]
        {
            assert_eq!(document.renames(name), expected, "{name}");
        }
    }

    #[test]
    fn what_is_no_document_of_operations_is_refused() {
        let deep = |levels: usize| format!("{}x{}", "{a".repeat(levels), "}".repeat(levels));
        assert!(Document::parse(&deep(40)).is_ok());
        let aliases =
            |count: usize| format!("{{{}}}", (0..count).map(|n| format!("a{n}:b ")).collect::<Vec<_>>().concat());
        assert!(Document::parse(&aliases(1_000)).is_ok());
        for text in [
            "",
            " # nothing",
            "{",
            "{ a } }",
            "{ a ",
            "query",
            "{}",
            "fragment F on T { a }",
            "type Product { id: ID }",
            "query A { a } type Product { id: ID }",
            "{ a } { b }",
            "{ a } query B { b }",
            "query A { a } query A { b }",
            "{ a(b: \"\n\") }",
            "{ a(b: \"\\ud83d\") }",
            "{ a(b: 01) }",
            "{ é }",
            "{ a } mutate B { b }",
            "\"about\" query A { a }",
            &deep(100),
            &"{a".repeat(100_000),
            &format!("{{ a(b: {}) }}", "[".repeat(100_000)),
            &aliases(10_000),
        ] {
            assert_eq!(Document::parse(text).err(), Some(NotADocument), "{}", &text[..text.len().min(60)]);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in ".{0,200}", words in "[a-z{}()@$:!\\[\\]\" .#,\n]{0,200}") {
            let _ = (Document::parse(&text), Document::parse(&words));
        }
    }
}
