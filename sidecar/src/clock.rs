//! Clocks that disagree: what is valid for one is not for another. It is told apart from what a person has to mend
//! elsewhere, in words that stay the same from try to try, so that they stand in the log once.

use std::io;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::CertificateError::{Expired, ExpiredContext, NotValidYet, NotValidYetContext};
use serde::Deserialize;
use zeroize::Zeroizing;

/// Why a handshake failed.
pub(crate) fn told(source: &io::Error) -> String {
    let inner = source
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let Some(rustls::Error::InvalidCertificate(error)) = inner else {
        return source.to_string();
    };
    match error {
        NotValidYetContext { not_before, .. } => {
            not_yet(&format!(" (from {} on)", date(not_before.as_secs())))
        }
        NotValidYet => not_yet(""),
        ExpiredContext { not_after, .. } => expired(&format!(" (until {})", date(not_after.as_secs()))),
        Expired => expired(""),
        _ => source.to_string(),
    }
}

fn not_yet(when: &str) -> String {
    format!(
        "its certificate is not valid yet{when}: this node's clock is behind, or the operator's is ahead; set them right"
    )
}

fn expired(when: &str) -> String {
    format!(
        "its certificate is not valid any more{when}: this node's clock is ahead, or the operator does not renew its \
         certificate; look at the clock and at the operator's log"
    )
}

/// `2026-11-24T17:00:00Z`. The days are counted in eras of 400 years that begin in March (Howard Hinnant,
/// `chrono-Compatible Low-Level Date Algorithms`, `civil_from_days`).
fn date(seconds: u64) -> String {
    let (days, time) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// The times of a ServiceAccount token (RFC 7519), in seconds since 1970. Nothing else of it is looked at, and nothing
/// is believed: it is for a sentence in the log.
#[derive(Deserialize)]
struct Claims {
    exp: Option<u64>,
    nbf: Option<u64>,
}

/// What this node's clock says of the pod's token, when it says anything against it.
pub(crate) fn of_token(path: &Path) -> Option<&'static str> {
    let token = Zeroizing::new(std::fs::read(path).ok()?);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
    against(&token, now)
}

fn against(token: &[u8], now: u64) -> Option<&'static str> {
    let payload = token.split(|&byte| byte == b'.').nth(1)?;
    let payload = Zeroizing::new(URL_SAFE_NO_PAD.decode(payload).ok()?);
    let claims: Claims = serde_json::from_slice(&payload).ok()?;
    if claims.exp.is_some_and(|end| end <= now) {
        return Some(
            "by this node's clock the token has expired: kubelet has not replaced it yet, or the clock is ahead",
        );
    }
    claims
        .nbf
        .is_some_and(|begin| now < begin)
        .then_some("by this node's clock the token is not valid yet: the clock is behind the API server's")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rustls::CertificateError;
    use rustls_pki_types::UnixTime;

    use super::*;

    fn of(error: CertificateError) -> String {
        told(&io::Error::new(
            io::ErrorKind::InvalidData,
            rustls::Error::InvalidCertificate(error),
        ))
    }

    #[test]
    fn the_words_for_a_certificate_stay_the_same_while_time_passes() {
        let at = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let early = |time| {
            of(NotValidYetContext {
                time: at(time),
                not_before: at(1_795_539_600),
            })
        };
        assert_eq!(early(5), early(6));
        assert!(early(5).contains("from 2026-11-24T17:00:00Z on") && early(5).contains("clock"));
        let late = |time| {
            of(ExpiredContext {
                time: at(time),
                not_after: at(951_782_399),
            })
        };
        assert_eq!(late(999_999_999), late(1_000_000_000));
        assert!(
            late(999_999_999).contains("until 2000-02-28T23:59:59Z"),
            "{}",
            late(1)
        );
        assert!(of(NotValidYet).contains("not valid yet") && of(Expired).contains("not valid any more"));
        assert!(!of(CertificateError::UnknownIssuer).contains("clock"));
        assert_eq!(told(&io::Error::other("other")), "other");
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(date(seconds), expected);
        }
    }

    fn token(claims: &str) -> Vec<u8> {
        format!("header.{}.signature\n", URL_SAFE_NO_PAD.encode(claims)).into_bytes()
    }

    #[test]
    fn a_token_is_held_against_this_nodes_clock() {
        let claims = r#"{"exp":1000,"nbf":400,"iat":400,"sub":"x"}"#;
        assert_eq!(against(&token(claims), 999), None);
        assert!(against(&token(claims), 1000).unwrap().contains("expired"));
        assert!(against(&token(claims), 399).unwrap().contains("not valid yet"));
        assert_eq!(against(&token("{}"), 5), None);
    }

    #[test]
    fn what_is_no_token_says_nothing() {
        for token in [
            &b""[..],
            b"a",
            b"a.b",
            b"..",
            b"a.!!.c",
            b"a.bnVsbA.c",
            b"\xff.\xff.\xff",
            &token("[1]"),
        ] {
            assert_eq!(against(token, 5), None);
        }
        for claims in [
            r#"{"exp":-1}"#,
            r#"{"exp":"soon"}"#,
            r#"{"exp":1e400}"#,
            r#"{"exp":"#,
        ] {
            assert_eq!(against(&token(claims), 5), None, "{claims}");
        }
    }
}
