//! When a sealing key pair is replaced, and when one that was replaced may go. Pure; the schedule is public.

use std::time::{Duration, SystemTime};

use splitvault_crypto::KeyId;

/// How old sealing keys become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// A current one that is older is replaced.
    pub max_age: Duration,
    /// How long one that was replaced is kept, at least: for manifests that lie in Git and are not applied.
    pub retention: Duration,
}

/// A key pair, as far as this is about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    /// Its id.
    pub(super) id: KeyId,
    /// When it became the current one.
    pub(super) activated: SystemTime,
}

/// What is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing.
    Nothing,
    /// A new current key.
    Renewal,
    /// To look whether anybody still needs these, which are not kept for their own sake any more.
    Farewell(Vec<KeyId>),
}

/// Decides, from the keys: the current one first, then those before it, the newest first.
pub(super) fn due(keys: &[Line], now: SystemTime, pace: &Pace) -> Due {
    let past = |since: SystemTime, time| now.duration_since(since).is_ok_and(|gone| gone >= time);
    if keys
        .first()
        .is_some_and(|current| past(current.activated, pace.max_age))
    {
        return Due::Renewal;
    }
    // Each was replaced when the one in front of it became the current one.
    let replaced = keys
        .windows(2)
        .filter(|pair| past(pair[0].activated, pace.retention));
    let idle: Vec<_> = replaced.map(|pair| pair[1].id).collect();
    if idle.is_empty() {
        Due::Nothing
    } else {
        Due::Farewell(idle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    const PACE: Pace = Pace {
        max_age: Duration::from_secs(90 * 24 * 60 * 60),
        retention: Duration::from_secs(365 * 24 * 60 * 60),
    };

    fn line(id: u8, day: u32) -> Line {
        Line {
            id: KeyId::from_bytes([id; 8]),
            activated: SystemTime::UNIX_EPOCH + DAY * day,
        }
    }

    fn at(day: u32) -> SystemTime {
        SystemTime::UNIX_EPOCH + DAY * day
    }

    #[test]
    fn the_current_key_is_replaced_at_its_age_and_not_before() {
        let keys = [line(2, 100), line(1, 10)];
        assert_eq!(due(&keys, at(189), &PACE), Due::Nothing);
        assert_eq!(due(&keys, at(190), &PACE), Due::Renewal);
        assert_eq!(due(&keys, at(1), &PACE), Due::Nothing, "a clock that went back");
        assert_eq!(due(&[], at(1000), &PACE), Due::Nothing);
    }

    #[test]
    fn a_replaced_key_is_kept_from_its_replacement_on() {
        let keys = [line(3, 440), line(2, 100), line(1, 10)];
        assert_eq!(due(&keys, at(464), &PACE), Due::Nothing);
        assert_eq!(due(&keys, at(465), &PACE), Due::Farewell(vec![keys[2].id]));
    }

    #[test]
    fn the_current_key_never_goes() {
        let keys = [line(2, 100), line(1, 0)];
        let now = at(100) + PACE.max_age - Duration::from_secs(1);
        let pace = Pace {
            retention: Duration::from_secs(1),
            ..PACE
        };
        assert_eq!(due(&keys, now, &pace), Due::Farewell(vec![keys[1].id]));
        assert_eq!(due(&keys[..1], now, &pace), Due::Nothing);
    }
}
