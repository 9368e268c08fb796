//! `[[warm]]`, raw. The documentation of each key is its description in the JSON Schema.

use super::table::raw_table;
use super::values::{DurationText, Texts};

raw_table! {
    /// What is fetched before anyone asks. One of `urls`, `sitemap`, `log` and `top` says what; only what is not fresh is
    /// fetched, and clients go first.
    struct RawWarm {
        /// URLs, absolute or beginning with "/" under `host`.
        urls: Texts,
        /// The URL of a sitemap or of a sitemap index, read through Larder itself; or its path, under `host`.
        sitemap: String,
        /// An access log, Larder's or in the common or combined format, gzipped or not: what it names most often is
        /// warmed, 1000 URLs or as many as `top` says. The path is relative to the rules file.
        log: String,
        /// How many of the URLs that a log names most often; without `log`, how many of those that are asked for most, or
        /// were before the stop (with `memory.snapshot`).
        top: u64,
        /// Where paths without a host belong: "shop.example.com", "https://shop.example.com". Default:
        /// `listen.default_host`.
        host: String,
        /// How often it is done: "10m".
        every: DurationText,
        /// Whether it is done at the start; the instance is ready after it, or after 30 seconds. Default: false.
        at_start: bool,
        /// How many are fetched at once, 1 to 64. Default: 4.
        concurrent: u64,
        /// How many are fetched in a time, on average: "50/s", "300/m", "1000/h". Not set: as fast as the upstream answers.
        rate: String,
    }
}
