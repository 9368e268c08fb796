//! Which tokens are believed.

use super::signing::{Signer, coded, key_set};
use super::*;
use serde_json::{Value, json};

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

fn trust(algorithms: &[&str]) -> TokenTrust {
    TokenTrust {
        issuer: "https://id.example.com".to_owned(),
        audience: vec!["shop".to_owned(), "app".to_owned()],
        algorithms: algorithms.iter().map(|name| name.parse().unwrap()).collect(),
        leeway: Duration::from_secs(30),
    }
}

fn tokens(algorithms: &[&str], set: &str) -> Tokens {
    let trust = trust(algorithms);
    let set = KeySet::read(set.as_bytes(), &trust.algorithms).unwrap();
    let tokens = Tokens::new(Some(trust));
    tokens.replace_keys(set);
    tokens
}

fn rule(names: &[&str]) -> ClaimsRule {
    ClaimsRule::of(names.iter().copied()).unwrap()
}

fn claims(change: &Value) -> Value {
    let mut claims = json!({
        "iss": "https://id.example.com", "aud": "shop", "exp": NOW.as_secs() + 60, "sub": "ada", "group": "gold",
    });
    for (name, value) in change.as_object().unwrap() {
        if *value == json!("absent") {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

/// What a token claims, as `name=value` in order.
fn claimed(tokens: &Tokens, names: &[&str], token: &str) -> Result<String, Reason> {
    let claimed = tokens.claimed(&rule(names), token, NOW)?;
    let shown = claimed.iter().map(|(name, value)| format!("{name}={}", String::from_utf8_lossy(value)));
    Ok(shown.collect::<Vec<_>>().join(" "))
}

const ISSUER: &str = "iss=\"https://id.example.com\"";

#[test]
fn tokens_of_each_algorithm_are_believed_by_its_keys_alone() {
    let all = ["RS256", "PS256", "ES256", "ES384", "EdDSA"];
    for algorithm in all {
        let signer = Signer::new("k", algorithm);
        let token = signer.token(&claims(&json!({})));
        let believing = tokens(&all, &key_set(&[&signer]));
        assert_eq!(claimed(&believing, &["group"], &token), Ok(format!("{ISSUER} group=\"gold\"")), "{algorithm}");
        let forged = format!("{}A", &token[..token.len() - 1]);
        let forged = if forged == token { format!("{}B", &token[..token.len() - 1]) } else { forged };
        let (message, _) = token.rsplit_once('.').unwrap();
        for changed in [forged, format!("{message}."), format!("{message}.{}", coded([0; 64]))] {
            let why = claimed(&believing, &["group"], &changed).unwrap_err();
            assert!([Reason::TokenSignature, Reason::TokenMalformed].contains(&why), "{algorithm} {changed} {why}");
        }
        if !algorithm.ends_with("S256") || algorithm == "ES256" {
            let other = Signer::new("k", algorithm);
            let why = claimed(&tokens(&all, &key_set(&[&other])), &["group"], &token);
            assert_eq!(why, Err(Reason::TokenSignature), "{algorithm}");
        }
        let unpinned: Vec<&str> = all.into_iter().filter(|other| *other != algorithm).collect();
        let of_another = Signer::new("other", unpinned[0]);
        let believing = tokens(&unpinned, &key_set(&[&of_another]));
        assert_eq!(claimed(&believing, &["group"], &token), Err(Reason::TokenAlgorithm), "{algorithm}");
    }
}

#[test]
fn nothing_unsigned_is_believed_nor_what_is_signed_by_the_public_key_as_a_secret() {
    let signer = Signer::new("k", "RS256");
    let believing = tokens(&["RS256"], &key_set(&[&signer]));
    let payload = coded(claims(&json!({})).to_string());
    for header in [json!({"alg": "none"}), json!({"alg": "None", "kid": "k"}), json!({"alg": "NONE"})] {
        let token = format!("{}.{payload}.", coded(header.to_string()));
        assert_eq!(claimed(&believing, &["group"], &token), Err(Reason::TokenAlgorithm));
    }
    let public = signer.jwk().to_string();
    let message = format!("{}.{payload}", coded(json!({"alg": "HS256", "kid": "k"}).to_string()));
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, public.as_bytes());
    let token = format!("{message}.{}", coded(ring::hmac::sign(&key, message.as_bytes())));
    assert_eq!(claimed(&believing, &["group"], &token), Err(Reason::TokenAlgorithm));
    // Not even where such a secret stands in the set, nor where a header names a key of its own.
    let secret = json!({"keys": [{"kty": "oct", "kid": "k", "k": coded(public)}, signer.jwk()]}).to_string();
    assert_eq!(KeySet::read(secret.as_bytes(), &[Algorithm::RS256]).unwrap().len(), 1);
    let stranger = Signer::new("k", "ES256");
    let believing = tokens(&["ES256"], &key_set(&[&Signer::new("k", "ES256")]));
    let header = json!({"alg": "ES256", "kid": "k", "jwk": stranger.jwk(), "jku": "https://evil.example/k.json"});
    let token = stranger.signed(&header.to_string(), &claims(&json!({})).to_string());
    assert_eq!(claimed(&believing, &["group"], &token), Err(Reason::TokenSignature));
}

#[test]
fn a_token_is_by_the_issuer_for_the_audience_and_for_this_moment() {
    let signer = Signer::new("k", "ES256");
    let believing = tokens(&["ES256"], &key_set(&[&signer]));
    let (now, gold) = (NOW.as_secs(), || Ok(format!("{ISSUER} group=\"gold\"")));
    for (change, expected) in [
        (json!({}), gold()),
        (json!({"aud": ["other", "app"]}), gold()),
        (json!({"exp": now - 29}), gold()),
        (json!({"exp": 1_800_000_000.5}), gold()),
        (json!({"nbf": now + 30}), gold()),
        (json!({"iat": now + 10_000}), gold()),
        (json!({"aud": "other"}), Err(Reason::TokenAudience)),
        (json!({"aud": []}), Err(Reason::TokenAudience)),
        (json!({"aud": 7}), Err(Reason::TokenAudience)),
        (json!({"aud": "absent"}), Err(Reason::TokenAudience)),
        (json!({"aud": null}), Err(Reason::TokenAudience)),
        (json!({"aud": "Shop"}), Err(Reason::TokenAudience)),
        (json!({"iss": "https://id.example.com/"}), Err(Reason::TokenIssuer)),
        (json!({"iss": "absent"}), Err(Reason::TokenIssuer)),
        (json!({"iss": null}), Err(Reason::TokenIssuer)),
        (json!({"iss": 1}), Err(Reason::TokenIssuer)),
        (json!({"exp": now - 30}), Err(Reason::TokenExpired)),
        (json!({"exp": "absent"}), Err(Reason::TokenExpired)),
        (json!({"exp": null}), Err(Reason::TokenExpired)),
        (json!({"exp": "1900000000"}), Err(Reason::TokenExpired)),
        (json!({"exp": -1}), Err(Reason::TokenExpired)),
        (json!({"nbf": now + 31}), Err(Reason::TokenNotYetValid)),
        (json!({"nbf": "soon"}), Err(Reason::TokenNotYetValid)),
        (json!({"cnf": {"x5t#S256": "abc"}}), Err(Reason::TokenBound)),
    ] {
        assert_eq!(claimed(&believing, &["group"], &signer.token(&claims(&change))), expected, "{change}");
    }
}

#[test]
fn what_is_keyed_is_the_canonical_form_of_each_claim() {
    let signer = Signer::new("k", "ES256");
    let believing = tokens(&["ES256"], &key_set(&[&signer]));
    let token = |group: &str| {
        let rest = r#""iss":"https://id.example.com","aud":"shop","exp":1900000000"#;
        signer.signed(r#"{"alg":"ES256","kid":"k"}"#, &format!(r#"{{{rest},"region":"eu","group":{group}}}"#))
    };
    for (group, form) in [
        (r#""gold""#, r#""gold""#),
        (r#""\u0067old""#, r#""gold""#),
        ("7.0", "7"),
        ("true", "true"),
        (r#"[ "b", "a" ]"#, r#"["b","a"]"#),
        (r#"{"b":1,"a":{"y":2,"x":1}}"#, r#"{"a":{"x":1,"y":2},"b":1}"#),
    ] {
        let expected = Ok(format!("{ISSUER} group={form} region=\"eu\""));
        assert_eq!(claimed(&believing, &["region", "group"], &token(group)), expected, "{group}");
    }
    let long = format!("\"{}\"", "x".repeat(1023));
    for (group, why) in [
        ("null", Reason::TokenClaim),
        ("9007199254740993", Reason::TokenClaim),
        (long.as_str(), Reason::TokenClaim),
        (r#"{"a":1,"a":2}"#, Reason::TokenMalformed),
        (r#""gold","group":"iron""#, Reason::TokenMalformed),
        (r#""gold","\u0067roup":"iron""#, Reason::TokenMalformed),
        (r#""gold","sub":"a","sub":"b""#, Reason::TokenMalformed),
        (&format!("{}{}", "[".repeat(65), "]".repeat(65)), Reason::TokenMalformed),
    ] {
        assert_eq!(claimed(&believing, &["group"], &token(group)), Err(why), "{group}");
    }
    assert_eq!(claimed(&believing, &["rank"], &token("1")), Err(Reason::TokenClaim));
    assert!(claimed(&believing, &["iss", "aud"], &token("1")).is_ok());
}

#[test]
fn what_is_no_token_or_demands_what_is_not_understood_is_not_believed() {
    let signer = Signer::new("k", "ES256");
    let believing = tokens(&["ES256"], &key_set(&[&signer]));
    let good = signer.token(&claims(&json!({})));
    let text = claims(&json!({})).to_string();
    let header = |header: &str| signer.signed(header, &text);
    for token in [
        String::new(),
        "a".to_owned(),
        "a.b".to_owned(),
        "..".to_owned(),
        format!("{good}.{good}"),
        format!(".{good}"),
        good.replace('.', "=."),
        header("{}"),
        header("[]"),
        header(r#"{"alg":"ES256","alg":"none","kid":"k"}"#),
        header(r#"{"alg":"ES256","kid":"k","crit":["exp"],"exp":1}"#),
        header(r#"{"alg":"ES256","kid":"k","b64":false,"crit":["b64"]}"#),
        header(r#"{"alg":"ES256","kid":7}"#),
        signer.signed(r#"{"alg":"ES256","kid":"k"}"#, "[]"),
        signer.signed(r#"{"alg":"ES256","kid":"k"}"#, "not JSON"),
    ] {
        assert_eq!(claimed(&believing, &["group"], &token), Err(Reason::TokenMalformed), "{token}");
    }
    assert_eq!(claimed(&Tokens::default(), &["group"], &good), Err(Reason::TokenKeyUnknown));
}

#[test]
fn a_token_is_checked_by_the_key_that_it_names_or_by_the_few_that_fit() {
    let (first, second) = (Signer::new("1", "ES256"), Signer::new("2", "ES256"));
    let edwards = Signer::new("3", "EdDSA");
    let both = tokens(&["ES256", "EdDSA"], &key_set(&[&first, &second, &edwards]));
    let text = claims(&json!({})).to_string();
    let ok = Ok(format!("{ISSUER} group=\"gold\""));
    assert_eq!(claimed(&both, &["group"], &second.signed(r#"{"alg":"ES256"}"#, &text)), ok);
    let misnamed = |kid: &str| second.signed(&json!({"alg": "ES256", "kid": kid}).to_string(), &text);
    assert_eq!(claimed(&both, &["group"], &misnamed("1")), Err(Reason::TokenSignature));
    assert_eq!(claimed(&both, &["group"], &misnamed("3")), Err(Reason::TokenKeyUnknown));
    assert_eq!(claimed(&both, &["group"], &misnamed("9")), Err(Reason::TokenKeyUnknown));
    let many: Vec<Signer> = (0..5).map(|number| Signer::new(&number.to_string(), "ES256")).collect();
    let believing = tokens(&["ES256"], &key_set(&many.iter().collect::<Vec<_>>()));
    assert_eq!(
        claimed(&believing, &["group"], &many[0].signed(r#"{"alg":"ES256"}"#, &text)),
        Err(Reason::TokenKeyUnknown)
    );
    assert_eq!(claimed(&believing, &["group"], &many[4].token(&claims(&json!({})))), ok);
}

#[test]
fn a_set_is_read_for_the_keys_that_sign_by_what_is_believed() {
    let of = |keys: Vec<Value>| KeySet::read(json!({ "keys": keys }).to_string().as_bytes(), &[Algorithm::ES256]);
    let key = |change: Value| {
        let mut jwk = Signer::new("k", "ES256").jwk();
        for (name, value) in change.as_object().unwrap() {
            jwk[name] = value.clone();
        }
        jwk
    };
    let good = || key(json!({}));
    for fine in [json!({"use": "sig"}), json!({"alg": "ES256"}), json!({"key_ops": ["verify"]})] {
        assert_eq!(of(vec![key(fine.clone())]).map(|set| set.len()), Ok(1), "{fine}");
    }
    for other in [
        key(json!({"use": "enc"})),
        key(json!({"alg": "ES384"})),
        key(json!({"alg": "ECDH-ES"})),
        key(json!({"key_ops": ["encrypt"]})),
        key(json!({"crv": "P-384"})),
        key(json!({"crv": "secp256k1"})),
        key(json!({"x": "!"})),
        Signer::new("r", "RS256").jwk(),
        json!({"kty": "oct", "k": "AAAA"}),
        json!({"kty": "new"}),
        json!(7),
    ] {
        assert_eq!(of(vec![other.clone(), good()]).map(|set| set.len()), Ok(1), "{other}");
        assert!(matches!(of(vec![other.clone()]), Err(NoKeySet::NoKey(_))), "{other}");
    }
    assert_eq!(of((0..101).map(|_| good()).collect()).unwrap_err(), NoKeySet::TooLarge);
    assert_eq!(KeySet::read(&vec![b' '; KEY_SET_BYTES_MAX + 1], &[Algorithm::ES256]).unwrap_err(), NoKeySet::TooLarge);
    for text in ["", "[]", "{}", r#"{"keys":{}}"#, "<html>"] {
        assert!(matches!(KeySet::read(text.as_bytes(), &[Algorithm::ES256]), Err(NoKeySet::Unreadable(_))), "{text}");
    }
}

#[test]
fn what_is_remembered_of_a_token_ends_with_it_and_with_the_keys() {
    let signer = Signer::new("k", "ES256");
    let believing = tokens(&["ES256"], &key_set(&[&signer]));
    let token = signer.token(&claims(&json!({"exp": NOW.as_secs() + 60})));
    let at = |secs: u64| {
        let now = NOW.saturating_add(Duration::from_secs(secs));
        believing.claimed(&rule(&["group"]), &token, now).map(|_| ())
    };
    assert_eq!([at(0), at(89), at(90), at(0)], [Ok(()), Ok(()), Err(Reason::TokenExpired), Ok(())]);
    // What another route keys of it is another question.
    assert_eq!(claimed(&believing, &["sub"], &token), Ok(format!("{ISSUER} sub=\"ada\"")));
    let other = KeySet::read(key_set(&[&Signer::new("k", "ES256")]).as_bytes(), &[Algorithm::ES256]).unwrap();
    believing.replace_keys(other);
    assert_eq!(at(0), Err(Reason::TokenSignature));
}
