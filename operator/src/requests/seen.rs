//! Stamps that were taken, each by one object: a request that is deleted and put back as it was is another object with
//! the same stamp.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// After which a stamp is refused for its age alone, with room for clocks.
const AGE: Duration = Duration::from_secs(15 * 60);
/// Stamps remembered; beyond that requests wait.
const REMEMBERED: usize = 16 * 1024;

/// The objects that took each stamp, by MAC.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<HashMap<String, (String, Instant)>>);

/// What became of a stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// It is this object's.
    Ours,
    /// Another object has had it.
    Theirs,
    /// There is no room to remember one more.
    Full,
}

impl Seen {
    /// Takes the stamp with this MAC for the object with this UID.
    pub(super) fn take(&self, mac: &str, uid: &str, now: Instant) -> Taken {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((first, _)) = seen.get(mac) {
            return if first == uid { Taken::Ours } else { Taken::Theirs };
        }
        if seen.len() >= REMEMBERED {
            seen.retain(|_, (_, then)| now.duration_since(*then) < AGE);
        }
        if seen.len() >= REMEMBERED {
            return Taken::Full;
        }
        seen.insert(mac.to_owned(), (uid.to_owned(), now));
        Taken::Ours
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_one_objects() {
        let (seen, now) = (Seen::default(), Instant::now());
        assert_eq!(seen.take("mac", "u-1", now), Taken::Ours);
        assert_eq!(seen.take("mac", "u-1", now), Taken::Ours);
        assert_eq!(seen.take("mac", "u-2", now), Taken::Theirs);
        assert_eq!(seen.take("other", "u-2", now), Taken::Ours);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (seen, now) = (Seen::default(), Instant::now());
        for number in 0..REMEMBERED {
            assert_eq!(seen.take(&number.to_string(), "u", now), Taken::Ours);
        }
        assert_eq!(seen.take("one more", "u", now), Taken::Full);
        assert_eq!(seen.take("0", "u", now), Taken::Ours);
        assert_eq!(seen.take("one more", "u", now + AGE), Taken::Ours);
    }
}
