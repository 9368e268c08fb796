//! HTTP dates in all three formats: RFC 9110 section 5.6.7.
//!
//! Strict in form, free in letter case. The weekday must be one, but need not be that of the date: it carries nothing,
//! and clocks that are right about the date and wrong about the day do exist.

use crate::clock::Timestamp;
use http::header::DATE;
use http::{HeaderValue, Response};
use std::cell::RefCell;
use std::time::{Duration, UNIX_EPOCH};

const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const SECS_PER_DAY: u64 = 86_400;
/// 9999-12-31 23:59:59, the last second that four digits of year can name.
const LAST_SECOND: u64 = 253_402_300_799;

/// Reads an HTTP date in any of the three formats, strictly but for letter case.
/// A two-digit year more than 50 years after `now` means the century before. A date before the epoch counts as the epoch.
#[must_use]
pub fn parse_http_date(text: &[u8], now: Timestamp) -> Option<Timestamp> {
    imf_fixdate(text).or_else(|| rfc850_date(text, now)).or_else(|| asctime_date(text))
}

/// Records when a final response without Date was received, for whoever gets it later, from wherever it is kept:
/// RFC 9110 section 6.6.1.
pub(crate) fn record_receipt<B>(response: &mut Response<B>, received_at: Timestamp) {
    if !response.status().is_informational() {
        response.headers_mut().entry(DATE).or_insert_with(|| format_http_date(received_at));
    }
}

/// Writes `at` as an IMF-fixdate.
#[must_use]
pub fn format_http_date(at: Timestamp) -> HeaderValue {
    thread_local! {
        /// Many are written in one second.
        static LAST: RefCell<(u64, HeaderValue)> = const { RefCell::new((u64::MAX, HeaderValue::from_static(""))) };
    }
    let secs = at.as_secs().min(LAST_SECOND);
    LAST.with_borrow_mut(|(last, date)| {
        if *last != secs {
            let text = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(secs));
            *date = HeaderValue::try_from(text).expect("letters, digits and punctuation make a field value");
            *last = secs;
        }
        date.clone()
    })
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`
fn imf_fixdate(text: &[u8]) -> Option<Timestamp> {
    let mut rest = Cursor(text);
    rest.one_of(WEEKDAYS.iter().filter_map(|name| name.get(..3)))?;
    rest.literal(", ")?;
    let day = rest.digits(2)?;
    rest.literal(" ")?;
    let month = rest.month()?;
    rest.literal(" ")?;
    let year = rest.digits(4)?;
    rest.literal(" ")?;
    let time = rest.time_of_day()?;
    rest.literal(" GMT")?;
    rest.end()?;
    timestamp(year, month, day, time)
}

/// `Sunday, 06-Nov-94 08:49:37 GMT`
fn rfc850_date(text: &[u8], now: Timestamp) -> Option<Timestamp> {
    let mut rest = Cursor(text);
    rest.one_of(WEEKDAYS.iter().copied())?;
    rest.literal(", ")?;
    let day = rest.digits(2)?;
    rest.literal("-")?;
    let month = rest.month()?;
    rest.literal("-")?;
    let two_digits = rest.digits(2)?;
    rest.literal(" ")?;
    let time = rest.time_of_day()?;
    rest.literal(" GMT")?;
    rest.end()?;
    let year = year_of_two_digits(two_digits, (month, day, time), now);
    timestamp(year, month, day, time)
}

/// `Sun Nov  6 08:49:37 1994`
fn asctime_date(text: &[u8]) -> Option<Timestamp> {
    let mut rest = Cursor(text);
    rest.one_of(WEEKDAYS.iter().filter_map(|name| name.get(..3)))?;
    rest.literal(" ")?;
    let month = rest.month()?;
    rest.literal(" ")?;
    let day = if rest.literal(" ").is_some() { rest.digits(1)? } else { rest.digits(2)? };
    rest.literal(" ")?;
    let time = rest.time_of_day()?;
    rest.literal(" ")?;
    let year = rest.digits(4)?;
    rest.end()?;
    timestamp(year, month, day, time)
}

/// The latest year that ends in `two_digits` and puts the date no more than 50 years after `now`.
fn year_of_two_digits(two_digits: u64, (month, day, time): (u64, u64, u64), now: Timestamp) -> u64 {
    let secs = now.as_secs().min(LAST_SECOND);
    let (now_year, now_month, now_day) = civil_from_days(secs / SECS_PER_DAY);
    let horizon = (now_year + 50, now_month, now_day, secs % SECS_PER_DAY);
    let latest = horizon.0 - horizon.0 % 100 + two_digits;
    if (latest, month, day, time) > horizon { latest.saturating_sub(100) } else { latest }
}

fn timestamp(year: u64, month: u64, day: u64, time: u64) -> Option<Timestamp> {
    if day == 0 || day > days_in_month(year, month) {
        return None;
    }
    let secs = days_from_civil(year, month, day).saturating_mul(SECS_PER_DAY).saturating_add(time);
    Some(if year < 1970 { Timestamp::EPOCH } else { Timestamp::from_secs(secs) })
}

const fn days_in_month(year: u64, month: u64) -> u64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days from the epoch to a date of the Gregorian calendar; zero for dates before. Years are counted from March, so
/// that the leap day comes last; an era is the 400 years after which the calendar repeats.
const fn days_from_civil(year: u64, month: u64, day: u64) -> u64 {
    let march_year = if month > 2 { year } else { year.saturating_sub(1) };
    let (era, year_of_era) = (march_year / 400, march_year % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + day_of_era).saturating_sub(719_468)
}

/// The inverse of [`days_from_civil`]: year, month, day.
const fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year_of_era + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

/// What is left to read. Each step takes what it names from the front, or fails.
struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn literal(&mut self, expected: &str) -> Option<()> {
        let (front, rest) = self.0.split_at_checked(expected.len())?;
        if !front.eq_ignore_ascii_case(expected.as_bytes()) {
            return None;
        }
        self.0 = rest;
        Some(())
    }

    /// Which of the words stands here, counted from zero.
    fn one_of<'w>(&mut self, mut words: impl Iterator<Item = &'w str>) -> Option<usize> {
        words.position(|word| self.literal(word).is_some())
    }

    fn month(&mut self) -> Option<u64> {
        let index = self.one_of(MONTHS.iter().copied())?;
        u64::try_from(index + 1).ok()
    }

    /// A number of exactly `count` digits.
    fn digits(&mut self, count: usize) -> Option<u64> {
        let (front, rest) = self.0.split_at_checked(count)?;
        if !front.iter().all(u8::is_ascii_digit) {
            return None;
        }
        self.0 = rest;
        Some(front.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
    }

    /// `08:49:37` in seconds; the leap second 60 is allowed.
    fn time_of_day(&mut self) -> Option<u64> {
        let hour = self.digits(2).filter(|&hour| hour < 24)?;
        self.literal(":")?;
        let minute = self.digits(2).filter(|&minute| minute < 60)?;
        self.literal(":")?;
        let second = self.digits(2).filter(|&second| second <= 60)?;
        Some(hour * 3600 + minute * 60 + second)
    }

    const fn end(&self) -> Option<()> {
        if self.0.is_empty() { Some(()) } else { None }
    }
}

#[cfg(test)]
#[path = "date_tests.rs"]
mod tests;
