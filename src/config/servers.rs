//! The servers of a pool, resolved.

use super::problem::Place;
use super::raw_upstream::ServerItem;
use super::resolve::Resolver;
use super::table::Placed;
use crate::upstream::{ServerOptions, ServerUrl};

const HINT: &str = "name the servers of your API: servers = [\"http://127.0.0.1:8000\"]";

impl Resolver<'_> {
    /// The servers of a pool, whose table in the file is `key`.
    pub(super) fn servers(
        &mut self,
        raw: Option<Placed<Vec<Placed<ServerItem>>>>,
        key: &str,
        upstream: &Place,
    ) -> Option<Vec<ServerOptions>> {
        let Some(raw) = raw else {
            if !self.problems.has_errors_within(upstream) {
                self.problems.error(upstream, format!("`{key}.servers` is missing"), Some(HINT));
            }
            return None;
        };
        if raw.value.is_empty() && !self.problems.has_errors_within(&raw.place) {
            self.problems.error(&raw.place, "`servers` names no server", Some(HINT));
        }
        let mut servers: Vec<ServerOptions> = Vec::new();
        for item in raw.value {
            let Some(server) = self.server(item) else { continue };
            if servers.iter().any(|other| other.url == server.value.url) {
                self.problems.error(&server.place, format!("`{}` is listed twice", server.value.url), None::<String>);
            } else {
                servers.push(server.value);
            }
        }
        Some(servers)
    }

    /// One server, with the place of its URL.
    fn server(&mut self, item: Placed<ServerItem>) -> Option<Placed<ServerOptions>> {
        let Placed { value, place } = item;
        let (url, weight) = match value {
            ServerItem::Url(value) => (Placed { value, place }, None),
            ServerItem::Table(table) => {
                let Some(url) = table.url else {
                    if !self.problems.has_errors_within(&place) {
                        let hint = "write { url = \"http://host:port\", weight = 2 }";
                        self.problems.error(&place, "the server has no `url`", Some(hint));
                    }
                    return None;
                };
                (url, table.weight)
            }
        };
        let weight = u16::try_from(self.number(weight.as_ref(), 1, 1..=256)).unwrap_or(1);
        let Placed { value: text, place } = url;
        match text.parse::<ServerUrl>() {
            Ok(url) => Some(Placed { value: ServerOptions { url, weight }, place }),
            Err(error) => {
                let message = format!("`{text}` is not the URL of an upstream server");
                self.problems.error(&place, message, Some(error.to_string()));
                None
            }
        }
    }
}
