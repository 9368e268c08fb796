//! Every known difference between Larder and the oracle, with the clause that decides it.

use super::case::{Case, DateForm, DateText, POSITIVE};

/// How two verdicts differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Larder refuses what the oracle stores.
    OnlyOracleStores,
    /// Larder stores what the oracle refuses.
    OnlyLarderStores,
    /// Larder's remaining lifetime is the shorter one.
    LarderLess,
    /// Larder's remaining lifetime is the longer one.
    LarderMore,
}

use Effect::{LarderLess, LarderMore, OnlyLarderStores, OnlyOracleStores};

/// A known difference.
pub(crate) struct Known {
    /// Its name in messages.
    pub(crate) name: &'static str,
    /// The clause by which Larder is right, or free.
    pub(crate) clause: &'static str,
    /// Whether it may be at work in a case.
    pub(crate) applies: fn(&Case) -> bool,
    /// How it may show.
    pub(crate) effects: &'static [Effect],
    /// A case in which it alone is at work, and shows.
    pub(crate) example: fn() -> Case,
}

/// The statuses that the oracle stores, whatever the response says.
const ORACLE_STATUSES: [u16; 14] = [200, 203, 204, 300, 301, 302, 303, 307, 308, 404, 405, 410, 414, 501];

const ANY: &[Effect] = &[OnlyOracleStores, OnlyLarderStores, LarderLess, LarderMore];

/// All known differences.
pub(crate) const KNOWN: &[Known] = &[
    Known {
        name: "head",
        clause: "RFC 9111 section 4.3.5: an answer to HEAD has no content to store, it freshens what is stored",
        applies: |case| case.method == "HEAD",
        effects: &[OnlyOracleStores],
        example: || Case { method: "HEAD", ..Case::with(&["max-age=60"]) },
    },
    Known {
        name: "post",
        clause: "RFC 9110 section 9.3.3: a POST needs its own Content-Location too, and is judged by post_storability",
        applies: |case| case.method == "POST",
        effects: &[OnlyOracleStores],
        example: || Case { method: "POST", ..Case::with(&["max-age=60"]) },
    },
    Known {
        name: "status",
        clause: "RFC 9111 section 3: any final status may be stored with explicit freshness",
        applies: |case| !ORACLE_STATUSES.contains(&case.status),
        effects: &[OnlyLarderStores],
        example: || Case { status: 503, ..Case::with(&["max-age=60"]) },
    },
    Known {
        name: "nothing-to-reuse-by",
        clause: "RFC 9111 section 3 allows it: without lifetime and validator a stored response is of no use",
        applies: |case| !has_lifetime(case) && !has_validator(case),
        effects: &[OnlyOracleStores],
        example: || Case::with(&[]),
    },
    Known {
        name: "stale-error",
        clause: "RFC 9111 section 3 allows it: an error that is not fresh would displace a good answer",
        applies: |case| case.status >= 400 && !is_surely_fresh(case),
        effects: &[OnlyOracleStores],
        example: || Case { status: 404, ..Case::with(&["max-age=0"]) },
    },
    Known {
        name: "must-understand",
        clause: "RFC 9111 section 5.2.2.3: must-understand overrules no-store for statuses that are understood",
        applies: |case| case.says("must-understand"),
        effects: &[OnlyLarderStores],
        example: || Case::with(&["max-age=60", "no-store", "must-understand"]),
    },
    Known {
        name: "letter-case",
        clause: "RFC 9111 section 5.2: directives are case-insensitive",
        applies: |case| {
            let members = case.members.iter().chain(&case.request_members);
            members.copied().any(|member| member.bytes().any(|byte| byte.is_ascii_uppercase()))
        },
        effects: ANY,
        example: || Case::with(&["MAX-AGE=60", "public"]).with_tag(),
    },
    Known {
        name: "quoted-string",
        clause: "RFC 9110 section 5.6.4: a quoted string is one value, commas and all",
        applies: |case| case.members.iter().any(|member| member.starts_with("x=\"")),
        effects: ANY,
        example: || Case::with(&["max-age=3600", "x=\"a, no-store, b\""]),
    },
    Known {
        name: "private-fields",
        clause: "RFC 9111 section 5.2.2.7: the fields that private names are left out, the rest is stored",
        applies: |case| case.says("private=\"x\""),
        effects: &[OnlyLarderStores],
        example: || Case::with(&["max-age=60", "private=\"x\""]),
    },
    Known {
        name: "no-cache-fields",
        clause: "RFC 9111 section 5.2.2.4: without the fields that no-cache names the response is used as it is",
        applies: |case| case.says("no-cache=\"x\"") || case.says("no-cache=x"),
        effects: &[LarderMore],
        example: || Case::with(&["max-age=60", "no-cache=\"x\""]),
    },
    Known {
        name: "malformed",
        clause: "RFC 9111 section 4.2.1: malformed freshness is stale, and a malformed prohibition still forbids",
        applies: |case| {
            let malformed = ["max-age", "max-age=+60", "max-age =60", "no-store;x"];
            malformed.iter().any(|member| case.says(member))
        },
        effects: ANY,
        example: || Case::with(&["max-age =60"]),
    },
    Known {
        name: "overflow",
        clause: "RFC 9111 section 1.2.2: too large a number counts as 2^31 seconds",
        applies: |case| case.members.iter().any(|member| member.starts_with("max-age=99")),
        effects: &[LarderLess, LarderMore],
        example: || Case::with(&["max-age=99999999999"]),
    },
    Known {
        name: "repeated-directive",
        clause: "RFC 9111 section 3.5: a directive that contradicts itself is no leave to share; section 4.2.1: the first counts",
        applies: |case| case.authorized && contradicts_itself(case),
        effects: &[OnlyOracleStores],
        example: || Case { authorized: true, ..Case::with(&["max-age=60", "max-age=3600"]) },
    },
    Known {
        name: "repeated-expires",
        clause: "RFC 9111 section 4.2.1: with two Expires the response may be considered stale",
        applies: |case| case.expires.len() > 1,
        effects: &[LarderLess],
        example: || Case { expires: vec![DateText::imf(60), DateText::imf(70)], ..Case::with(&[]) },
    },
    Known {
        name: "date-format",
        clause: "RFC 9110 section 5.6.7: three date formats and no other",
        applies: |case| case.dates().any(|date| matches!(date.form, DateForm::Rfc850 | DateForm::Email)),
        effects: ANY,
        example: || Case { expires: vec![DateText { offset: 60, form: DateForm::Rfc850 }], ..Case::with(&[]) },
    },
    Known {
        name: "age-form",
        clause: "RFC 9111 section 5.1: the first member of Age, in digits only; section 1.2.2 on its overflow",
        applies: |case| case.age.is_some_and(|age| age.contains([',', '+']) || age.len() > 10),
        effects: &[LarderLess, LarderMore],
        example: || Case { age: Some("5, 0"), ..Case::with(&["max-age=60"]) },
    },
    Known {
        name: "apparent-age",
        clause: "RFC 9111 section 4.2.3: the time since Date counts as age",
        applies: |case| case.date.is_some_and(|date| date.offset < 0 && date.form != DateForm::Nonsense),
        effects: &[LarderLess],
        example: || Case { date: Some(DateText::imf(-30)), ..Case::with(&["max-age=60"]) },
    },
    Known {
        name: "set-cookie",
        clause: "RFC 9111 section 7.3: Set-Cookie does not inhibit caching; a route's set_cookie judges it",
        applies: |case| case.has("set-cookie"),
        effects: &[LarderMore],
        example: || Case { others: vec![("set-cookie", "a=b")], ..Case::with(&["max-age=60"]) },
    },
    Known {
        name: "proxy-revalidate",
        clause: "RFC 9111 section 5.2.2.8: it forbids reuse only once the response is stale",
        applies: |case| case.says("proxy-revalidate"),
        effects: &[LarderMore],
        example: || Case::with(&["max-age=60", "proxy-revalidate"]),
    },
    Known {
        name: "immutable",
        clause: "RFC 8246 section 2: immutable lengthens no lifetime",
        applies: |case| case.says("immutable"),
        effects: &[LarderLess],
        example: || Case::with(&["immutable"]).with_tag(),
    },
    Known {
        name: "response-pragma",
        clause: "RFC 9111 section 5.4: Pragma has no meaning in responses",
        applies: |case| case.has("pragma") && case.members.is_empty() && !case.expires.is_empty(),
        effects: &[LarderMore],
        example: || Case { expires: vec![DateText::imf(60)], others: vec![("pragma", "no-cache")], ..Case::with(&[]) },
    },
    Known {
        name: "response-pragma-alone",
        clause: "RFC 9111 section 5.4 leaves it open: where nothing else says how long, it is a lifetime of zero here",
        applies: |case| case.has("pragma") && case.members.is_empty() && case.expires.is_empty(),
        effects: &[OnlyLarderStores, LarderLess],
        example: || Case { status: 302, others: vec![("pragma", "no-cache")], ..Case::with(&[]) }.with_tag(),
    },
    Known {
        name: "authorized-guess",
        clause: "RFC 9111 section 3.5 allows it: must-revalidate bounds what is shared by a lifetime that here is only guessed",
        applies: |case| {
            let is_allowed = case.members.iter().any(|member| *member == "public" || member.starts_with("s-maxage"));
            let is_guessed = !has_lifetime(case) && case.last_modified.is_some();
            case.authorized && case.says("must-revalidate") && !is_allowed && is_guessed
        },
        effects: &[OnlyOracleStores],
        example: || Case {
            authorized: true,
            last_modified: Some(DateText::imf(-600)),
            ..Case::with(&["must-revalidate"])
        },
    },
    Known {
        name: "heuristic-bound",
        clause: "RFC 9111 section 4.2.2 leaves the bound of a heuristic to the cache: here a day",
        applies: |case| {
            let date = case.date.filter(|date| date.form != DateForm::Nonsense).map_or(0, |date| date.offset);
            case.last_modified.is_some_and(|modified| date - modified.offset > 864_000)
        },
        effects: &[LarderLess],
        example: || Case { last_modified: Some(DateText::imf(-900_000)), ..Case::with(&[]) },
    },
    Known {
        name: "targeted-field",
        clause: "RFC 9213 section 2.2: CDN-Cache-Control replaces Cache-Control and Expires",
        applies: |case| case.has("cdn-cache-control"),
        effects: ANY,
        example: || Case {
            others: vec![("cdn-cache-control", "max-age=5")],
            ..Case::with(&["max-age=60", "no-store"])
        },
    },
];

impl Case {
    fn with_tag(mut self) -> Self {
        self.others.push(("etag", "\"a\""));
        self
    }
}

fn has_lifetime(case: &Case) -> bool {
    !case.expires.is_empty() || case.members.iter().any(|member| is_lifetime(member))
}

fn is_lifetime(member: &str) -> bool {
    member.starts_with("max-age") || member.starts_with("s-maxage")
}

fn has_validator(case: &Case) -> bool {
    case.has("etag") || case.last_modified.is_some_and(|date| date.form != DateForm::Nonsense)
}

fn contradicts_itself(case: &Case) -> bool {
    let name = |member: &'static str| member.split('=').next().unwrap_or_default();
    case.members.iter().enumerate().any(|(at, &member)| {
        let mut earlier = case.members.iter().take(at).copied().filter(|&other| name(other) == name(member));
        // The oracle keeps a value without its quotes and compares it with the next one as it came.
        earlier.any(|other| other != member || member.contains('"'))
    })
}

/// Whether every lifetime that the directives give is positive, and they give one.
fn is_surely_fresh(case: &Case) -> bool {
    let mut lifetimes = case.members.iter().filter(|member| is_lifetime(member)).peekable();
    lifetimes.peek().is_some() && lifetimes.all(|member| POSITIVE.contains(member))
}
