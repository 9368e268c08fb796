//! A stamp as clients keep it: `<stamp>.<mac>`, of characters that fields and cookies may hold.
//!
//! `1700000000000-3@9c1185a5c5e9fc54.MAC` is the third entry of that millisecond in the log of that number. `unplaced.MAC` is
//! given where the log could not take the write: nothing is known to be newer, so only the origin's own answer will do.

use super::place::{LogId, Place};
use super::secret::StampKeys;
use crate::stamp::Stamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The longest stamp that is looked at, in bytes.
const TOKEN_BYTES_MAX: usize = 160;

const UNPLACED: &str = "unplaced";

/// What a stamp says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// The write comes before this place.
    Before(Place),
    /// The log holds nothing of it.
    Unplaced,
}

impl Written {
    /// As clients keep it.
    pub(crate) fn signed(self, keys: &StampKeys) -> String {
        let said = match self {
            Self::Before(Place { log, stamp }) => format!("{stamp}@{:016x}", log.number()),
            Self::Unplaced => UNPLACED.to_owned(),
        };
        let mac = URL_SAFE_NO_PAD.encode(keys.sign(said.as_bytes()));
        format!("{said}.{mac}")
    }

    /// What a stamp says that one of these secrets has signed; `None` if none has.
    pub(crate) fn verified(text: &str, keys: &StampKeys) -> Option<Self> {
        if text.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let (said, mac) = text.rsplit_once('.')?;
        let mac = URL_SAFE_NO_PAD.decode(mac).ok()?.try_into().ok()?;
        if !keys.has_signed(said.as_bytes(), &mac) {
            return None;
        }
        if said == UNPLACED {
            return Some(Self::Unplaced);
        }
        let (stamp, log) = said.split_once('@')?;
        let log = LogId::numbered(u64::from_str_radix(log, 16).ok()?);
        Some(Self::Before(Place { log, stamp: Stamp::parse(stamp)? }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys(letter: &str) -> StampKeys {
        StampKeys::parse(&letter.repeat(32)).unwrap()
    }

    fn samples() -> [Written; 3] {
        let at = |stamp| Written::Before(Place { log: LogId::of_process(7), stamp });
        [at(Stamp::new((1_700_000_000_000, 3), 0)), at(Stamp::new((u64::MAX, u64::MAX), 0)), Written::Unplaced]
    }

    #[test]
    fn what_is_signed_is_read_again_by_who_knows_the_secret() {
        for written in samples() {
            let text = written.signed(&keys("a"));
            assert_eq!(Written::verified(&text, &keys("a")), Some(written), "{text}");
            assert_eq!(Written::verified(&text, &keys("b")), None, "{text}");
            assert!(text.bytes().all(|b| b.is_ascii_graphic() && !b"\",;\\".contains(&b)), "{text}");
        }
    }

    #[test]
    fn no_changed_letter_is_accepted() {
        for written in samples() {
            let text = written.signed(&keys("a"));
            for at in 0..text.len() {
                let mut changed = text.clone().into_bytes();
                changed[at] = if changed[at] == b'1' { b'2' } else { b'1' };
                let changed = String::from_utf8(changed).unwrap();
                assert_eq!(Written::verified(&changed, &keys("a")), None, "{changed}");
            }
            for changed in [&text[1..], &text[..text.len() - 1], &format!("{text}A"), "", ".", "unplaced", "unplaced."]
            {
                assert_eq!(Written::verified(changed, &keys("a")), None, "{changed}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_reading_panic(text in ".{0,200}") {
            prop_assert_eq!(Written::verified(&text, &keys("a")), None);
        }
    }
}
