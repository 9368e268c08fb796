//! The comma-separated directive lists of Cache-Control and its kin: quoted strings, repeated lines, nonsense between.
