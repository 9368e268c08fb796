//! The answer to a GraphQL request, read event by event: whether it has data and errors, what it says of its lifetime, and
//! the objects in its data.

use json_event_parser::{JsonEvent, SliceJsonParser};
use std::borrow::Cow;
use std::time::Duration;

/// How deep an answer may nest.
const DEPTH_MAX: usize = 256;

/// What an answer says, apart from its objects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// Whether `data` is an object. Without it nothing was executed, or nothing came of it.
    pub(crate) data: Data,
    /// Whether there are errors.
    pub(crate) has_errors: bool,
    /// The shortest lifetime in `extensions.cacheControl`, where it has one.
    pub(crate) lifetime_max: Option<Duration>,
    /// Whether that says that something is for one user.
    pub(crate) is_private: bool,
}

/// What an answer's `data` is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Data {
    /// It is not there: the request was not executed (October 2021 section 7.1.2).
    #[default]
    Absent,
    /// It is null: what was executed failed.
    Null,
    /// An object.
    Object,
}

/// An object in the data.
#[derive(Debug, Default)]
pub(crate) struct Object<'t> {
    /// Its `__typename`.
    pub(crate) type_name: Option<Cow<'t, str>>,
    /// The fields that were asked about, in the order that they stand in, with what they can be called: `None` for null, a
    /// list, an object or a number that is not whole.
    pub(crate) fields: Vec<(Cow<'t, str>, Option<Cow<'t, str>>)>,
}

impl Object<'_> {
    /// What a field can be called, if it stands there once and can be called something.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut found = self.fields.iter().filter(|(known, _)| known == name);
        let (_, value) = found.next()?;
        value.as_deref().filter(|_| found.next().is_none())
    }
}

/// It is no answer to a GraphQL request, or one that can be read in more than one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotAnAnswer;

/// Where in an answer an object or a list stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The answer itself.
    Root,
    /// `data`
    Data,
    /// Within it.
    InData,
    /// `errors`
    Errors,
    /// `extensions`
    Extensions,
    /// `extensions.cacheControl` and all within.
    CacheControl,
    /// Anywhere else.
    Elsewhere,
}

#[derive(Debug)]
struct Open<'t> {
    place: Place,
    object: Object<'t>,
    is_list: bool,
    has_type_twice: bool,
    name: Option<Cow<'t, str>>,
}

/// Reads an answer. `asks` says which fields of objects matter, and `object` is shown each object below `data`.
///
/// # Errors
/// Where it is no such answer, or `object` refuses one.
pub(crate) fn read<'t>(
    text: &'t [u8],
    asks: impl Fn(&str) -> bool,
    mut object: impl FnMut(&Object<'t>),
) -> Result<Said, NotAnAnswer> {
    if text.starts_with("\u{feff}".as_bytes()) {
        return Err(NotAnAnswer);
    }
    let mut parser = SliceJsonParser::new(text);
    let mut reading = Reading { open: Vec::new(), said: Said::default(), seen: Vec::new() };
    loop {
        match parser.parse_next().map_err(|_| NotAnAnswer)? {
            JsonEvent::Eof => return if reading.seen.is_empty() { Err(NotAnAnswer) } else { Ok(reading.said) },
            JsonEvent::ObjectKey(name) => reading.named(name)?,
            JsonEvent::StartObject => reading.begins(false)?,
            JsonEvent::StartArray => reading.begins(true)?,
            JsonEvent::EndObject | JsonEvent::EndArray => {
                if let Some(ended) = reading.open.pop()
                    && ended.place == Place::InData
                    && !ended.is_list
                {
                    if ended.has_type_twice {
                        return Err(NotAnAnswer);
                    }
                    object(&ended.object);
                }
            }
            JsonEvent::String(text) => reading.scalar(Scalar::Text(text), &asks)?,
            JsonEvent::Number(digits) => reading.scalar(Scalar::Number(digits), &asks)?,
            JsonEvent::Boolean(true) => reading.scalar(Scalar::Text(Cow::Borrowed("true")), &asks)?,
            JsonEvent::Boolean(false) => reading.scalar(Scalar::Text(Cow::Borrowed("false")), &asks)?,
            JsonEvent::Null => reading.scalar(Scalar::Null, &asks)?,
        }
    }
}

enum Scalar<'t> {
    Text(Cow<'t, str>),
    Number(Cow<'t, str>),
    Null,
}

struct Reading<'t> {
    open: Vec<Open<'t>>,
    said: Said,
    /// The members of the answer itself.
    seen: Vec<Cow<'t, str>>,
}

impl<'t> Reading<'t> {
    fn named(&mut self, name: Cow<'t, str>) -> Result<(), NotAnAnswer> {
        let Some(open) = self.open.last_mut() else { return Err(NotAnAnswer) };
        if open.place == Place::Root {
            if self.seen.contains(&name) {
                return Err(NotAnAnswer);
            }
            self.seen.push(name.clone());
        }
        open.name = Some(name);
        Ok(())
    }

    fn begins(&mut self, is_list: bool) -> Result<(), NotAnAnswer> {
        if self.open.len() >= DEPTH_MAX {
            return Err(NotAnAnswer);
        }
        let place = match self.open.last() {
            None if is_list => return Err(NotAnAnswer),
            None => Place::Root,
            Some(open) => match (open.place, open.name.as_deref()) {
                (Place::Root, Some("data")) if is_list => return Err(NotAnAnswer),
                (Place::Root, Some("data")) => Place::Data,
                (Place::Root, Some("errors")) => Place::Errors,
                (Place::Root, Some("extensions")) => Place::Extensions,
                (Place::Extensions, Some("cacheControl")) | (Place::CacheControl, _) => Place::CacheControl,
                (Place::Data | Place::InData, _) => Place::InData,
                (Place::Errors, _) => {
                    self.said.has_errors = true;
                    Place::Elsewhere
                }
                _ => Place::Elsewhere,
            },
        };
        if place == Place::Data {
            self.said.data = Data::Object;
        }
        if place == Place::Errors && !is_list {
            self.said.has_errors = true;
        }
        self.open.push(Open { place, object: Object::default(), is_list, has_type_twice: false, name: None });
        Ok(())
    }

    fn scalar(&mut self, scalar: Scalar<'t>, asks: impl Fn(&str) -> bool) -> Result<(), NotAnAnswer> {
        let Some(open) = self.open.last_mut() else { return Err(NotAnAnswer) };
        let name = if open.is_list { None } else { open.name.take() };
        match (open.place, name) {
            (Place::Root, Some(name)) => match (&*name, scalar) {
                ("data", Scalar::Null) => self.said.data = Data::Null,
                ("data", _) => return Err(NotAnAnswer),
                ("errors", Scalar::Null) => {}
                ("errors", _) => self.said.has_errors = true,
                _ => {}
            },
            (Place::Errors, _) => self.said.has_errors = true,
            (Place::CacheControl, Some(name)) => self.hinted(&name, &scalar),
            (Place::InData, Some(name)) if name == "__typename" => match scalar {
                Scalar::Text(text) if open.object.type_name.is_none() => open.object.type_name = Some(text),
                _ => open.has_type_twice = true,
            },
            (Place::InData, Some(name)) if asks(&name) => {
                let called = match scalar {
                    Scalar::Text(text) => Some(text),
                    Scalar::Number(digits) => Some(digits).filter(|digits| !digits.contains(['.', 'e', 'E'])),
                    Scalar::Null => None,
                };
                open.object.fields.push((name, called));
            }
            _ => {}
        }
        Ok(())
    }

    fn hinted(&mut self, name: &str, value: &Scalar<'t>) {
        match (name, value) {
            ("maxAge", Scalar::Number(digits)) => {
                // What is no whole number of seconds says nothing that could be relied on.
                let lifetime = Duration::from_secs(digits.parse().unwrap_or(0));
                self.said.lifetime_max = Some(self.said.lifetime_max.map_or(lifetime, |least| least.min(lifetime)));
            }
            ("maxAge", _) => self.said.lifetime_max = Some(Duration::ZERO),
            ("scope", Scalar::Text(scope)) if scope == "PUBLIC" => {}
            ("scope", Scalar::Null) => {}
            ("scope", _) => self.said.is_private = true,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn objects(text: &str) -> Result<(Said, Vec<String>), NotAnAnswer> {
        let mut shown = Vec::new();
        let said = read(
            text.as_bytes(),
            |name| name == "id",
            |object| {
                shown.push(format!(
                    "{}:{}",
                    object.type_name.as_deref().unwrap_or("-"),
                    object.field("id").unwrap_or("-")
                ));
            },
        )?;
        Ok((said, shown))
    }

    #[test]
    fn every_object_below_the_data_is_shown() {
        let text = r#"{"data": {"id": "no", "product": {"__typename": "Product", "id": 7, "name": "x",
            "tags": [{"id": "a"}, {"__typename": "Tag", "id": 1.5}], "of": {"__typename": "Shop", "id": null}},
            "list": [[{"id": true}], 3]}, "extensions": {"more": {"id": 1}}}"#;
        let (said, shown) = objects(text).unwrap();
        assert_eq!(shown, ["-:a", "Tag:-", "Shop:-", "Product:7", "-:true"]);
        assert_eq!(said, Said { data: Data::Object, ..Said::default() });
    }

    #[test]
    fn what_an_answer_says_is_read() {
        let said = |text: &str| objects(text).map(|(said, _)| said);
        let data = |data| Ok(Said { data, ..Said::default() });
        assert_eq!(said(r#"{"data": {}}"#), data(Data::Object));
        assert_eq!(said(r#"{"data": null, "errors": []}"#), data(Data::Null));
        assert_eq!(said(r#"{"extensions": {}}"#), data(Data::Absent));
        for errors in [r#"[{"message": "no"}]"#, r#"["no"]"#, r#""no""#, "{}", "[null]", "[[]]", "true"] {
            let text = format!(r#"{{"errors": {errors}, "data": {{"a": 1}}}}"#);
            assert!(said(&text).unwrap().has_errors, "{errors}");
        }
        let hinted = |hints: &str| {
            let said = said(&format!(r#"{{"data": {{}}, "extensions": {{"cacheControl": {hints}}}}}"#)).unwrap();
            (said.lifetime_max.map(|lifetime| lifetime.as_secs()), said.is_private)
        };
        assert_eq!(
            hinted(r#"{"version": 1, "hints": [{"path": ["a"], "maxAge": 60}, {"maxAge": 30, "scope": "PUBLIC"}]}"#),
            (Some(30), false)
        );
        assert_eq!(hinted(r#"{"version": 1, "hints": [{"path": ["a"], "scope": "PRIVATE"}]}"#), (None, true));
        assert_eq!(hinted(r#"{"hints": [{"maxAge": -1}]}"#), (Some(0), false));
        assert_eq!(hinted(r#"{"hints": [{"maxAge": "60"}]}"#), (Some(0), false));
        assert_eq!(hinted(r#"{"hints": [], "version": 1}"#), (None, false));
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        let deep = format!(r#"{{"data": {{"a": {}1{}}}}}"#, "[".repeat(300), "]".repeat(300));
        for text in [
            "",
            "[]",
            "{}",
            "1",
            r#"{"data": 1}"#,
            r#"{"data": []}"#,
            r#"{"data": {}, "data": {}}"#,
            r#"{"errors": [], "data": {}, "errors": []}"#,
            r#"{"data": {"a": {"__typename": "A", "__typename": "B"}}}"#,
            r#"{"data": {"a": {"__typename": 1}}}"#,
            r#"{"data": {"a": }}"#,
            r#"{"data": {}} {}"#,
            "<html>",
            &deep,
        ] {
            assert_eq!(objects(text), Err(NotAnAnswer), "{}", &text[..text.len().min(60)]);
        }
        let twice = objects(r#"{"data": {"a": {"__typename": "A", "id": 1, "id": 2}}}"#).unwrap().1;
        assert_eq!(twice, ["A:-"], "which of both counts is not known");
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in ".{0,200}") {
            let _ = objects(&text);
        }
    }
}
