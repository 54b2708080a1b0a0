//! The installation and its keys.

use splitvault_crypto::KeyId;

use super::id;
use crate::keys::{KeyState, KeyStore, Ring, Root, WrappedKey};

pub(super) async fn refuses_two_active_keys_of_one_ring(keys: &dyn KeyStore) {
    assert!(keys.root().await.expect("root answers").is_none(), "nothing yet");
    let root = Root {
        installation: id(),
        keys: vec![
            wrapped(Ring::Names, KeyState::Active),
            wrapped(Ring::Names, KeyState::Active),
        ],
        last: None,
    };
    keys.found(root, Vec::new())
        .await
        .expect_err("two active keys of a ring are refused");
    assert!(
        keys.root().await.expect("root answers").is_none(),
        "a refused root leaves nothing"
    );
}

pub(super) async fn is_founded_once(keys: &dyn KeyStore) {
    let mut all: Vec<_> = KeyState::ALL.map(|state| wrapped(Ring::Names, state)).into();
    all.extend([
        wrapped(Ring::Values, KeyState::Active),
        wrapped(Ring::Sealing, KeyState::Active),
    ]);
    all.sort_unstable_by_key(|key| key.id);
    let root = Root {
        installation: id(),
        keys: all,
        last: None,
    };
    let sorted = |mut root: Root| {
        root.keys.sort_unstable_by_key(|key| key.id);
        root
    };
    assert!(
        sorted(keys.found(root.clone(), Vec::new()).await.expect("found answers")) == root,
        "the first is kept"
    );
    let second = Root {
        installation: id(),
        keys: vec![wrapped(Ring::Names, KeyState::Active)],
        last: None,
    };
    assert!(
        sorted(keys.found(second, Vec::new()).await.expect("found answers")) == root,
        "the second gets the first"
    );
    let kept = keys.root().await.expect("root answers").expect("there is a root");
    assert!(sorted(kept) == root, "the root is as it was founded");
}

pub(super) fn wrapped(ring: Ring, state: KeyState) -> WrappedKey {
    WrappedKey {
        ring,
        id: KeyId::make().expect("randomness"),
        state,
        wrapped: (state != KeyState::Destroyed).then(|| vec![7; 90]),
        entered: 0,
        activated: 0,
        drawn: 0,
        operations: 0,
    }
}
