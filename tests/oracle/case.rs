//! One exchange to be judged by both, and how such are drawn.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use larder::testing::clock::Timestamp;
use larder::testing::semantics::format_http_date;
use proptest::prelude::*;
use std::time::Duration;

/// When every response arrives: 2026-11-22 00:00:00.
pub(crate) const RECEIVED: Timestamp = Timestamp::from_secs(1_795_305_600);

/// One exchange.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// The request's method.
    pub(crate) method: &'static str,
    /// Whether the request has Authorization.
    pub(crate) authorized: bool,
    /// The request's Cache-Control directives.
    pub(crate) request_members: Vec<&'static str>,
    /// The response's status.
    pub(crate) status: u16,
    /// The response's Cache-Control directives.
    pub(crate) members: Vec<&'static str>,
    /// How these stand.
    pub(crate) layout: Layout,
    /// The lines of Expires.
    pub(crate) expires: Vec<DateText>,
    /// Date.
    pub(crate) date: Option<DateText>,
    /// Last-Modified.
    pub(crate) last_modified: Option<DateText>,
    /// Age.
    pub(crate) age: Option<&'static str>,
    /// The other response fields.
    pub(crate) others: Vec<(&'static str, &'static str)>,
    /// How long the response has been stored when it is asked for.
    pub(crate) resident: Duration,
}

/// How the directives stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// All on one line.
    OneLine,
    /// Each on its own.
    LineEach,
}

/// A date field's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DateText {
    /// Seconds from [`RECEIVED`], a multiple of ten, so that a tenth of a difference is whole.
    pub(crate) offset: i64,
    /// How it is written.
    pub(crate) form: DateForm,
}

/// How a date is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DateForm {
    /// `Sun, 06 Nov 1994 08:49:37 GMT`
    Imf,
    /// `Sunday, 06-Nov-94 08:49:37 GMT`
    Rfc850,
    /// `Sun, 06 Nov 1994 08:49:37 +0000`, an email's date
    Email,
    /// `0`
    Nonsense,
}

impl DateText {
    /// An IMF-fixdate.
    pub(crate) const fn imf(offset: i64) -> Self {
        Self { offset, form: DateForm::Imf }
    }

    fn value(self) -> HeaderValue {
        let imf = format_http_date(shifted(RECEIVED, self.offset));
        let imf = imf.to_str().expect("a date is ASCII");
        let text = match self.form {
            DateForm::Imf => imf.to_owned(),
            DateForm::Rfc850 => {
                let (day, month, year, time) = (&imf[5..7], &imf[8..11], &imf[14..16], &imf[17..25]);
                format!("Sunday, {day}-{month}-{year} {time} GMT")
            }
            DateForm::Email => imf.replace("GMT", "+0000"),
            DateForm::Nonsense => "0".to_owned(),
        };
        HeaderValue::try_from(text).expect("a date is a field value")
    }
}

fn shifted(at: Timestamp, secs: i64) -> Timestamp {
    let distance = Duration::from_secs(secs.unsigned_abs());
    if secs < 0 { at.saturating_sub(distance) } else { at.saturating_add(distance) }
}

impl Case {
    /// The plainest case: a GET answered by a 200 with these directives.
    pub(crate) fn with(members: &[&'static str]) -> Self {
        Self {
            method: "GET",
            authorized: false,
            request_members: Vec::new(),
            status: 200,
            members: members.to_vec(),
            layout: Layout::OneLine,
            expires: Vec::new(),
            date: None,
            last_modified: None,
            age: None,
            others: Vec::new(),
            resident: Duration::ZERO,
        }
    }

    /// Whether the response has a field.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.others.iter().any(|(field, _)| *field == name)
    }

    /// Whether the response has a directive, as it came.
    pub(crate) fn says(&self, member: &str) -> bool {
        self.members.contains(&member)
    }

    /// Every date of the response.
    pub(crate) fn dates(&self) -> impl Iterator<Item = DateText> {
        self.expires.iter().copied().chain(self.date).chain(self.last_modified)
    }

    /// The request's fields.
    pub(crate) fn request_headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if self.authorized {
            headers.append(header::AUTHORIZATION, HeaderValue::from_static("Bearer a"));
        }
        if !self.request_members.is_empty() {
            let line = HeaderValue::try_from(self.request_members.join(", ")).expect("a field value");
            headers.append(header::CACHE_CONTROL, line);
        }
        headers
    }

    /// The response's fields.
    pub(crate) fn response_headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let lines = match self.layout {
            Layout::OneLine if self.members.is_empty() => Vec::new(),
            Layout::OneLine => vec![self.members.join(", ")],
            Layout::LineEach => self.members.iter().map(|&member| member.to_owned()).collect(),
        };
        for line in lines {
            headers.append(header::CACHE_CONTROL, HeaderValue::try_from(line).expect("a field value"));
        }
        let dated = [(header::DATE, self.date), (header::LAST_MODIFIED, self.last_modified)];
        for (field, date) in dated.into_iter().chain(self.expires.iter().map(|date| (header::EXPIRES, Some(*date)))) {
            if let Some(date) = date {
                headers.append(field, date.value());
            }
        }
        for (field, value) in self.age.map(|age| ("age", age)).into_iter().chain(self.others.iter().copied()) {
            headers.append(HeaderName::from_static(field), HeaderValue::from_static(value));
        }
        headers
    }
}

/// Directives that give a positive lifetime.
pub(crate) const POSITIVE: [&str; 6] =
    ["max-age=60", "max-age=3600", "max-age=003600", "max-age=\"60\"", "s-maxage=60", "s-maxage=600"];

/// Directives on which both readings agree, besides.
const PLAIN: [&str; 13] = [
    "max-age=0",
    "max-age=x",
    "max-age=-1",
    "max-age=1.5",
    "s-maxage=0",
    "s-maxage=x",
    "public",
    "private",
    "no-store",
    "no-cache",
    "must-revalidate",
    "stale-while-revalidate=30",
    "x=y",
];

/// Directives that one of the two reads otherwise.
const SPECIAL: [&str; 17] = [
    "MAX-AGE=60",
    "No-Store",
    "PRIVATE",
    "x=\"a, no-store, b\"",
    "x=\"a\\\", public, b\"",
    "private=\"x\"",
    "no-cache=\"x\"",
    "no-cache=x",
    "max-age",
    "max-age=+60",
    "max-age =60",
    "no-store;x",
    "max-age=99999999999",
    "max-age=99999999999999999999999",
    "must-understand",
    "proxy-revalidate",
    "immutable",
];

const STATUSES: [u16; 32] = [
    200, 201, 202, 203, 204, 206, 299, 300, 301, 302, 303, 304, 307, 308, 400, 403, 404, 405, 410, 412, 414, 416, 429,
    499, 500, 501, 502, 503, 504, 511, 599, 418,
];

fn any_date() -> impl Strategy<Value = DateText> {
    let offset = prop_oneof![Just(0), -10_i64..10, -1_000_i64..1_000, -100_000_i64..100_000].prop_map(|tens| tens * 10);
    let form = prop_oneof![
        20 => Just(DateForm::Imf),
        1 => Just(DateForm::Rfc850),
        1 => Just(DateForm::Email),
        1 => Just(DateForm::Nonsense),
    ];
    (offset, form).prop_map(|(offset, form)| DateText { offset, form })
}

fn any_arrival_date() -> impl Strategy<Value = Option<DateText>> {
    prop_oneof![3 => Just(None), 6 => Just(Some(DateText::imf(0))), 2 => any_date().prop_map(Some)]
}

fn any_members() -> impl Strategy<Value = Vec<&'static str>> {
    let member = prop_oneof![
        10 => prop::sample::select(&POSITIVE[..]),
        10 => prop::sample::select(&PLAIN[..]),
        1 => prop::sample::select(&SPECIAL[..]),
    ];
    prop::collection::vec(member, 0..4)
}

fn any_others() -> impl Strategy<Value = Vec<(&'static str, &'static str)>> {
    let rare = |field| prop_oneof![15 => Just(None), 1 => Just(Some(field))];
    let tag = prop_oneof![Just(None), Just(Some(("etag", "\"a\"")))];
    let part = rare(("content-range", "bytes 0-4/10"));
    let fields = (
        tag,
        part,
        rare(("set-cookie", "a=b")),
        rare(("pragma", "no-cache")),
        rare(("cdn-cache-control", "max-age=5")),
    );
    fields.prop_map(|(one, two, three, four, five)| [one, two, three, four, five].into_iter().flatten().collect())
}

/// Any case.
pub(crate) fn any_case() -> impl Strategy<Value = Case> {
    let method = prop_oneof![
        20 => Just("GET"),
        1 => prop::sample::select(&["HEAD", "POST", "PUT", "DELETE", "OPTIONS"][..]),
    ];
    let status = prop_oneof![5 => Just(200_u16), 1 => prop::sample::select(&STATUSES[..])];
    let request_member = prop::sample::select(&["no-store", "no-cache", "max-age=0", "max-stale", "x", "NO-STORE"][..]);
    let request_members = prop_oneof![6 => Just(Vec::new()), 1 => prop::collection::vec(request_member, 1..3)];
    let expires = prop_oneof![
        12 => Just(Vec::new()),
        8 => any_date().prop_map(|date| vec![date]),
        1 => prop::collection::vec(any_date(), 2),
    ];
    let age = prop_oneof![
        6 => Just(None),
        4 => prop::sample::select(&["0", "5", "30", "70", "7200", "abc", "-5", "1.5"][..]).prop_map(Some),
        1 => prop::sample::select(&["5, 0", "0, 5", "+5", "99999999999999999999999"][..]).prop_map(Some),
    ];
    let resident = prop_oneof![2 => 0_u64..50, 1 => 0_u64..5_000];
    let layout = prop_oneof![Just(Layout::OneLine), Just(Layout::LineEach)];
    let request = (method, prop::bool::weighted(0.1), request_members);
    let response = (status, any_members(), layout, any_others());
    let times = (expires, any_arrival_date(), prop::option::of(any_date()), age, resident);
    (request, response, times).prop_map(|(request, response, times)| Case {
        method: request.0,
        authorized: request.1,
        request_members: request.2,
        status: response.0,
        members: response.1,
        layout: response.2,
        others: response.3,
        expires: times.0,
        date: times.1,
        last_modified: times.2,
        age: times.3,
        resident: Duration::from_secs(times.4),
    })
}
