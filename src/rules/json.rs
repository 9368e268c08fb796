//! JSON in which a name stands twice in one object. Readers differ on which of the two counts (RFC 8259 section 4), and a
//! purge may depend on either: so neither is left out in silence.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::fmt;

/// The members of an object in their order, each as often as it stands there.
#[derive(Debug)]
pub(crate) struct Members(pub(crate) Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ReadMembers)
    }
}

struct ReadMembers;

impl<'de> Visitor<'de> for ReadMembers {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Members, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = object.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

/// A value in which no object has a name twice. One that has is an error.
#[derive(Debug)]
pub(crate) struct Unambiguous(pub(crate) Value);

impl<'de> Deserialize<'de> for Unambiguous {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ReadValue).map(Self)
    }
}

struct ReadValue;

impl<'de> Visitor<'de> for ReadValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without a name that stands twice in an object")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        // JSON has no others than finite ones.
        Ok(Number::from_f64(number).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Unambiguous(item)) = list.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some((name, Unambiguous(value))) = object.next_entry::<String, Unambiguous>()? {
            if members.insert(name, value).is_some() {
                return Err(A::Error::custom("a name stands twice in an object"));
            }
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn members_are_read_as_often_as_they_stand_there() {
        let Members(members) = serde_json::from_str(r#"{"a": 1, "b": [2], "a": null}"#).unwrap();
        let names: Vec<_> = members.iter().map(|(name, value)| (name.as_str(), value.to_string())).collect();
        assert_eq!(names, [("a", "1".to_owned()), ("b", "[2]".to_owned()), ("a", "null".to_owned())]);
        for other in ["[]", "1", "", "{", "{} {}"] {
            assert!(serde_json::from_str::<Members>(other).is_err(), "{other}");
        }
    }

    #[test]
    fn a_name_that_stands_twice_in_one_object_is_an_error_at_any_depth() {
        for ambiguous in [
            r#"{"a": 1, "a": 1}"#,
            r#"{"a": 1, "\u0061": 2}"#,
            r#"[{"b": {"a": null, "c": 1, "a": 2}}]"#,
            r#"{"x": [[{"a": {}, "a": {}}]]}"#,
        ] {
            assert!(serde_json::from_str::<Unambiguous>(ambiguous).is_err(), "{ambiguous}");
        }
        assert!(serde_json::from_str::<Unambiguous>(r#"[{"a": {"a": 1}}, {"a": 2, "A": 3}]"#).is_ok());
    }

    proptest! {
        #[test]
        fn what_is_unambiguous_is_read_as_ever(text in r#"[\[\]{}:,"ab01.e\-tf \\n]{0,40}"#) {
            let ever: Option<Value> = serde_json::from_str(&text).ok();
            if let Ok(Unambiguous(value)) = serde_json::from_str(&text) {
                prop_assert_eq!(Some(value), ever);
            }
        }
    }

    #[test]
    fn every_kind_of_value_is_read_as_ever() {
        let text =
            r#"{"a":[null,true,false,0,-7,18446744073709551615,-9223372036854775808,1.5,1e300,"\u00e9\n",{},[]]}"#;
        let Unambiguous(value) = serde_json::from_str(text).unwrap();
        assert_eq!(value, serde_json::from_str::<Value>(text).unwrap());
    }
}
