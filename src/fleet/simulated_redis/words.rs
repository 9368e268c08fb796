//! The words of a command, and how Redis refuses one.

use crate::fleet::link::LinkError;
use crate::fleet::redis_link::failure_of;
use redis::{Arg, Cmd, Value};
use std::str::FromStr;

/// What Redis answers: a value or an error reply.
pub(super) type Reply = Result<Value, Refusal>;

/// An error reply: its code and its text, as Redis sends them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refusal(&'static str);

impl Refusal {
    /// The reply `-<line>`.
    pub(super) const fn of(line: &'static str) -> Self {
        Self(line)
    }

    /// The error that a client makes of it: through its own parser, so that the code is where it always is.
    pub(super) fn into_error(self) -> LinkError {
        let parsed = redis::parse_redis_value(format!("-{}\r\n", self.0).as_bytes());
        let cause = parsed.and_then(Value::extract_error).expect_err("an error reply is an error");
        LinkError { failure: failure_of(&cause), cause: Some(cause) }
    }
}

/// A command, word by word. Words that no caller of ours should write panic: a simulation that guesses proves nothing.
#[derive(Debug)]
pub(super) struct Words(Vec<Vec<u8>>);

impl Words {
    pub(super) fn of(command: &Cmd) -> Self {
        let word = |arg: Arg<&[u8]>| match arg {
            Arg::Simple(word) => word.to_vec(),
            _ => panic!("no command with a cursor is simulated"),
        };
        Self(command.args_iter().map(word).collect())
    }

    /// The command's name.
    pub(super) fn name(&self) -> String {
        self.option(0)
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    pub(super) fn at(&self, place: usize) -> &[u8] {
        self.0.get(place).unwrap_or_else(|| panic!("{self} has no word {place}"))
    }

    /// A word that means the same in upper and lower case.
    pub(super) fn option(&self, place: usize) -> String {
        String::from_utf8_lossy(self.at(place)).to_ascii_uppercase()
    }

    pub(super) fn number<T: FromStr>(&self, place: usize) -> Result<T, Refusal> {
        let text = String::from_utf8_lossy(self.at(place));
        text.parse().map_err(|_| Refusal::of("ERR value is not an integer or out of range"))
    }

    /// The words from `place` on.
    pub(super) fn from(&self, place: usize) -> impl Iterator<Item = &[u8]> {
        assert!(place < self.count(), "{self} has no word {place}");
        self.0[place..].iter().map(Vec::as_slice)
    }

    /// The words from `place` on, two by two.
    pub(super) fn pairs_from(&self, place: usize) -> impl Iterator<Item = (&[u8], &[u8])> {
        assert!(place < self.count() && (self.count() - place).is_multiple_of(2), "{self} has half a pair");
        self.0[place..].chunks_exact(2).map(|pair| (pair[0].as_slice(), pair[1].as_slice()))
    }

    /// Ends the test: nobody has taught the simulation this command.
    pub(super) fn unknown(&self) -> ! {
        panic!("not simulated: {self}")
    }
}

impl std::fmt::Display for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words: Vec<_> = self.0.iter().map(|word| String::from_utf8_lossy(word)).collect();
        f.write_str(&words.join(" "))
    }
}

/// Bytes in a reply.
pub(super) fn bulk(bytes: &[u8]) -> Value {
    Value::BulkString(bytes.to_owned())
}

/// A count in a reply.
pub(super) fn count(count: usize) -> Value {
    Value::Int(i64::try_from(count).expect("nothing is counted that far"))
}
