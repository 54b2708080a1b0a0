//! Conditions after kstatus: Ready says whether, Reconciling and Stalled say what to expect.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::{Reason, State};

/// True: the content of the source is in both stores.
pub const READY: &str = "Ready";
/// True: not ready, and it heals by itself.
pub const RECONCILING: &str = "Reconciling";
/// True: not ready, and a person must do something.
pub const STALLED: &str = "Stalled";

/// The conditions for `reason`. Each keeps the time of its last transition from `previous` when its status is the
/// same as there; conditions of other types are not ours and are left out.
#[must_use]
pub fn conditions(
    previous: &[Condition],
    reason: Reason,
    message: &str,
    generation: Option<i64>,
    now: &Time,
) -> Vec<Condition> {
    let state = reason.state();
    let is = [
        (READY, state == State::Ready),
        (RECONCILING, state == State::Reconciling),
        (STALLED, state == State::Stalled),
    ];
    build(previous, &is, reason.as_str(), message, generation, now)
}

/// A condition for each type and whether it holds, all with the same reason.
pub(crate) fn build(
    previous: &[Condition],
    is: &[(&str, bool)],
    reason: &str,
    message: &str,
    generation: Option<i64>,
    now: &Time,
) -> Vec<Condition> {
    let condition = |(type_, is): &(&str, bool)| {
        let status = if *is { "True" } else { "False" };
        let before = previous
            .iter()
            .find(|before| before.type_ == *type_ && before.status == status);
        Condition {
            type_: (*type_).to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
            message: message.to_owned(),
            observed_generation: generation,
            last_transition_time: before
                .map_or_else(|| now.clone(), |before| before.last_transition_time.clone()),
        }
    };
    is.iter().map(condition).collect()
}
