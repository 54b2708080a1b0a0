//! How fast rows are re-encrypted: a bound that leaves room for deliveries.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::Instant;

/// Rows a second at most.
#[derive(Debug)]
pub struct Rate {
    rows: u32,
    /// When what was spent will have been paid for.
    paid: Mutex<Option<Instant>>,
}

impl Rate {
    /// This many rows a second; 0 for no bound.
    pub const fn new(rows: u32) -> Self {
        Self {
            rows,
            paid: Mutex::new(None),
        }
    }

    /// Waits as long as the rate asks for after this many rows; the time that they took counts.
    pub async fn spend(&self, rows: usize) {
        let Some(until) = self.due(rows, Instant::now()) else {
            return tokio::task::yield_now().await;
        };
        tokio::time::sleep_until(until).await;
    }

    fn due(&self, rows: usize, now: Instant) -> Option<Instant> {
        if self.rows == 0 {
            return None;
        }
        let rows = u32::try_from(rows).unwrap_or(u32::MAX);
        let cost = Duration::from_secs_f64(f64::from(rows) / f64::from(self.rows));
        let mut paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
        // What was not used before is not saved up, but for the batch that has just been made.
        let from = paid.map_or(now, |paid| paid.max(now.checked_sub(cost).unwrap_or(now)));
        let due = from + cost;
        *paid = Some(due);
        Some(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_kept_and_what_was_not_used_is_not_saved_up() {
        let (rate, now) = (Rate::new(1_000), Instant::now());
        let second = Duration::from_secs(1);
        assert_eq!(rate.due(1_000, now), Some(now + second));
        assert_eq!(rate.due(1_000, now + second), Some(now + 2 * second));
        assert_eq!(rate.due(500, now + second), Some(now + 5 * second / 2));
        let later = now + 60 * second;
        assert_eq!(rate.due(1_000, later), Some(later), "it took longer than it may");
        assert_eq!(rate.due(1_000, later), Some(later + second));
        assert_eq!(Rate::new(0).due(1_000, now), None);
    }
}
