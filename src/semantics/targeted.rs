//! Targeted cache control: RFC 9213 (CDN-Cache-Control), with the structured fields of RFC 9651.
