//! How old the CA and the sealing key may become, and how long what they leave behind is honoured. None of it is a
//! secret: only the master keys have an unpublished schedule.

use std::time::Duration;

use crate::{pki, sealing};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// Half of a CA's life.
const LONGEST: u64 = 5 * 365 * DAY;

/// How old the CA and the sealing key may become. Times are whole numbers with a unit: `90d`, `36h`, `10m`, `30s`.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Renewal {
    /// A certificate authority that is older is replaced.
    #[arg(long, env = "SPLITVAULT_CA_MAX_AGE", value_name = "TIME", default_value = "365d", value_parser = time)]
    pub ca_max_age: Duration,
    /// How long a new authority is trusted before it signs; more than the longest refresh of a pod, which is a day.
    #[arg(long, env = "SPLITVAULT_CA_ANNOUNCE", value_name = "TIME", default_value = "2d", value_parser = time)]
    pub ca_announce: Duration,
    /// How long an old one stays trusted after it signed last; more than the 90 days of what it signed.
    #[arg(long, env = "SPLITVAULT_CA_OVERLAP", value_name = "TIME", default_value = "97d", value_parser = time)]
    pub ca_overlap: Duration,
    /// A sealing key that is older is replaced; what was sealed to it still opens.
    #[arg(long, env = "SPLITVAULT_SEALING_KEY_MAX_AGE", value_name = "TIME", default_value = "90d", value_parser = time)]
    pub sealing_key_max_age: Duration,
    /// How long a replaced sealing key is kept at least, and longer as long as a VaultSecret needs it.
    #[arg(long, env = "SPLITVAULT_SEALING_KEY_RETENTION", value_name = "TIME", default_value = "365d", value_parser = time)]
    pub sealing_key_retention: Duration,
}

impl Renewal {
    /// The life of sealing keys.
    pub fn sealing_key(&self) -> sealing::Pace {
        sealing::Pace {
            max_age: self.sealing_key_max_age,
            retention: self.sealing_key_retention,
        }
    }

    /// The stages of a rotation of the CA.
    pub fn authority(&self) -> pki::Pace {
        pki::Pace {
            max_age: self.ca_max_age,
            announce: self.ca_announce,
            overlap: self.ca_overlap,
        }
    }
}

/// A whole number with a unit, up to five years.
pub(crate) fn time(text: &str) -> Result<Duration, String> {
    let expected = || "expected a whole number with s, m, h or d, from 1s to 1825d".to_owned();
    let unit = match text.bytes().next_back() {
        Some(b's') => 1,
        Some(b'm') => MINUTE,
        Some(b'h') => HOUR,
        Some(b'd') => DAY,
        _ => return Err(expected()),
    };
    let digits = text.get(..text.len() - 1).unwrap_or_default();
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.parse::<u64>().ok().filter(|_| plain);
    let seconds = number.and_then(|number| number.checked_mul(unit));
    let seconds = seconds.filter(|seconds| (1..=LONGEST).contains(seconds));
    seconds.map(Duration::from_secs).ok_or_else(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_number_and_a_unit() {
        let seconds = |text| time(text).map(|time| time.as_secs()).ok();
        assert_eq!(seconds("90d"), Some(90 * DAY));
        assert_eq!(seconds("36h"), Some(36 * HOUR));
        assert_eq!(seconds("10m"), Some(600));
        assert_eq!(seconds("1s"), Some(1));
        for text in [
            "",
            "d",
            "1",
            "0s",
            "-1d",
            "+1d",
            "1.5d",
            "1 d",
            "1w",
            "dd",
            "1826d",
            "é",
            "99999999999999999999d",
            "18446744073709551615d",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
