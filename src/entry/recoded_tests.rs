//! Other codings beside the one at rest: found, charged, and otherwise the same response.

use super::super::coding;
use super::super::samples::Sample;
use super::*;

fn coded(text: &Bytes, coding: Coding) -> StoredBody {
    let body = coding::coded(text.clone(), coding);
    assert_eq!(body.coding(), Some(coding), "it shrinks");
    body
}

#[test]
fn other_codings_lie_beside_the_one_at_rest_and_are_charged() {
    // Within the record, and apart.
    for repeats in [100, 20_000] {
        let text: Bytes = (0..repeats).flat_map(|number: u32| format!("{number} shoes; ").into_bytes()).collect();
        let sample = Sample { tags: vec!["product:1"], variant: vec![("device", "phone")], ..Sample::typical() };
        let entry = Sample { body: coded(&text, Coding::Zstd), ..sample }.entry();
        let (br, gzip) = (coded(&text, Coding::Br), coded(&text, Coding::Gzip));
        let with_one = entry.with_recoded(br.clone());
        let with_two = with_one.with_recoded(gzip.clone());
        for same in [&with_one, &with_two] {
            assert_eq!(same.filed_under(), entry.filed_under());
            assert_eq!((same.body().to_stored(), same.variant()), (entry.body().to_stored(), entry.variant()));
            assert_eq!((same.headers(), same.head_at_rest()), (entry.headers(), entry.head_at_rest()));
            assert!(matches!(same.in_coding(Coding::Zstd), InCoding::AtRest));
        }
        for body in [br.clone(), gzip.clone()] {
            let found = with_two.in_coding(body.coding().expect("it is coded"));
            let InCoding::Beside(found) = found else { panic!("{found:?}") };
            assert_eq!((found.body().to_stored(), found.headers()), (body, entry.headers()));
        }
        assert!(matches!(with_one.in_coding(Coding::Gzip), InCoding::Unmade));
        let grown = with_two.weight_bytes() - with_one.weight_bytes();
        assert!(grown > gzip.at_rest().len(), "{grown} bytes for {}", gzip.at_rest().len());
        let again = with_two.with_recoded(gzip);
        assert_eq!(again.weight_bytes(), with_two.weight_bytes(), "a coding is there once");
        let newer = Entry::new(entry.parts_with(entry.body().to_stored()), &entry.headers());
        assert_eq!(newer.with_recoded_of(&with_two).weight_bytes(), with_two.weight_bytes());
    }
}

#[test]
fn a_body_as_received_has_no_coding() {
    let entry = Sample::typical().entry();
    assert_eq!(entry.coding(), None);
    assert!(Coding::ALL.iter().all(|coding| matches!(entry.in_coding(*coding), InCoding::Unmade)));
}
