//! What is to be warmed, gathered from files: lists of URLs, sitemaps, access logs; plain or gzipped.

use super::sitemap::{self, SITEMAP_BYTES_MAX, Sitemap, SitemapError};
use crate::recorded::{LINE_BYTES_MAX, Line, read};
use flate2::read::MultiGzDecoder;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

/// How many different URLs are counted.
const URLS_MAX: usize = 5_000_000;

/// How many damaged lines are named.
const DAMAGED_NAMED: usize = 5;

/// What standard input is called.
const STANDARD_INPUT: &str = "-";

/// Why what is in a file can't be warmed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GatherError {
    #[error("{name} cannot be read")]
    Io {
        name: String,
        #[source]
        cause: io::Error,
    },
    #[error("{name} is no sitemap")]
    Sitemap {
        name: String,
        #[source]
        cause: SitemapError,
    },
    #[error("there are more than {URLS_MAX} different URLs: warm from a shorter log")]
    TooMany,
}

/// What was found in all files so far.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    /// How often each URL was found, and when it was first.
    urls: HashMap<String, (u64, usize)>,
    /// Sitemaps that an index names.
    pub(crate) sitemaps: Vec<String>,
    /// Requests of a log that are not warmed: other methods, and answers that were no success.
    pub(crate) passed_over: u64,
    pub(crate) damaged: u64,
    /// The first of them, by file and line.
    pub(crate) damaged_named: Vec<String>,
}

impl Gathered {
    /// A URL, once more.
    ///
    /// # Errors
    /// Where there are too many different ones.
    pub(crate) fn add(&mut self, url: String) -> Result<(), GatherError> {
        let place = self.urls.len();
        if place >= URLS_MAX && !self.urls.contains_key(&url) {
            return Err(GatherError::TooMany);
        }
        self.urls.entry(url).or_insert((0, place)).0 += 1;
        Ok(())
    }

    /// The different URLs, the one found most often first; of those found as often, the one found first.
    pub(crate) fn by_count(&self, top: Option<usize>) -> Vec<String> {
        let mut all: Vec<_> = self.urls.iter().collect();
        all.sort_by_key(|(_, (count, place))| (std::cmp::Reverse(*count), *place));
        all.into_iter().take(top.unwrap_or(usize::MAX)).map(|(url, _)| url.clone()).collect()
    }

    /// Reads a file, or standard input.
    ///
    /// # Errors
    /// Where it can't be read, or is a sitemap that can't.
    pub(crate) fn file(&mut self, name: &str, scheme: &str) -> Result<(), GatherError> {
        let shown = if name == STANDARD_INPUT { "standard input" } else { name };
        let input: Box<dyn Read> = match name {
            STANDARD_INPUT => Box::new(io::stdin().lock()),
            path => Box::new(File::open(path).map_err(|cause| failed(shown, cause))?),
        };
        self.read(input, shown, scheme)
    }

    fn read(&mut self, input: Box<dyn Read + '_>, name: &str, scheme: &str) -> Result<(), GatherError> {
        let mut input = BufReader::new(input);
        let is_gzipped = input.fill_buf().map_err(|cause| failed(name, cause))?.starts_with(&[0x1f, 0x8b]);
        let inflated: Box<dyn Read + '_> =
            if is_gzipped { Box::new(MultiGzDecoder::new(input)) } else { Box::new(input) };
        let mut input = BufReader::new(inflated);
        let begins = input.fill_buf().map_err(|cause| failed(name, cause))?.trim_ascii_start();
        let begins = begins.strip_prefix(b"\xef\xbb\xbf").unwrap_or(begins);
        if begins.starts_with(b"<") { self.sitemap(input, name) } else { self.lines(input, name, scheme) }
    }

    fn sitemap(&mut self, input: impl Read, name: &str) -> Result<(), GatherError> {
        let mut bytes = Vec::new();
        input.take(SITEMAP_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|cause| failed(name, cause))?;
        match sitemap::read(&bytes).map_err(|cause| GatherError::Sitemap { name: name.to_owned(), cause })? {
            Sitemap::Urls(urls) => urls.into_iter().try_for_each(|url| self.add(url)),
            Sitemap::Index(sitemaps) => {
                self.sitemaps.extend(sitemaps);
                Ok(())
            }
        }
    }

    fn lines(&mut self, mut input: impl BufRead, name: &str, scheme: &str) -> Result<(), GatherError> {
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            (&mut input)
                .take(LINE_BYTES_MAX as u64)
                .read_until(b'\n', &mut line)
                .map_err(|cause| failed(name, cause))?;
            if line.is_empty() {
                break;
            }
            let is_whole = line.ends_with(b"\n") || line.len() < LINE_BYTES_MAX;
            if !is_whole {
                input.skip_until(b'\n').map_err(|cause| failed(name, cause))?;
            }
            if !is_whole || self.line(&line, scheme)? == LineRead::Damaged {
                self.damaged += 1;
                if self.damaged_named.len() < DAMAGED_NAMED {
                    self.damaged_named.push(format!("{name}:{number}"));
                }
            }
        }
        Ok(())
    }

    fn line(&mut self, line: &[u8], scheme: &str) -> Result<LineRead, GatherError> {
        let text = std::str::from_utf8(line).unwrap_or_default().trim();
        if ["/", "http://", "https://"].iter().any(|begin| text.starts_with(begin)) && !text.contains(' ') {
            self.add(text.to_owned())?;
            return Ok(LineRead::Whole);
        }
        let recorded = match read(line) {
            Line::Damaged => return Ok(LineRead::Damaged),
            Line::Other => return Ok(LineRead::Whole),
            Line::Request(recorded) => recorded,
        };
        let is_success = recorded.status.is_some_and(|status| status < 400);
        if !matches!(recorded.method.as_ref(), "GET" | "HEAD") || !is_success {
            self.passed_over += 1;
            return Ok(LineRead::Whole);
        }
        self.add(match recorded.host {
            Some(host) if recorded.target.starts_with('/') => format!("{scheme}://{host}{}", recorded.target),
            _ => recorded.target.into_owned(),
        })?;
        Ok(LineRead::Whole)
    }
}

fn failed(name: &str, cause: io::Error) -> GatherError {
    GatherError::Io { name: name.to_owned(), cause }
}

#[derive(Debug, PartialEq, Eq)]
enum LineRead {
    Whole,
    Damaged,
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write as _;

    fn gathered(text: &[u8]) -> Gathered {
        let mut gathered = Gathered::default();
        gathered.read(Box::new(text), "log", "https").unwrap();
        gathered
    }

    #[test]
    fn urls_come_in_the_order_of_how_often_they_were_asked_for() {
        let log = br#"
192.0.2.7 - - [x] "GET /once HTTP/1.1" 200 1
192.0.2.7 - - [x] "GET /often HTTP/1.1" 200 1
192.0.2.7 - - [x] "POST /often HTTP/1.1" 200 1
this is no line
192.0.2.7 - - [x] "HEAD /often HTTP/1.1" 304 1
192.0.2.7 - - [x] "GET /gone HTTP/1.1" 404 1
{"message":"request","method":"GET","target":"/json","status":200,"host":"shop"}
{"message":"the rules were reloaded"}"#;
        let found = gathered(log);
        assert_eq!(found.by_count(None), ["/often", "/once", "https://shop/json"]);
        assert_eq!(found.by_count(Some(1)), ["/often"]);
        assert_eq!((found.passed_over, found.damaged), (2, 1));
        assert_eq!(found.damaged_named, ["log:5"]);
    }

    #[test]
    fn lists_of_urls_and_sitemaps_are_told_apart_by_how_they_begin() {
        assert_eq!(gathered(b"/a\nhttp://shop/b\r\n/a").by_count(None), ["/a", "http://shop/b"]);
        let sitemap = b"\xef\xbb\xbf<urlset><url><loc>http://shop/c</loc></url></urlset>";
        assert_eq!(gathered(sitemap).by_count(None), ["http://shop/c"]);
        let index = b"\n<sitemapindex><sitemap><loc>http://shop/1.xml</loc></sitemap></sitemapindex>";
        assert_eq!(gathered(index).sitemaps, ["http://shop/1.xml"]);
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(b"/a\n/b\n").unwrap();
        assert_eq!(gathered(&gzip.finish().unwrap()).by_count(None), ["/a", "/b"]);
    }

    #[test]
    fn a_line_that_is_too_long_is_damaged_and_the_next_is_read() {
        let text = [b"/".repeat(3 * LINE_BYTES_MAX).as_slice(), b"\n/a\n"].concat();
        let found = gathered(&text);
        assert_eq!((found.by_count(None), found.damaged), (vec!["/a".to_owned()], 1));
    }
}
