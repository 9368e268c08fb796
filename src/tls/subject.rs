//! Whom a certificate names, as one line of text.

use rustls::pki_types::CertificateDer;
use std::fmt::Write as _;
use x509_parser::prelude::{AttributeTypeAndValue, FromDer, X509Certificate};

/// The names of attributes that RFC 4514 section 3 has short ones for; others are written as their numbers.
const SHORT_NAMES: [(&str, &str); 9] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.6", "C"),
    ("2.5.4.9", "STREET"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("0.9.2342.19200300.100.1.1", "UID"),
];

/// The subject of a certificate as RFC 4514 writes it, in ASCII: `CN=shop-7,O=Shop`. `None` if it can't be read.
#[must_use]
pub(crate) fn subject(certificate: &CertificateDer<'_>) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let mut sets: Vec<String> = Vec::new();
    for set in certificate.subject().iter_rdn() {
        sets.push(set.iter().map(attribute).collect::<Vec<_>>().join("+"));
    }
    sets.reverse();
    Some(sets.join(","))
}

fn attribute(attribute: &AttributeTypeAndValue<'_>) -> String {
    let id = attribute.attr_type().to_id_string();
    let name = SHORT_NAMES.iter().find(|(known, _)| *known == id).map_or(id.as_str(), |(_, name)| name);
    format!("{name}={}", escaped(attribute.as_slice()))
}

/// RFC 4514 section 2.4. Whatever is not plain ASCII is written as its bytes.
fn escaped(value: &[u8]) -> String {
    let mut text = String::new();
    for (at, byte) in value.iter().enumerate() {
        let is_edge = at == 0 || at + 1 == value.len();
        match byte {
            b'"' | b'+' | b',' | b';' | b'<' | b'>' | b'\\' | b'=' => text.extend(['\\', char::from(*byte)]),
            b' ' if is_edge => text.push_str("\\ "),
            b'#' if at == 0 => text.push_str("\\#"),
            b' '..=b'~' => text.push(char::from(*byte)),
            // Writing to a string does not fail.
            other => drop(write!(text, "\\{other:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

    #[test]
    fn a_subject_is_one_line_of_ascii_that_no_name_can_forge() {
        for (organization, name, expected) in [
            ("Shop", "till-7", "CN=till-7,O=Shop"),
            ("A, B", "x,CN=admin", "CN=x\\,CN\\=admin,O=A\\, B"),
            (" edge ", "#1", "CN=\\#1,O=\\ edge\\ "),
            ("Müller", "a\r\nX: y", "CN=a\\0D\\0AX: y,O=M\\C3\\BCller"),
        ] {
            let mut params = CertificateParams::default();
            params.distinguished_name = DistinguishedName::new();
            params.distinguished_name.push(DnType::OrganizationName, organization);
            params.distinguished_name.push(DnType::CommonName, name);
            let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
            assert_eq!(subject(certificate.der()).as_deref(), Some(expected));
        }
    }
}
