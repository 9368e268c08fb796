//! `[jwt]`, raw. The documentation of each key is its description in the JSON Schema.

use super::table::{Placed, raw_table};
use super::values::{DurationText, Texts, words};
use jsonwebtoken::Algorithm;

raw_table! {
    /// Which bearer tokens (JWT) are believed, for routes that key what they claim: `claims`.
    struct RawJwt {
        /// Where the issuer's public keys are, as a JSON Web Key Set: a URL, "https://id.example.com/keys", or a file. A
        /// relative path is relative to this file's folder.
        #[schemars(required)]
        jwks: String,
        /// The issuer: tokens of any other are not believed.
        #[schemars(required)]
        issuer: String,
        /// Whom a token must be for, one of these.
        #[schemars(required)]
        audience: Texts,
        /// What tokens may be signed by, whatever they say themselves: "RS256", "RS384", "RS512", "PS256", "PS384", "PS512",
        /// "ES256", "ES384", "EdDSA". Signatures by a shared secret are never believed.
        #[schemars(required)]
        algorithms: Vec<Placed<AlgorithmWord>>,
        /// By how much clocks may differ. Default: "30s".
        leeway: DurationText,
        /// How often the keys are read again; also when a token names an unknown key, but for that at most every 10 s.
        /// Default: "10m".
        refresh: DurationText,
        /// A PEM file of certificates that are trusted for the URL instead of the system's.
        ca_file: String,
    }
}

words! {
    /// One of `jwt.algorithms`.
    enum AlgorithmWord => Algorithm {
        RS256 = Algorithm::RS256,
        RS384 = Algorithm::RS384,
        RS512 = Algorithm::RS512,
        PS256 = Algorithm::PS256,
        PS384 = Algorithm::PS384,
        PS512 = Algorithm::PS512,
        ES256 = Algorithm::ES256,
        ES384 = Algorithm::ES384,
        EdDSA = Algorithm::EdDSA,
    }
}
