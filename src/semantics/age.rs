//! The Age field: RFC 9111 section 5.1, with the delta-seconds of section 1.2.2.
