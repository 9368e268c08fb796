//! Secrets that lie in files, a line each, and are read again whenever they are needed: what is renewed counts at once.

use std::io;
use std::path::Path;

/// A secret is no longer, in bytes.
const BYTES_MAX: u64 = 8 << 10;

/// The text of a file that holds a secret.
///
/// # Errors
/// Where the file can't be read.
pub(crate) fn read(file: &Path) -> io::Result<String> {
    use std::io::Read as _;
    let mut text = String::new();
    std::fs::File::open(file)?.take(BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

/// The token that is in a file now; `None` if there is none that can stand in a header.
pub(crate) fn token_in(file: &Path) -> Option<String> {
    let text = read(file).ok()?;
    Some(text.trim().to_owned()).filter(|token| is_token(token))
}

/// Whether a text can stand in a header: a line of visible ASCII characters.
#[must_use]
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}
