//! Texts with holes, by which an HTTP API is told what to purge: `{tag}`, `{url}`, `{tags}`. What goes into a hole is written as
//! its place wants it: percent-encoded in a URL, as JSON in a body.

use super::asked::Address;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// What a hole stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hole {
    /// The CDN's token.
    Token,
    /// One tag.
    Tag,
    /// All tags of a call.
    Tags,
    /// One URL, `https://host/path`.
    Url,
    /// All URLs of a call.
    Urls,
    /// One prefix, `host/path`.
    Prefix,
    /// All prefixes of a call.
    Prefixes,
    /// The host of a URL or a prefix.
    Host,
    /// The path of a URL or a prefix, with its query.
    Path,
    /// Whether the purge is soft: `true` or `false`.
    Soft,
}

impl Hole {
    const NAMES: [(&'static str, Self); 10] = [
        ("token", Self::Token),
        ("tag", Self::Tag),
        ("tags", Self::Tags),
        ("url", Self::Url),
        ("urls", Self::Urls),
        ("prefix", Self::Prefix),
        ("prefixes", Self::Prefixes),
        ("host", Self::Host),
        ("path", Self::Path),
        ("soft", Self::Soft),
    ];

    /// As it is written between braces.
    pub(crate) fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, hole)| *hole == self).map_or("", |(name, _)| name)
    }

    /// Whether it stands for several things at once.
    pub(crate) const fn is_list(self) -> bool {
        matches!(self, Self::Tags | Self::Urls | Self::Prefixes)
    }
}

/// Where a text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum In {
    Url,
    Field,
    Body,
}

/// A text with holes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Hole(Hole),
}

/// A hole that means nothing where it stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{{{name}}}` means nothing here")]
pub(crate) struct UnknownHole {
    name: String,
}

/// What goes into the holes of one call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Filling<'a> {
    pub(crate) token: Option<&'a str>,
    pub(crate) tags: &'a [String],
    pub(crate) addresses: &'a [Address],
    pub(crate) is_soft: bool,
}

impl Template {
    /// Reads a text. A brace that holds no word stands for itself, as in JSON.
    ///
    /// # Errors
    /// Where a word in braces is none of the `allowed` holes.
    pub(crate) fn parse(text: &str, allowed: &[Hole]) -> Result<Self, UnknownHole> {
        let (mut pieces, mut literal, mut rest) = (Vec::new(), String::new(), text);
        while let Some(open) = rest.find('{') {
            let (before, after) = rest.split_at(open);
            literal.push_str(before);
            let word = after[1..].split_once('}').map(|(word, _)| word);
            let is_word = |word: &&str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            if let Some(word) = word.filter(is_word) {
                let hole = Hole::NAMES.iter().find(|(name, hole)| *name == word && allowed.contains(hole));
                let (_, hole) = hole.ok_or_else(|| UnknownHole { name: word.to_owned() })?;
                pieces.push(Piece::Text(std::mem::take(&mut literal)));
                pieces.push(Piece::Hole(*hole));
                rest = &after[word.len() + 2..];
            } else {
                literal.push('{');
                rest = &after[1..];
            }
        }
        literal.push_str(rest);
        pieces.push(Piece::Text(literal));
        pieces.retain(|piece| *piece != Piece::Text(String::new()));
        Ok(Self(pieces))
    }

    /// The holes.
    pub(crate) fn holes(&self) -> impl Iterator<Item = Hole> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Hole(hole) => Some(*hole),
            Piece::Text(_) => None,
        })
    }

    /// The text with its holes filled; `None` where there is nothing to fill one with.
    pub(crate) fn fill(&self, filling: &Filling<'_>, place: In) -> Option<String> {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(literal) => text.push_str(literal),
                Piece::Hole(hole) => text.push_str(&fill(*hole, filling, place)?),
            }
        }
        Some(text)
    }
}

fn fill(hole: Hole, filling: &Filling<'_>, place: In) -> Option<String> {
    let url = |address: &Address| Some(format!("https://{}{}", address.host.as_deref()?, address.path));
    let prefix = |address: &Address| Some(format!("{}{}", address.host.as_deref()?, address.path));
    let first = filling.addresses.first();
    let all =
        |write: &dyn Fn(&Address) -> Option<String>| filling.addresses.iter().map(write).collect::<Option<Vec<_>>>();
    Some(match hole {
        Hole::Token => filling.token?.to_owned(),
        Hole::Soft => filling.is_soft.to_string(),
        Hole::Tag => one(filling.tags.first()?, place),
        Hole::Url => one(&url(first?)?, place),
        Hole::Prefix => one(&prefix(first?)?, place),
        // They are parts of a URL as they stand.
        Hole::Host if place == In::Url => first?.host.clone()?,
        Hole::Path if place == In::Url => first?.path.clone(),
        Hole::Host => one(first?.host.as_deref()?, place),
        Hole::Path => one(&first?.path, place),
        Hole::Tags => many(filling.tags, place)?,
        Hole::Urls => many(&all(&url)?, place)?,
        Hole::Prefixes => many(&all(&prefix)?, place)?,
    })
}

fn one(text: &str, place: In) -> String {
    match place {
        In::Url => utf8_percent_encode(text, NON_ALPHANUMERIC).to_string(),
        In::Field => text.to_owned(),
        In::Body => {
            let quoted = serde_json::Value::from(text).to_string();
            quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or_default().to_owned()
        }
    }
}

/// A JSON array in a body; parted by spaces in a field, so that none may hold one.
fn many(texts: &[String], place: In) -> Option<String> {
    match place {
        In::Url => None,
        In::Field if texts.iter().any(|text| text.contains(' ')) => None,
        In::Field => Some(texts.join(" ")),
        In::Body => Some(serde_json::Value::from(texts).to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_filled_as_their_place_wants_it() {
        let tags = ["a \"b\"".to_owned(), "ü/c".to_owned()];
        let addresses = [Address { host: Some("shop".to_owned()), path: "/p?q=1".to_owned() }];
        let filling = Filling { token: Some("s3cret"), tags: &tags, addresses: &addresses, is_soft: true };
        let all: Vec<Hole> = Hole::NAMES.iter().map(|(_, hole)| *hole).collect();
        for (text, place, expected) in [
            ("Bearer {token}", In::Field, Some("Bearer s3cret")),
            ("/purge/{tag}", In::Url, Some("/purge/a%20%22b%22")),
            ("https://{host}{path}", In::Url, Some("https://shop/p?q=1")),
            ("?u={url}", In::Url, Some("?u=https%3A%2F%2Fshop%2Fp%3Fq%3D1")),
            ("{\"t\": {tags}, \"one\": \"{tag}\"}", In::Body, Some(r#"{"t": ["a \"b\"","ü/c"], "one": "a \"b\""}"#)),
            ("{\"soft\": {soft}, {}", In::Body, Some("{\"soft\": true, {}")),
            ("{prefixes} {urls}", In::Body, Some(r#"["shop/p?q=1"] ["https://shop/p?q=1"]"#)),
            ("{prefix}", In::Field, Some("shop/p?q=1")),
            ("{tags}", In::Url, None),
            ("{tags}", In::Field, None),
            ("{", In::Body, Some("{")),
        ] {
            let filled = Template::parse(text, &all).unwrap().fill(&filling, place);
            assert_eq!(filled.as_deref(), expected, "{text}");
        }
        let nothing = Filling { token: None, tags: &[], addresses: &[], is_soft: false };
        for text in ["{token}", "{tag}", "{url}", "{host}", "{path}"] {
            assert_eq!(Template::parse(text, &all).unwrap().fill(&nothing, In::Url), None, "{text}");
        }
    }

    #[test]
    fn a_hole_that_means_nothing_is_refused() {
        for text in ["{tagg}", "{url}", "a{token}b"] {
            assert!(Template::parse(text, &[Hole::Tag]).is_err(), "{text}");
        }
    }
}
