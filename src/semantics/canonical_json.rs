//! The canonical form of a JSON text (RFC 8785): members sorted, no spaces, one way to write each string and number. Two
//! texts of one form say the same, so what readers may take differently has no form here.

use json_event_parser::{JsonEvent, JsonSyntaxError, SliceJsonParser};
use std::borrow::Cow;
use std::collections::HashSet;

/// How deep arrays and objects may nest: more than any query needs, less than a stack holds.
const DEPTH_MAX: usize = 64;

/// A double is written in at most so many digits; its exponent is at least this.
const EXPONENT_MAX: i64 = 400;

/// Why a text has no canonical form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotCanonical {
    /// It is no JSON (RFC 8259) in UTF-8, or has half of a surrogate pair.
    #[error("it is not valid JSON")]
    Malformed,
    /// It nests too deeply.
    #[error("it nests more than 64 levels deep")]
    TooDeep,
    /// A name stands twice in an object, and readers differ on which counts (RFC 8259 section 4).
    #[error("an object has a name twice")]
    RepeatedName,
    /// A number that a double does not hold exactly as it is written: it could share its form with another one.
    #[error("it has a number that a double cannot hold")]
    InexactNumber,
}

impl From<JsonSyntaxError> for NotCanonical {
    fn from(_: JsonSyntaxError) -> Self {
        Self::Malformed
    }
}

/// The canonical form of a text.
///
/// # Errors
/// Where it has none.
pub(crate) fn canonical_json(text: &[u8]) -> Result<Vec<u8>, NotCanonical> {
    let mut parser = parser_of(text)?;
    let mut form = Vec::with_capacity(text.len());
    let first = parser.parse_next()?;
    write_value(&mut parser, first, DEPTH_MAX, &mut form)?;
    ended(&mut parser)?;
    Ok(form)
}

/// A name in an object, and the canonical form of its value.
pub(crate) type Member<'t> = (Cow<'t, str>, Vec<u8>);

/// The members of the object that a text is, in the order of their canonical form.
///
/// # Errors
/// Where it has no canonical form, or is no object.
pub(crate) fn canonical_members(text: &[u8]) -> Result<Vec<Member<'_>>, NotCanonical> {
    let mut parser = parser_of(text)?;
    let JsonEvent::StartObject = parser.parse_next()? else { return Err(NotCanonical::Malformed) };
    let members = members(&mut parser, DEPTH_MAX - 1)?;
    ended(&mut parser)?;
    Ok(members)
}

/// The parser skips a byte order mark, which RFC 8259 section 8.1 forbids and other readers refuse.
fn parser_of(text: &[u8]) -> Result<SliceJsonParser<'_>, NotCanonical> {
    if text.starts_with("\u{feff}".as_bytes()) { Err(NotCanonical::Malformed) } else { Ok(SliceJsonParser::new(text)) }
}

fn ended(parser: &mut SliceJsonParser<'_>) -> Result<(), NotCanonical> {
    match parser.parse_next()? {
        JsonEvent::Eof => Ok(()),
        _ => Err(NotCanonical::Malformed),
    }
}

/// The canonical forms of some members of a text that is an object, in the order of `names`; `None` for one that it does not
/// have. What its other members hold is read and not judged.
///
/// # Errors
/// Where the text is no object, where a name stands twice in it, or where one of these members has no canonical form.
pub(crate) fn canonical_members_named(text: &[u8], names: &[&str]) -> Result<Vec<Option<Vec<u8>>>, NotCanonical> {
    let mut members = vec![None; names.len()];
    let (mut seen, mut parser) = (HashSet::new(), parser_of(text)?);
    if parser.parse_next()? != JsonEvent::StartObject {
        return Err(NotCanonical::Malformed);
    }
    loop {
        let name = match parser.parse_next()? {
            JsonEvent::EndObject => break,
            JsonEvent::ObjectKey(name) => name,
            _ => return Err(NotCanonical::Malformed),
        };
        let begun = parser.parse_next()?;
        if names.iter().any(|wanted| *wanted == name) {
            let mut form = Vec::new();
            write_value(&mut parser, begun, DEPTH_MAX, &mut form)?;
            for (wanted, member) in names.iter().zip(&mut members) {
                if *wanted == name {
                    *member = Some(form.clone());
                }
            }
        } else {
            pass_over(&mut parser, &begun)?;
        }
        if !seen.insert(name) {
            return Err(NotCanonical::RepeatedName);
        }
    }
    ended(&mut parser)?;
    Ok(members)
}

/// Reads to the end of a value.
fn pass_over(parser: &mut SliceJsonParser<'_>, begun: &JsonEvent<'_>) -> Result<(), NotCanonical> {
    let mut depth = usize::from(matches!(begun, JsonEvent::StartArray | JsonEvent::StartObject));
    while depth > 0 {
        match parser.parse_next()? {
            JsonEvent::StartArray | JsonEvent::StartObject if depth == DEPTH_MAX => return Err(NotCanonical::TooDeep),
            JsonEvent::StartArray | JsonEvent::StartObject => depth += 1,
            JsonEvent::EndArray | JsonEvent::EndObject => depth -= 1,
            JsonEvent::Eof => return Err(NotCanonical::Malformed),
            _ => {}
        }
    }
    Ok(())
}

fn write_value<'t>(
    parser: &mut SliceJsonParser<'t>,
    begun: JsonEvent<'t>,
    depth_left: usize,
    form: &mut Vec<u8>,
) -> Result<(), NotCanonical> {
    match begun {
        JsonEvent::Null => form.extend_from_slice(b"null"),
        JsonEvent::Boolean(true) => form.extend_from_slice(b"true"),
        JsonEvent::Boolean(false) => form.extend_from_slice(b"false"),
        JsonEvent::String(text) => write_string(&text, form),
        JsonEvent::Number(digits) => write_number(&digits, form)?,
        JsonEvent::StartArray => {
            let depth_left = depth_left.checked_sub(1).ok_or(NotCanonical::TooDeep)?;
            write_array(parser, depth_left, form)?;
        }
        JsonEvent::StartObject => {
            let depth_left = depth_left.checked_sub(1).ok_or(NotCanonical::TooDeep)?;
            write_object(parser, depth_left, form)?;
        }
        JsonEvent::EndArray | JsonEvent::EndObject | JsonEvent::ObjectKey(_) | JsonEvent::Eof => {
            return Err(NotCanonical::Malformed);
        }
    }
    Ok(())
}

fn write_array(parser: &mut SliceJsonParser<'_>, depth_left: usize, form: &mut Vec<u8>) -> Result<(), NotCanonical> {
    form.push(b'[');
    let mut is_first = true;
    loop {
        match parser.parse_next()? {
            JsonEvent::EndArray => break,
            item => {
                if !std::mem::take(&mut is_first) {
                    form.push(b',');
                }
                write_value(parser, item, depth_left, form)?;
            }
        }
    }
    form.push(b']');
    Ok(())
}

fn write_object(parser: &mut SliceJsonParser<'_>, depth_left: usize, form: &mut Vec<u8>) -> Result<(), NotCanonical> {
    form.push(b'{');
    for (place, (name, value)) in members(parser, depth_left)?.iter().enumerate() {
        if place > 0 {
            form.push(b',');
        }
        write_string(name, form);
        form.push(b':');
        form.extend_from_slice(value);
    }
    form.push(b'}');
    Ok(())
}

/// The members of an object that has begun, each once, in the order of RFC 8785 section 3.2.3.
fn members<'t>(parser: &mut SliceJsonParser<'t>, depth_left: usize) -> Result<Vec<Member<'t>>, NotCanonical> {
    let mut members: Vec<Member<'_>> = Vec::new();
    loop {
        match parser.parse_next()? {
            JsonEvent::EndObject => break,
            JsonEvent::ObjectKey(name) => {
                let mut value = Vec::new();
                let begun = parser.parse_next()?;
                write_value(parser, begun, depth_left, &mut value)?;
                members.push((name, value));
            }
            _ => return Err(NotCanonical::Malformed),
        }
    }
    // Section 3.2.3: by UTF-16 code units.
    members.sort_by(|(one, _), (other, _)| one.encode_utf16().cmp(other.encode_utf16()));
    if members.windows(2).any(|pair| matches!(pair, [(one, _), (other, _)] if one == other)) {
        return Err(NotCanonical::RepeatedName);
    }
    Ok(members)
}

/// Section 3.2.2.2: the short escapes where there is one, lower-case hexadecimal for other control characters.
fn write_string(text: &str, form: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    form.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' => form.extend_from_slice(b"\\\""),
            b'\\' => form.extend_from_slice(b"\\\\"),
            0x08 => form.extend_from_slice(b"\\b"),
            b'\t' => form.extend_from_slice(b"\\t"),
            b'\n' => form.extend_from_slice(b"\\n"),
            0x0c => form.extend_from_slice(b"\\f"),
            b'\r' => form.extend_from_slice(b"\\r"),
            control @ 0..0x20 => {
                let digits = [HEX[usize::from(control >> 4)], HEX[usize::from(control & 15)]];
                form.extend_from_slice(b"\\u00");
                form.extend_from_slice(&digits);
            }
            other => form.push(other),
        }
    }
    form.push(b'"');
}

/// Section 3.2.2.3: as ECMAScript writes the double that is nearest, where that says exactly what was written.
fn write_number(written: &str, form: &mut Vec<u8>) -> Result<(), NotCanonical> {
    let nearest: f64 = written.parse().map_err(|_| NotCanonical::Malformed)?;
    if !nearest.is_finite() {
        return Err(NotCanonical::InexactNumber);
    }
    let mut buffer = ryu_js::Buffer::new();
    let said = buffer.format_finite(nearest);
    let is_same = Decimal::read(written).is_some_and(|decimal| Decimal::read(said) == Some(decimal));
    if !is_same {
        return Err(NotCanonical::InexactNumber);
    }
    form.extend_from_slice(said.as_bytes());
    Ok(())
}

/// A number as its digits: 0.`digits` times ten to the power of `exponent`.
#[derive(Debug, PartialEq, Eq)]
struct Decimal {
    is_negative: bool,
    /// Without zeros at either end.
    digits: Vec<u8>,
    exponent: i64,
}

impl Decimal {
    /// Reads a number of JSON or ECMAScript; `None` if its exponent is beyond that of any double.
    fn read(text: &str) -> Option<Self> {
        let (is_negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse().ok()?),
            None => (text, 0_i64),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        let Some(first) = all.iter().position(|digit| *digit != b'0') else {
            return Some(Self { is_negative, digits: Vec::new(), exponent: 0 });
        };
        let last = all.iter().rposition(|digit| *digit != b'0')?;
        let point = i64::try_from(whole.len()).ok()? - i64::try_from(first).ok()?;
        let exponent = exponent.checked_add(point)?;
        (exponent.abs() <= EXPONENT_MAX).then(|| Self { is_negative, digits: all[first..=last].to_vec(), exponent })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn form(text: &str) -> Result<String, NotCanonical> {
        canonical_json(text.as_bytes()).map(|form| String::from_utf8(form).unwrap())
    }

    #[test]
    fn texts_that_say_the_same_have_one_form() {
        for (texts, expected) in [
            (&[" { } ", "{}"][..], "{}"),
            (&["[ ]"], "[]"),
            (&["null", "\tnull\r\n"], "null"),
            (&[r#"{"b":1,"a":[true,false]}"#, r#"{ "a": [true, false], "b": 1.0 }"#], r#"{"a":[true,false],"b":1}"#),
            (&[r#"{"a":{"d":1,"c":2}}"#], r#"{"a":{"c":2,"d":1}}"#),
            (&[r#""é""#, r#""\u00e9""#, r#""\u00E9""#], "\"é\""),
            (&[r#""😀""#, r#""\ud83d\ude00""#], "\"😀\""),
            (&[r#""\/\u000a\u0001\u001f\u007f""#], "\"/\\n\\u0001\\u001f\u{7f}\""),
            (&["100", "1e2", "1E+2", "100.0", "1000e-1"], "100"),
            (&["0", "0.0", "0e5", "0.000e-3"], "0"),
            (&["0.1", "1e-1", "0.10"], "0.1"),
            (&["9007199254740992", "9007199254740992.0"], "9007199254740992"),
            (&["1e21", "1000000000000000000000"], "1e+21"),
            (&["1e-7", "0.0000001"], "1e-7"),
            (&["5e-324"], "5e-324"),
            (&["94999949999649990e-22"], "0.000009499994999964999"),
            (&["1.7976931348623157e308"], "1.7976931348623157e+308"),
        ] {
            for text in texts {
                assert_eq!(form(text).as_deref(), Ok(expected), "{text}");
            }
        }
    }

    #[test]
    fn names_are_sorted_as_rfc_8785_3_2_3_shows() {
        let text = r#"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",
            "\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}"#;
        let form = form(text).unwrap();
        let place = |value: &str| form.find(value).unwrap();
        let order = ["Carriage", "One", "Control", "Latin", "Euro", "Emoji", "Hebrew"].map(place);
        assert!(order.is_sorted(), "{form}");
    }

    #[test]
    fn what_readers_may_take_differently_has_no_form() {
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(form(&deep(64)).is_ok());
        for (text, why) in [
            ("", NotCanonical::Malformed),
            (" ", NotCanonical::Malformed),
            ("{", NotCanonical::Malformed),
            ("{}{}", NotCanonical::Malformed),
            ("{} x", NotCanonical::Malformed),
            ("{'a':1}", NotCanonical::Malformed),
            ("[1,]", NotCanonical::Malformed),
            ("01", NotCanonical::Malformed),
            ("+1", NotCanonical::Malformed),
            (".5", NotCanonical::Malformed),
            ("1.", NotCanonical::Malformed),
            ("NaN", NotCanonical::Malformed),
            ("// a\n1", NotCanonical::Malformed),
            ("\"\n\"", NotCanonical::Malformed),
            ("\u{feff}{}", NotCanonical::Malformed),
            (r#""\ud83d""#, NotCanonical::Malformed),
            (r#""\ude00""#, NotCanonical::Malformed),
            (r#""\ud83d\u0041""#, NotCanonical::Malformed),
            (r#"{"a":1,"a":1}"#, NotCanonical::RepeatedName),
            (r#"{"a":1,"b":2,"\u0061":3}"#, NotCanonical::RepeatedName),
            (r#"[{"x":{"a":1,"a":2}}]"#, NotCanonical::RepeatedName),
            ("9007199254740993", NotCanonical::InexactNumber),
            ("18446744073709551615", NotCanonical::InexactNumber),
            ("0.12345678901234567890", NotCanonical::InexactNumber),
            ("1e400", NotCanonical::InexactNumber),
            ("1e-400", NotCanonical::InexactNumber),
            ("1e99999999999999999999", NotCanonical::InexactNumber),
            // As short as what ECMAScript writes for the same double, …594.2, and as near to it.
            ("1449627043011594.3", NotCanonical::InexactNumber),
            ("-0", NotCanonical::InexactNumber),
            ("-0.0", NotCanonical::InexactNumber),
            (&deep(65), NotCanonical::TooDeep),
            (&"[".repeat(100_000), NotCanonical::TooDeep),
        ] {
            assert_eq!(form(text), Err(why), "{}", &text[..text.len().min(60)]);
        }
        assert_eq!(canonical_json(b"\"\xff\""), Err(NotCanonical::Malformed));
    }

    #[test]
    fn members_are_read_by_name_and_the_others_passed_over() {
        let members = |text: &str| {
            let read = canonical_members_named(text.as_bytes(), &["a", "b"]);
            read.map(|members| {
                members.into_iter().map(|form| form.map(|form| String::from_utf8(form).unwrap())).collect()
            })
        };
        let some = |text: &str| Some(text.to_owned());
        for (text, expected) in [
            ("{}", vec![None, None]),
            (
                r#" { "b" : [ 1.0, {"y":1,"x":2} ] , "c": {"c":{"c":1},"d":[]} } "#,
                vec![None, some(r#"[1,{"x":2,"y":1}]"#)],
            ),
            (r#"{"c":9007199254740993,"d":{"x":1,"x":1},"\u0061":"1"}"#, vec![some("\"1\""), None]),
            (r#"{"a":null}"#, vec![some("null"), None]),
        ] {
            assert_eq!(members(text), Ok(expected), "{text}");
        }
        let deep = format!(r#"{{"c":{}{}}}"#, "[".repeat(65), "]".repeat(65));
        for (text, why) in [
            ("", NotCanonical::Malformed),
            ("[]", NotCanonical::Malformed),
            ("{} {}", NotCanonical::Malformed),
            (r#"{"c":"#, NotCanonical::Malformed),
            (r#"{"c":1"#, NotCanonical::Malformed),
            ("\u{feff}{}", NotCanonical::Malformed),
            (r#"{"a":1,"a":1}"#, NotCanonical::RepeatedName),
            (r#"{"c":1,"\u0063":2}"#, NotCanonical::RepeatedName),
            (r#"{"a":9007199254740993}"#, NotCanonical::InexactNumber),
            (r#"{"b":{"x":1,"x":1}}"#, NotCanonical::RepeatedName),
            (&deep, NotCanonical::TooDeep),
        ] {
            assert_eq!(members(text), Err(why), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic_and_a_form_is_its_own_form(text in ".{0,200}") {
            if let Ok(form) = canonical_json(text.as_bytes()) {
                prop_assert_eq!(canonical_json(&form), Ok(form));
            }
        }

        #[test]
        fn every_double_has_the_form_that_it_is_read_from_again(number in proptest::num::f64::NORMAL) {
            let form = form(ryu_js::Buffer::new().format_finite(number)).unwrap();
            prop_assert_eq!(form.parse::<f64>().unwrap().to_bits(), number.to_bits());
        }
    }
}
