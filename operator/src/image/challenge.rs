//! What a registry asks for with status 401 (RFC 9110 §11, and the distribution specification's tokens).

use http_auth::{ChallengeRef, parse_challenges};
use serde::Deserialize;
use splitvault_crypto::SecretString;

use super::problem::Problem;
use super::url::Url;
use super::wiped::Wiped;

/// Bytes of a token service's answer.
pub(super) const TOKEN_LIMIT: usize = 64 * 1024;
/// Bytes of a field of a challenge.
const FIELD_LIMIT: usize = 1024;

/// What to come back with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// A token from this address.
    Bearer(String),
    /// Name and password.
    Basic,
}

/// Chooses: a token where that is possible. `repository` is what one is asked for where the registry does not say.
///
/// # Errors
/// [`Problem::Denied`] when nothing is asked for that we have.
pub(super) fn choose(headers: &[String], repository: &str) -> Result<Challenge, Problem> {
    let all = headers
        .iter()
        .filter_map(|header| parse_challenges(header).ok())
        .flatten();
    let mut basic = false;
    for challenge in all {
        if challenge.scheme.eq_ignore_ascii_case("Bearer")
            && let Some(address) = token_address(&challenge, repository)
        {
            return Ok(Challenge::Bearer(address));
        }
        basic |= challenge.scheme.eq_ignore_ascii_case("Basic");
    }
    if basic {
        Ok(Challenge::Basic)
    } else {
        Err(Problem::Denied)
    }
}

/// The realm with service and scope as its query.
fn token_address(challenge: &ChallengeRef<'_>, repository: &str) -> Option<String> {
    let field = |name: &str| {
        let (_, value) = challenge
            .params
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        Some(value.to_unescaped()).filter(|value| value.len() <= FIELD_LIMIT)
    };
    let realm = field("realm")?;
    let scope = field("scope").unwrap_or_else(|| format!("repository:{repository}:pull"));
    let mut address = realm;
    address.push(if address.contains('?') { '&' } else { '?' });
    address.push_str(&format!("scope={}", Url::escape(&scope)));
    if let Some(service) = field("service") {
        address.push_str(&format!("&service={}", Url::escape(&service)));
    }
    Some(address)
}

#[derive(Deserialize)]
struct Token {
    token: Option<Wiped>,
    access_token: Option<Wiped>,
}

/// What to send as `Authorization`, out of a token service's answer.
///
/// # Errors
/// [`Problem::Malformed`].
pub(super) fn bearer(content: &[u8]) -> Result<SecretString, Problem> {
    let malformed = Problem::Malformed("registry's token");
    let read: Token = serde_json::from_slice(content).map_err(|_| malformed.clone())?;
    let token = read
        .token
        .or(read.access_token)
        .filter(|token| !token.0.is_empty());
    let token = token.ok_or(malformed)?;
    Ok(SecretString::from(format!("Bearer {}", token.0.as_str())))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chosen(headers: &[&str]) -> Result<Challenge, Problem> {
        let headers: Vec<_> = headers.iter().map(|header| (*header).to_owned()).collect();
        choose(&headers, "team/app")
    }

    #[test]
    fn a_token_is_preferred_and_asked_for_by_name() {
        let bearer = r#"Bearer realm="https://auth.example/token",service="registry example",scope="repository:team/app:pull""#;
        let address =
            "https://auth.example/token?scope=repository%3Ateam%2Fapp%3Apull&service=registry%20example";
        let expected = Ok(Challenge::Bearer(address.to_owned()));
        assert_eq!(chosen(&["Basic realm=\"x\"", bearer]), expected);
        assert_eq!(chosen(&[&format!("Basic realm=\"x\", {bearer}")]), expected);
        assert_eq!(
            chosen(&["bearer realm=\"https://auth.example/token?a=b\""]),
            Ok(Challenge::Bearer(
                "https://auth.example/token?a=b&scope=repository%3Ateam%2Fapp%3Apull".to_owned()
            ))
        );
    }

    #[test]
    fn what_is_not_known_or_malformed_is_a_refusal() {
        assert_eq!(chosen(&["Basic realm=\"x\""]), Ok(Challenge::Basic));
        let long = format!("Bearer realm=\"https://{}\"", "a".repeat(FIELD_LIMIT));
        for header in [
            "",
            "Bearer",
            "Bearer service=\"x\"",
            "Negotiate",
            "Bearer realm=\"",
            "\u{1}",
            &long,
        ] {
            assert_eq!(chosen(&[header]), Err(Problem::Denied), "{header:.40}");
        }
        assert_eq!(chosen(&[]), Err(Problem::Denied));
    }

    #[test]
    fn a_token_has_one_of_two_names() {
        for content in [
            r#"{"token":"t"}"#,
            r#"{"access_token":"t"}"#,
            r#"{"token":"t","access_token":"u","expires_in":1}"#,
        ] {
            assert_eq!(bearer(content.as_bytes()).unwrap().expose(), "Bearer t");
        }
        for content in [
            "",
            "{}",
            "[]",
            r#"{"token":""}"#,
            r#"{"token":1}"#,
            r#"{"token":"t""#,
        ] {
            assert!(bearer(content.as_bytes()).is_err(), "{content}");
        }
    }

    proptest! {
        #[test]
        fn no_header_makes_it_panic(header in "\\PC{0,80}") {
            let _either = chosen(&[&header]);
        }
    }
}
