#![no_main]
//! Documents and requests of GraphQL: never a panic, and what the language ignores makes no difference.

use larder::testing::semantics::{graphql_digest, graphql_request};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let asked = graphql_request(input);
    if asked.is_some() {
        assert_eq!(graphql_request(&[b" \n", input, b"\t"].concat()), asked, "spaces around JSON say nothing");
    }
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Some((digest, is_named)) = graphql_digest(text, "A") else { return };
    for same in [format!("\u{feff},, # a \" }}\r{text}"), format!("{text}\n#{{\n,")] {
        assert_eq!(graphql_digest(&same, "A"), Some((digest, is_named)));
    }
    let more = format!("{text}\nfragment LarderAdded on Query {{ id }}");
    assert_ne!(graphql_digest(&more, "A").map(|(digest, _)| digest), Some(digest), "another definition counts");
});
