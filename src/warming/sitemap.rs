//! Sitemaps: what their XML, or their plain text, names. <https://www.sitemaps.org/protocol.html>
//!
//! What is read comes from elsewhere: its length is bounded, also once it is inflated, and so are the URLs that it names.

use crate::rules::warm_url::URL_BYTES_MAX;
use flate2::read::MultiGzDecoder;
use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use std::io::Read;

/// The largest sitemap that is read, inflated, in bytes: as much as the protocol allows.
pub(crate) const SITEMAP_BYTES_MAX: u64 = 50 << 20;

/// How many URLs one may name: as many as the protocol allows.
const URLS_MAX: usize = 50_000;

/// How deep elements may be nested.
const DEPTH_MAX: usize = 32;

/// What a sitemap names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sitemap {
    /// Pages.
    Urls(Vec<String>),
    /// Further sitemaps.
    Index(Vec<String>),
}

/// Why a text is no sitemap.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SitemapError {
    #[error("it has more than {SITEMAP_BYTES_MAX} bytes")]
    TooLarge,
    #[error("it names more than {URLS_MAX} URLs")]
    TooMany,
    #[error("it is neither a urlset nor a sitemapindex, nor a list of URLs")]
    Other,
    #[error("it cannot be read: {0}")]
    Damaged(String),
}

/// Reads a sitemap, gzipped or not.
///
/// # Errors
/// Where it is none, or too large.
pub(crate) fn read(bytes: &[u8]) -> Result<Sitemap, SitemapError> {
    let is_gzipped = bytes.starts_with(&[0x1f, 0x8b]);
    let input: Box<dyn Read + '_> = if is_gzipped { Box::new(MultiGzDecoder::new(bytes)) } else { Box::new(bytes) };
    let mut text = String::new();
    input
        .take(SITEMAP_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .map_err(|error| SitemapError::Damaged(error.to_string()))?;
    if text.len() as u64 > SITEMAP_BYTES_MAX {
        return Err(SitemapError::TooLarge);
    }
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if text.starts_with('<') { xml(text) } else { plain(text) }
}

fn plain(text: &str) -> Result<Sitemap, SitemapError> {
    let mut urls = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if !line.starts_with("http://") && !line.starts_with("https://") {
            return Err(SitemapError::Other);
        }
        push(&mut urls, line)?;
    }
    if urls.is_empty() { Err(SitemapError::Other) } else { Ok(Sitemap::Urls(urls)) }
}

fn push(urls: &mut Vec<String>, url: &str) -> Result<(), SitemapError> {
    if urls.len() >= URLS_MAX {
        return Err(SitemapError::TooMany);
    }
    urls.push(url.to_owned());
    Ok(())
}

/// Reads `loc` within `url` or `sitemap` within the root, each with the root's prefix, if any: an `image:loc` is no page.
fn xml(text: &str) -> Result<Sitemap, SitemapError> {
    let damaged = |error: &dyn std::fmt::Display| SitemapError::Damaged(error.to_string());
    let mut reader = Reader::from_str(text);
    let (mut path, mut urls, mut loc) = (Vec::<String>::new(), Vec::new(), String::new());
    let mut root = None;
    loop {
        let event = reader.read_event().map_err(|error| damaged(&error))?;
        let within = root.filter(|root: &Root| root.is_loc(&path));
        match event {
            Event::Start(start) if path.is_empty() && root.is_some() => return Err(damaged(&start_again(&start))),
            Event::Start(_) if path.len() >= DEPTH_MAX => return Err(damaged(&"it is nested too deeply")),
            Event::Start(start) => {
                if path.is_empty() {
                    root = Some(Root::of(&start)?);
                }
                path.push(start.name().as_ref().to_owned());
                loc.clear();
            }
            Event::Empty(start) if path.is_empty() && root.is_none() => root = Some(Root::of(&start)?),
            Event::Text(text) if within.is_some() => loc.push_str(&text.xml10_content()),
            Event::CData(text) if within.is_some() => loc.push_str(&text.xml10_content()),
            Event::GeneralRef(entity) if within.is_some() => loc.push(character(&entity)?),
            Event::End(_) => {
                if within.is_some() {
                    push(&mut urls, loc.trim())?;
                }
                path.pop();
            }
            Event::Eof => break,
            _ => {}
        }
        if loc.len() > 2 * URL_BYTES_MAX {
            return Err(damaged(&"a loc is longer than any URL"));
        }
    }
    if !path.is_empty() {
        return Err(damaged(&"it ends too early"));
    }
    match root.map(|root| root.kind) {
        Some(RootKind::Index) => Ok(Sitemap::Index(urls)),
        Some(RootKind::Pages) => Ok(Sitemap::Urls(urls)),
        None => Err(SitemapError::Other),
    }
}

fn start_again(start: &BytesStart<'_>) -> String {
    format!("a second root, `{}`", start.name().as_ref())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RootKind {
    Pages,
    Index,
}

/// The root element: what kind it is, and with which prefix.
#[derive(Debug, Clone, Copy)]
struct Root {
    kind: RootKind,
    prefix_bytes: usize,
}

impl Root {
    fn of(start: &BytesStart<'_>) -> Result<Self, SitemapError> {
        let kind = match start.local_name().as_ref() {
            "urlset" => RootKind::Pages,
            "sitemapindex" => RootKind::Index,
            _ => return Err(SitemapError::Other),
        };
        let prefix_bytes = start.name().as_ref().len() - start.local_name().as_ref().len();
        Ok(Self { kind, prefix_bytes })
    }

    /// Whether this is the path of a `loc` that names a page or a sitemap.
    fn is_loc(&self, path: &[String]) -> bool {
        let [root, item, loc] = path else { return false };
        let prefix = root.get(..self.prefix_bytes).unwrap_or_default();
        let wanted = if self.kind == RootKind::Index { "sitemap" } else { "url" };
        item.strip_prefix(prefix) == Some(wanted) && loc.strip_prefix(prefix) == Some("loc")
    }
}

/// What a reference such as `&amp;` or `&#38;` stands for.
fn character(entity: &BytesRef<'_>) -> Result<char, SitemapError> {
    let damaged = |why: String| SitemapError::Damaged(why);
    if let Some(character) = entity.resolve_char_ref().map_err(|error| damaged(error.to_string()))? {
        return Ok(character);
    }
    let name = entity.xml10_content();
    let known = resolve_predefined_entity(&name).and_then(|text| text.chars().next());
    known.ok_or_else(|| damaged(format!("`&{name};` is unknown")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write as _;

    fn urls(text: &str) -> Vec<String> {
        match read(text.as_bytes()).unwrap() {
            Sitemap::Urls(urls) => urls,
            Sitemap::Index(_) => panic!("it is an index"),
        }
    }

    #[test]
    fn pages_are_read_with_entities_and_without_what_is_no_page() {
        let text = "\u{feff}<?xml version=\"1.0\"?>\n<!-- pages -->\n<urlset xmlns=\"x\" xmlns:image=\"y\">\
            <url><loc> http://shop/a?x=1&amp;y=&#50; </loc><lastmod>2026-01-01</lastmod>\
            <image:image><image:loc>http://shop/a.jpg</image:loc></image:image></url>\
            <url><loc><![CDATA[http://shop/b]]></loc></url></urlset>";
        assert_eq!(urls(text), ["http://shop/a?x=1&y=2", "http://shop/b"]);
        let prefixed = "<s:urlset><s:url><s:loc>http://shop/c</s:loc><loc>http://no/</loc></s:url></s:urlset>";
        assert_eq!(urls(prefixed), ["http://shop/c"]);
        assert_eq!(urls("http://shop/a\r\n\nhttps://shop/b\n"), ["http://shop/a", "https://shop/b"]);
        assert_eq!(urls("<urlset/>"), Vec::<String>::new());
    }

    #[test]
    fn an_index_names_sitemaps_and_a_gzipped_one_is_inflated() {
        let index = "<sitemapindex><sitemap><loc>http://shop/1.xml.gz</loc></sitemap></sitemapindex>";
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(index.as_bytes()).unwrap();
        let expected = Sitemap::Index(vec!["http://shop/1.xml.gz".to_owned()]);
        for bytes in [index.as_bytes().to_vec(), gzip.finish().unwrap()] {
            assert_eq!(read(&bytes).unwrap(), expected);
        }
    }

    #[test]
    fn what_is_no_sitemap_or_too_large_is_refused_whole() {
        let too_many = "http://shop/\n".repeat(URLS_MAX + 1);
        let long = format!("<urlset><url><loc>{}</loc></url></urlset>", "x".repeat(3 * URL_BYTES_MAX));
        for (text, why) in [
            ("", "neither"),
            ("hello", "neither"),
            ("<html><url><loc>http://shop/</loc></url></html>", "neither"),
            ("<urlset><url><loc>http://shop/", "cannot be read"),
            ("<urlset><url></urlset>", "cannot be read"),
            ("<urlset></urlset><urlset></urlset>", "second root"),
            ("<urlset><url><loc>&nope;</loc></url></urlset>", "unknown"),
            (&"<urlset>".repeat(100), "deeply"),
            (&too_many, "more than 50000"),
            (&long, "longer than any URL"),
        ] {
            let error = read(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(why), "{error} for {}", &text[..text.len().min(60)]);
        }
        assert!(read(&[0x1f, 0x8b, 1, 2, 3]).is_err());
        let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
        bomb.write_all(&vec![b' '; usize::try_from(SITEMAP_BYTES_MAX).unwrap() + 1]).unwrap();
        assert!(matches!(read(&bomb.finish().unwrap()), Err(SitemapError::TooLarge)));
    }
}
