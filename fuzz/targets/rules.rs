#![no_main]
//! Rules files: never a panic, and what is accepted gives every request one verdict.

use http::Method;
use larder::testing::config::check_rules_text;
use larder::testing::semantics::Target;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else { return };
    match check_rules_text(text) {
        Ok(loaded) => {
            let target = Target::parse_absolute("http://shop.test/api/products/42?a=1").expect("a valid URL");
            let _ = loaded.rule_set.decide(&Method::GET, &target);
        }
        Err(errors) => assert!(!errors.to_string().is_empty(), "a refusal says why"),
    }
});
