//! Bearer tokens, and the key sets that they are checked by.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaKeyPair,
};
use serde_json::{Value, json};

/// A key that signs tokens.
pub struct Signer {
    /// Its name in a key set.
    pub id: String,
    /// What it signs by.
    pub algorithm: &'static str,
    key: Key,
}

enum Key {
    Curve(EcdsaKeyPair),
    Edwards(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

impl Signer {
    /// A new key for this algorithm: ES256, ES384, EdDSA; for RS256 and PS256 always the same one.
    pub fn new(id: &str, algorithm: &'static str) -> Self {
        let random = SystemRandom::new();
        let curve = match algorithm {
            "ES384" => &ECDSA_P384_SHA384_FIXED_SIGNING,
            _ => &ECDSA_P256_SHA256_FIXED_SIGNING,
        };
        let key = match algorithm {
            "ES256" | "ES384" => {
                let made = EcdsaKeyPair::generate_pkcs8(curve, &random).expect("a key is made");
                Key::Curve(EcdsaKeyPair::from_pkcs8(curve, made.as_ref(), &random).expect("it was just made"))
            }
            "EdDSA" => {
                let made = Ed25519KeyPair::generate_pkcs8(&random).expect("a key is made");
                Key::Edwards(Ed25519KeyPair::from_pkcs8(made.as_ref()).expect("it was just made"))
            }
            _ => Key::Rsa(RsaKeyPair::from_pkcs8(include_bytes!("tokens/rsa.pk8")).expect("the file holds a key")),
        };
        Self { id: id.to_owned(), algorithm, key }
    }

    /// The public key as a set has it.
    pub fn jwk(&self) -> Value {
        let mut jwk = match &self.key {
            Key::Curve(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(pair.public_key().as_ref().len() / 2);
                let curve = if self.algorithm == "ES384" { "P-384" } else { "P-256" };
                json!({ "kty": "EC", "crv": curve, "x": coded(x), "y": coded(y) })
            }
            Key::Edwards(pair) => json!({ "kty": "OKP", "crv": "Ed25519", "x": coded(pair.public_key()) }),
            Key::Rsa(pair) => {
                let PublicKeyComponents::<Vec<u8>> { n, e } = pair.public().into();
                json!({ "kty": "RSA", "n": coded(n), "e": coded(e) })
            }
        };
        jwk["kid"] = json!(self.id);
        jwk
    }

    /// A token with these claims.
    pub fn token(&self, claims: &Value) -> String {
        self.signed(&json!({ "alg": self.algorithm, "kid": self.id }).to_string(), &claims.to_string())
    }

    /// A token of these texts.
    pub fn signed(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", coded(header), coded(claims));
        let random = SystemRandom::new();
        let signature = match &self.key {
            Key::Curve(pair) => pair.sign(&random, message.as_bytes()).expect("it signs").as_ref().to_vec(),
            Key::Edwards(pair) => pair.sign(message.as_bytes()).as_ref().to_vec(),
            Key::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                let padding: &dyn ring::signature::RsaEncoding =
                    if self.algorithm == "PS256" { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
                pair.sign(padding, &random, message.as_bytes(), &mut signature).expect("it signs");
                signature
            }
        };
        format!("{message}.{}", coded(signature))
    }
}

/// The set of these keys.
pub fn key_set(signers: &[&Signer]) -> String {
    json!({ "keys": signers.iter().map(|signer| signer.jwk()).collect::<Vec<_>>() }).to_string()
}

/// Base64 as tokens have it.
pub fn coded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
