//! Query strings of calls: each name once, and none that nobody reads.

use super::problem::Problem;
use axum::extract::Query;
use axum::http::{StatusCode, Uri};
use std::str::FromStr;

/// The parameters of a query, by name.
#[derive(Debug)]
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads a query in which only these names may stand. `hint` says what is meant.
    pub(super) fn read(query: Option<&str>, names: &[&str], hint: &str) -> Result<Self, Problem> {
        let query = query.unwrap_or_default();
        let uri = Uri::builder().path_and_query(format!("/?{query}")).build();
        let pairs = uri.ok().and_then(|uri| Query::<Vec<(String, String)>>::try_from_uri(&uri).ok());
        let Some(Query(pairs)) = pairs else {
            return Err(Problem::new(StatusCode::BAD_REQUEST, "the query is not made of names and values"));
        };
        for (place, (name, _)) in pairs.iter().enumerate() {
            if !names.contains(&name.as_str()) {
                return Err(Problem::input(name, "there is no such parameter").hint(hint));
            }
            if pairs.iter().take(place).any(|(earlier, _)| earlier == name) {
                return Err(Problem::input(name, "it is there twice"));
            }
        }
        Ok(Self(pairs))
    }

    /// The value of a parameter, if it is there.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The value of a parameter as what it stands for, if it is there. `wanted` says what it should be.
    pub(super) fn parse<T: FromStr>(&self, name: &str, wanted: &str) -> Result<Option<T>, Problem> {
        let parsed = self.get(name).map(str::parse).transpose();
        parsed.map_err(|_| Problem::input(name, format!("it is not {wanted}")))
    }
}
