//! When a token ends. Pure.
//!
//! Only for tokens that the API server has vouched for: no signature is looked at here, and a TokenReview does not say
//! when its token ends.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

/// The claim `exp` (RFC 7519, section 4.1.4), which may have a fraction.
#[derive(Deserialize)]
struct Claims {
    exp: f64,
}

/// When a token in the form of a JWS (RFC 7515, section 7.1) ends; `None` for one that does not say.
pub(super) fn expiry(token: &str) -> Option<SystemTime> {
    let mut parts = token.split('.');
    let (Some(_), Some(claims), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let claims = URL_SAFE_NO_PAD.decode(claims).ok()?;
    let Claims { exp } = serde_json::from_slice(&claims).ok()?;
    let since = Duration::try_from_secs_f64(exp).ok()?;
    UNIX_EPOCH.checked_add(since)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> String {
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn a_projected_token_says_when_it_ends() {
        let claims = r#"{"aud":["splitvault"],"exp":1800000000,"kubernetes.io":{"namespace":"shop"}}"#;
        let end = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        assert_eq!(expiry(&token(claims)), Some(end));
        assert!(expiry(&token(r#"{"exp":1.5}"#)).is_some());
    }

    #[test]
    fn whatever_else_says_nothing() {
        for claims in [
            "",
            "{}",
            "[]",
            r#"{"exp":"1"}"#,
            r#"{"exp":-1}"#,
            r#"{"exp":1e300}"#,
        ] {
            assert_eq!(expiry(&token(claims)), None, "{claims}");
        }
        for token in ["", ".", "..", "a.b", "e30.!.x", "e30.e30.x.y", "opaque"] {
            assert_eq!(expiry(token), None, "{token}");
        }
        assert_eq!(expiry(&token(&"[".repeat(60_000))), None);
    }
}
