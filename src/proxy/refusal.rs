//! Why a request never reaches the handler: it breaks the grammar or the framing of HTTP/1.1 (RFC 9112), or a limit.

use crate::semantics::reason::labelled;
use http::StatusCode;

macro_rules! refusals {
    ($($variant:ident $status:ident $label:literal $explanation:literal,)+) => {
        labelled! {
            /// Why a request was refused before any of it was handed on.
            Refusal { $($variant $label $explanation,)+ }
        }

        impl Refusal {
            /// The status of the answer.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)+ }
            }
        }
    };
}

refusals! {
    // The request line, RFC 9112 section 3.
    EmptyLines BAD_REQUEST "empty-lines" "More than one empty line stands before the request line.",
    Tls BAD_REQUEST "tls" "TLS was spoken to a port that speaks HTTP in clear text.",
    RequestLine BAD_REQUEST "request-line" "The request line is not a method, a target and a version with one space between.",
    Method BAD_REQUEST "method" "The method is not a token.",
    Connect NOT_IMPLEMENTED "connect" "CONNECT is not offered here, but for WebSockets over HTTP/2 and HTTP/3.",
    Target BAD_REQUEST "target" "The request target is in no form that a server takes, or holds a character that no target may hold.",
    TargetTooLong URI_TOO_LONG "target-too-long" "The request target is longer than the limit.",
    Version HTTP_VERSION_NOT_SUPPORTED "version" "The version of HTTP is not one that is spoken here.",
    // Lines and fields, RFC 9112 sections 2.2 and 5.
    BareLineFeed BAD_REQUEST "bare-line-feed" "A line ends with a line feed alone.",
    BareCarriageReturn BAD_REQUEST "bare-carriage-return" "A carriage return stands without a line feed.",
    LineFolding BAD_REQUEST "line-folding" "A field is folded over several lines.",
    SpaceBeforeColon BAD_REQUEST "space-before-colon" "White space stands between a field's name and its colon.",
    FieldName BAD_REQUEST "field-name" "A field's name is not a token followed by a colon.",
    FieldValue BAD_REQUEST "field-value" "A field's value holds a control character.",
    HeadTooLarge REQUEST_HEADER_FIELDS_TOO_LARGE "head-too-large" "The request's head is larger than the limit.",
    TooManyFields REQUEST_HEADER_FIELDS_TOO_LARGE "too-many-fields" "The request has more field lines than the limit.",
    // Host, RFC 9112 section 3.2.
    HostMissing BAD_REQUEST "host-missing" "The request has no Host field.",
    HostRepeated BAD_REQUEST "host-repeated" "The request has more than one Host field.",
    HostInvalid BAD_REQUEST "host-invalid" "The Host field is not a host with an optional port.",
    Misdirected MISDIRECTED_REQUEST "misdirected" "The request is for another host than the connection, which was opened with a client's certificate.",
    // Framing, RFC 9112 sections 6 and 7.1.
    ContentLength BAD_REQUEST "content-length" "The Content-Length is not one number of octets.",
    ContentLengthRepeated BAD_REQUEST "content-length-repeated" "The request has more than one Content-Length.",
    LengthAndEncoding BAD_REQUEST "length-and-transfer-encoding" "The request has both Content-Length and Transfer-Encoding.",
    TransferEncoding BAD_REQUEST "transfer-encoding" "The Transfer-Encoding is not exactly `chunked`, once.",
    TransferEncodingVersion BAD_REQUEST "transfer-encoding-version" "HTTP/1.0 has no Transfer-Encoding.",
    ChunkSize BAD_REQUEST "chunk-size" "A chunk's size is not a bounded hexadecimal number on a line of its own.",
    ChunkExtension BAD_REQUEST "chunk-extension" "A chunk's extension is too long or holds a control character.",
    ChunkEnd BAD_REQUEST "chunk-end" "A chunk's data is not followed by an end of line.",
    Trailer BAD_REQUEST "trailer" "The trailer section is malformed, too large, or names a field that may not stand there.",
    // Time.
    HeadTimeout REQUEST_TIMEOUT "head-timeout" "The request's head did not arrive in time.",
    BodyTimeout REQUEST_TIMEOUT "body-timeout" "The request's body stopped arriving.",
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn labels_are_unique_tokens_and_statuses_are_errors() {
        let mut seen = HashSet::new();
        for refusal in Refusal::ALL {
            assert!(seen.insert(refusal.label()), "{refusal:?} repeats a label");
            assert!(refusal.label().bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{refusal:?}");
            assert!(refusal.status().is_client_error() || refusal.status().is_server_error(), "{refusal:?}");
        }
    }
}
