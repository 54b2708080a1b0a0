//! From plaintext to what only one pod's sidecar can open.

use splitvault_crypto::SealError;
use splitvault_crypto::sealing::{Context, PublicKey};
use splitvault_wire::{Delivery, REQUEST_LIMIT, RESPONSE_LIMIT, Reason};

use super::{Caller, Refusal};

/// Seals a delivery to the sidecar's key for its pod; there is room in the answer for the certificates.
///
/// # Errors
/// [`Reason::TooLarge`]; [`Reason::Unavailable`] without randomness.
pub(super) fn seal(
    delivery: &Delivery,
    key: &PublicKey,
    caller: &Caller,
    bundle: &str,
) -> Result<Vec<u8>, Refusal> {
    let large = || {
        Refusal::new(
            Reason::TooLarge,
            "the variables together do not fit into one delivery",
        )
    };
    let json = delivery.to_json().map_err(|_| large())?;
    let context = Context::Delivery { pod_uid: &caller.uid };
    // EXPOSE: sealed to the sidecar's key here.
    let sealed = key.seal(&context, json.expose()).map_err(|error| match error {
        SealError::TooLarge { .. } => large(),
        SealError::Random | SealError::Cipher => {
            Refusal::new(Reason::Unavailable, "the operator cannot encrypt; will try again")
        }
    })?;
    if sealed.len() / 3 * 4 + bundle.len() + REQUEST_LIMIT > RESPONSE_LIMIT {
        return Err(large());
    }
    Ok(sealed)
}
