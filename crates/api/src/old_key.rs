//! The condition of a VaultSecret whose payload should be sealed anew.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// True: the payload opens, but is sealed to a key that is not the current one. Not there otherwise.
pub const SEALED_WITH_OLD_KEY: &str = "SealedWithOldKey";

/// That condition. It keeps the time of its last transition from `previous` when it was there already.
#[must_use]
pub fn sealed_with_old_key(
    previous: &[Condition],
    message: &str,
    generation: Option<i64>,
    now: &Time,
) -> Condition {
    let before = previous
        .iter()
        .find(|before| before.type_ == SEALED_WITH_OLD_KEY && before.status == "True");
    Condition {
        type_: SEALED_WITH_OLD_KEY.to_owned(),
        status: "True".to_owned(),
        reason: "KeyReplaced".to_owned(),
        message: message.to_owned(),
        observed_generation: generation,
        last_transition_time: before
            .map_or_else(|| now.clone(), |before| before.last_transition_time.clone()),
    }
}
