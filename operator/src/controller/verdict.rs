//! What a reconcile found, as conditions after kstatus: Ready always, Reconciling and Stalled only while they are true.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;
use splitvault_api::Reason;

use super::failure::Failure;

/// What a reconcile found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Whether pods get what the object asks for.
    pub ready: bool,
    /// Why, for programs.
    pub reason: Reason,
    /// Why, for people.
    pub message: String,
    /// The one of the two that is true, if any.
    pub trouble: Trouble,
}

/// Whether the operator goes on by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// There is nothing to do.
    Nothing,
    /// The operator goes on trying.
    Reconciling,
    /// Somebody has to do something.
    Stalled,
}

impl Verdict {
    /// All is as the object asks.
    pub fn good(reason: Reason, message: String) -> Self {
        Self {
            ready: true,
            reason,
            message,
            trouble: Trouble::Nothing,
        }
    }

    /// It is not.
    pub fn failed(failure: &Failure) -> Self {
        let trouble = if failure.is_stalled() { Trouble::Stalled } else { Trouble::Reconciling };
        Self {
            ready: false,
            reason: failure.reason(),
            message: failure.to_string(),
            trouble,
        }
    }

    /// The conditions; times of transition are kept where nothing changed.
    pub fn conditions(&self, before: &[Condition], generation: i64, now: Timestamp) -> Vec<Condition> {
        let condition = |type_: &str, status: bool| {
            let status = if status { "True" } else { "False" };
            let same = before.iter().find(|old| old.type_ == type_ && old.status == status);
            Condition {
                type_: type_.to_owned(),
                status: status.to_owned(),
                reason: self.reason.as_str().to_owned(),
                message: self.message.clone(),
                observed_generation: Some(generation),
                last_transition_time: same.map_or(Time(now), |old| old.last_transition_time.clone()),
            }
        };
        let trouble = match self.trouble {
            Trouble::Nothing => None,
            Trouble::Reconciling => Some(condition("Reconciling", true)),
            Trouble::Stalled => Some(condition("Stalled", true)),
        };
        std::iter::once(condition("Ready", self.ready)).chain(trouble).collect()
    }

    /// Whether people should be told: Ready has another status or reason than before.
    pub fn is_transition(&self, before: &[Condition]) -> bool {
        let status = if self.ready { "True" } else { "False" };
        let ready = before.iter().find(|old| old.type_ == "Ready");
        ready.is_none_or(|old| old.status != status || old.reason != self.reason.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Fault;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn status<'a>(conditions: &'a [Condition], type_: &str) -> Option<&'a str> {
        let found = conditions.iter().find(|condition| condition.type_ == type_);
        found.map(|condition| condition.status.as_str())
    }

    #[test]
    fn what_is_good_has_neither_of_the_two_abnormal_conditions() {
        let good = Verdict::good(Reason::Synced, "revision 1".to_owned());
        let conditions = good.conditions(&[], 1, at(0));
        assert_eq!(conditions.len(), 1);
        assert_eq!(status(&conditions, "Ready"), Some("True"));
    }

    #[test]
    fn what_heals_by_itself_is_reconciling_and_what_needs_a_person_is_stalled() {
        let waiting = Verdict::failed(&Failure::Cluster(Fault::Unavailable)).conditions(&[], 1, at(0));
        assert_eq!((status(&waiting, "Ready"), status(&waiting, "Reconciling")), (Some("False"), Some("True")));
        assert_eq!(status(&waiting, "Stalled"), None);
        let stuck = Verdict::failed(&Failure::Tampered("x".to_owned())).conditions(&[], 1, at(0));
        assert_eq!((status(&stuck, "Ready"), status(&stuck, "Stalled")), (Some("False"), Some("True")));
        assert_eq!(status(&stuck, "Reconciling"), None);
    }

    #[test]
    fn the_time_of_transition_moves_with_the_status_only() {
        let good = Verdict::good(Reason::Synced, "revision 1".to_owned());
        let first = good.conditions(&[], 1, at(10));
        let later = Verdict::good(Reason::Synced, "revision 2".to_owned()).conditions(&first, 2, at(20));
        assert_eq!(later[0].last_transition_time, first[0].last_transition_time);
        assert_eq!(later[0].observed_generation, Some(2));
        let bad = Verdict::failed(&Failure::SealedInvalid("x")).conditions(&later, 3, at(30));
        assert_eq!(bad[0].last_transition_time, Time(at(30)));
    }

    #[test]
    fn the_same_verdict_twice_is_the_same_conditions_and_no_news() {
        let good = Verdict::good(Reason::Synced, "revision 1".to_owned());
        assert!(good.is_transition(&[]));
        let first = good.conditions(&[], 1, at(10));
        assert!(!good.is_transition(&first));
        assert_eq!(good.conditions(&first, 1, at(99)), first);
        assert!(Verdict::failed(&Failure::SealedInvalid("x")).is_transition(&first));
    }
}
