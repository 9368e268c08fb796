//! Signatures of tokens, checked by ring: jsonwebtoken brings no cryptography of its own that this build may use. Only
//! public keys are known here: there is nothing by which a token could be signed, nor one that is signed by a secret be
//! believed.

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result, new_error};
use jsonwebtoken::signature::{Error, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind, EncodingKey};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512,
    RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: no_signer,
    verifier_factory: verifier,
    // Asked for by thumbprints and private keys alone.
    key_utils: KeyUtils::new_unimplemented(),
};

/// Has jsonwebtoken check signatures so. To be called before it is asked to.
pub(super) fn install() {
    // Of this process nobody else installs one, so one that is there already is this.
    let _ = PROVIDER.install_default();
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "jsonwebtoken wants it so")]
fn no_signer(_: &Algorithm, _: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    Err(new_error(ErrorKind::UnsupportedAlgorithm))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "jsonwebtoken wants it so")]
fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    if algorithm.family() != key.family() {
        return Err(new_error(ErrorKind::InvalidAlgorithm));
    }
    let checked_by = match algorithm {
        Algorithm::RS256 => CheckedBy::Rsa(&RSA_PKCS1_2048_8192_SHA256),
        Algorithm::RS384 => CheckedBy::Rsa(&RSA_PKCS1_2048_8192_SHA384),
        Algorithm::RS512 => CheckedBy::Rsa(&RSA_PKCS1_2048_8192_SHA512),
        Algorithm::PS256 => CheckedBy::Rsa(&RSA_PSS_2048_8192_SHA256),
        Algorithm::PS384 => CheckedBy::Rsa(&RSA_PSS_2048_8192_SHA384),
        Algorithm::PS512 => CheckedBy::Rsa(&RSA_PSS_2048_8192_SHA512),
        Algorithm::ES256 => CheckedBy::Point(&ECDSA_P256_SHA256_FIXED),
        Algorithm::ES384 => CheckedBy::Point(&ECDSA_P384_SHA384_FIXED),
        Algorithm::EdDSA => CheckedBy::Point(&ED25519),
        _ => return Err(new_error(ErrorKind::UnsupportedAlgorithm)),
    };
    Ok(Box::new(ByRing { algorithm: *algorithm, key: key.clone(), checked_by }))
}

enum CheckedBy {
    Rsa(&'static RsaParameters),
    Point(&'static dyn VerificationAlgorithm),
}

struct ByRing {
    algorithm: Algorithm,
    key: DecodingKey,
    checked_by: CheckedBy,
}

impl JwtVerifier for ByRing {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl Verifier<Vec<u8>> for ByRing {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), Error> {
        let verified = match (&self.checked_by, self.key.kind()) {
            (CheckedBy::Rsa(by), DecodingKeyKind::RsaModulusExponent { n, e }) => {
                RsaPublicKeyComponents { n, e }.verify(by, message, signature)
            }
            (CheckedBy::Point(by), DecodingKeyKind::SecretOrDer(point)) => {
                UnparsedPublicKey::new(*by, point).verify(message, signature)
            }
            _ => return Err(Error::new()),
        };
        verified.map_err(|_| Error::new())
    }
}
