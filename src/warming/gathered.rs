//! What is to be warmed, gathered from files: lists of URLs, sitemaps, access logs; plain or gzipped.

use super::sitemap::{self, SITEMAP_BYTES_MAX, Sitemap, SitemapError};
use crate::recorded::{Line, LineRead, Lines, LogError, Logs, open, read};
use std::collections::HashMap;
use std::io::{BufRead as _, Read};

/// How many different URLs are counted.
const URLS_MAX: usize = 5_000_000;

/// Why what is in a file can't be warmed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GatherError {
    #[error(transparent)]
    Log(#[from] LogError),
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
    pub(crate) logs: Logs,
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
        self.read(open(name)?, scheme)
    }

    fn read(&mut self, mut lines: Lines<'_>, scheme: &str) -> Result<(), GatherError> {
        let begins = lines.input.fill_buf().map_err(|cause| LogError::new(&lines.name, cause))?.trim_ascii_start();
        let begins = begins.strip_prefix(b"\xef\xbb\xbf").unwrap_or(begins);
        if begins.starts_with(b"<") {
            return self.sitemap(lines);
        }
        let mut logs = std::mem::take(&mut self.logs);
        let read = logs.lines(lines, |line| self.line(line, scheme));
        self.logs = logs;
        read
    }

    fn sitemap(&mut self, lines: Lines<'_>) -> Result<(), GatherError> {
        let Lines { name, input } = lines;
        let mut bytes = Vec::new();
        input.take(SITEMAP_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|cause| LogError::new(&name, cause))?;
        match sitemap::read(&bytes).map_err(|cause| GatherError::Sitemap { name, cause })? {
            Sitemap::Urls(urls) => urls.into_iter().try_for_each(|url| self.add(url)),
            Sitemap::Index(sitemaps) => {
                self.sitemaps.extend(sitemaps);
                Ok(())
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write as _;

    fn gathered(text: &[u8]) -> Gathered {
        let mut gathered = Gathered::default();
        gathered.read(Lines::new("log", text).unwrap(), "https").unwrap();
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
        assert_eq!((found.passed_over, found.logs.damaged), (2, 1));
        assert_eq!(found.logs.damaged_named, ["log:5"]);
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
        let text = [b"/".repeat(200_000).as_slice(), b"\n/a\n"].concat();
        let found = gathered(&text);
        assert_eq!((found.by_count(None), found.logs.damaged), (vec!["/a".to_owned()], 1));
    }
}
