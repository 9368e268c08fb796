//! Files of lines: plain or gzipped, or standard input, with what is damaged counted and named.

use super::{Line, Recorded, read};
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

/// The longest line that is read, in bytes.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// How much is read of a file at once, in bytes.
const BUFFER_BYTES: usize = 256 * 1024;

/// How many damaged lines are named.
const DAMAGED_NAMED: usize = 5;

/// What standard input is called.
const STANDARD_INPUT: &str = "-";

/// A file of lines, unpacked.
pub(crate) struct Lines<'a> {
    /// The file as it is shown to people.
    pub(crate) name: String,
    /// What is in it.
    pub(crate) input: Box<dyn BufRead + 'a>,
}

/// A file that can't be read.
#[derive(Debug, thiserror::Error)]
#[error("{name} cannot be read")]
pub(crate) struct LogError {
    name: String,
    #[source]
    cause: io::Error,
}

impl LogError {
    /// Of the file that is shown so.
    pub(crate) fn new(name: &str, cause: io::Error) -> Self {
        Self { name: name.to_owned(), cause }
    }
}

/// Whether a line says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineRead {
    /// It does, or nothing was expected of it.
    Whole,
    /// It is no line of a log.
    Damaged,
}

/// What was found in all files so far that is no line of a log.
#[derive(Debug, Default)]
pub(crate) struct Logs {
    /// How many lines.
    pub(crate) damaged: u64,
    /// The first of them, by file and line.
    pub(crate) damaged_named: Vec<String>,
}

/// Opens a file, or standard input.
///
/// # Errors
/// Where it can't be read.
pub(crate) fn open(name: &str) -> Result<Lines<'static>, LogError> {
    let shown = if name == STANDARD_INPUT { "standard input" } else { name };
    let input: Box<dyn Read> = match name {
        STANDARD_INPUT => Box::new(io::stdin().lock()),
        path => Box::new(File::open(path).map_err(|cause| LogError::new(shown, cause))?),
    };
    Lines::new(shown, input)
}

impl<'a> Lines<'a> {
    /// What is in `input`, which may be gzipped.
    ///
    /// # Errors
    /// Where it can't be read.
    pub(crate) fn new(name: &str, input: impl Read + 'a) -> Result<Self, LogError> {
        let mut input = BufReader::with_capacity(BUFFER_BYTES, input);
        let begins = input.fill_buf().map_err(|cause| LogError::new(name, cause))?;
        let input: Box<dyn BufRead> = if begins.starts_with(&[0x1f, 0x8b]) {
            Box::new(BufReader::with_capacity(BUFFER_BYTES, MultiGzDecoder::new(input)))
        } else {
            Box::new(input)
        };
        Ok(Self { name: name.to_owned(), input })
    }
}

impl Logs {
    /// How many lines could not be read, and the first of them; `None` if all could.
    pub(crate) fn complaint(&self) -> Option<String> {
        let named = self.damaged_named.join(", ");
        let more = if self.damaged > self.damaged_named.len() as u64 { " and more" } else { "" };
        let plural = if self.damaged == 1 { "" } else { "s" };
        (self.damaged > 0).then(|| format!("{} line{plural} could not be read: {named}{more}", self.damaged))
    }

    /// The requests of a file, in the order of its lines.
    ///
    /// # Errors
    /// Where it can't be read.
    pub(crate) fn read(&mut self, lines: Lines<'_>, mut request: impl FnMut(Recorded<'_>)) -> Result<(), LogError> {
        self.lines(lines, |line| {
            match read(line) {
                Line::Request(recorded) => request(recorded),
                Line::Other => {}
                Line::Damaged => return Ok(LineRead::Damaged),
            }
            Ok::<_, LogError>(LineRead::Whole)
        })
    }

    /// The lines of a file; those that are too long are damaged, and are not shown to `line`.
    ///
    /// # Errors
    /// Where it can't be read, or `line` fails.
    pub(crate) fn lines<E: From<LogError>>(
        &mut self,
        lines: Lines<'_>,
        mut line: impl FnMut(&[u8]) -> Result<LineRead, E>,
    ) -> Result<(), E> {
        let Lines { name, mut input } = lines;
        let failed = |cause| LogError::new(&name, cause);
        let mut bytes = Vec::new();
        for number in 1.. {
            bytes.clear();
            (&mut input).take(LINE_BYTES_MAX as u64).read_until(b'\n', &mut bytes).map_err(failed)?;
            if bytes.is_empty() {
                break;
            }
            let is_whole = bytes.ends_with(b"\n") || bytes.len() < LINE_BYTES_MAX;
            if !is_whole {
                input.skip_until(b'\n').map_err(failed)?;
            }
            if !is_whole || line(&bytes)? == LineRead::Damaged {
                self.damaged += 1;
                if self.damaged_named.len() < DAMAGED_NAMED {
                    self.damaged_named.push(format!("{name}:{number}"));
                }
            }
        }
        Ok(())
    }
}
