//! Wrapping and unwrapping by a plugin that works, that misbehaves, and that is gone.

use std::io::{ErrorKind, Write as _};
use std::os::unix::net::UnixListener;
use std::time::Duration;

use splitvault_crypto::{Id, MasterKey, Names, Values};
use splitvault_kms::{Fault, KmsKek, State};
use splitvault_vault::{Kek, KekFault};

use crate::plugin::{Plugin, provider};

fn names(plugin: &Plugin) -> KmsKek<Names> {
    KmsKek::new(plugin.provider())
}

async fn wrap(kek: &KmsKek<Names>) -> Result<(MasterKey<Names>, Vec<u8>), KekFault> {
    let key = MasterKey::make().unwrap();
    let wrapped = kek.wrap(Id::ZERO, &key).await?;
    Ok((key, wrapped))
}

/// Whether the same key came back: what one seals, the other opens.
async fn opens(kek: &KmsKek<Names>, key: MasterKey<Names>, wrapped: &[u8]) -> bool {
    use splitvault_crypto::{Coordinates, KeyRing};
    let at = Coordinates {
        installation: Id::ZERO,
        environment: Id::ZERO,
        revision: 1,
        entry: Id::ZERO,
    };
    let Ok(again) = kek.unwrap(Id::ZERO, key.id(), wrapped).await else {
        return false;
    };
    let sealed = KeyRing::new(key).seal(&at, b"canary").unwrap();
    KeyRing::new(again).open(&at, &sealed).unwrap().expose() == b"canary"
}

#[tokio::test]
async fn what_the_plugin_wraps_it_unwraps_also_after_sigkill() {
    let mut plugin = Plugin::start().await;
    let kek = names(&plugin);
    let (key, wrapped) = wrap(&kek).await.unwrap();
    let label = "sealing-key/1";
    let sealed = kek.seal_bytes(Id::ZERO, label, b"private").await.unwrap();
    plugin.kill();
    let gone = kek.open_bytes(Id::ZERO, label, &sealed).await;
    assert!(matches!(gone, Err(KekFault::Unavailable { .. })), "{gone:?}");
    plugin.restart().await;
    assert_eq!(
        kek.open_bytes(Id::ZERO, label, &sealed).await.unwrap().expose(),
        b"private"
    );
    assert!(opens(&kek, key, &wrapped).await);
}

#[tokio::test]
async fn the_plugin_sees_32_bytes_and_never_a_master_key() {
    let plugin = Plugin::start().await;
    let kek = names(&plugin);
    let secret = [7; 4000];
    let sealed = kek.seal_bytes(Id::ZERO, "large", &secret).await.unwrap();
    // nonce 12, the one-time key 32, tag 16: however large the secret is.
    let ciphertext_length = [0, 60];
    let kms = sealed.windows(2).position(|two| two == ciphertext_length);
    assert!(kms.is_some());
    assert_eq!(
        kek.open_bytes(Id::ZERO, "large", &sealed).await.unwrap().expose(),
        secret
    );
}

#[tokio::test]
async fn nothing_opens_at_another_place_or_for_the_other_ring() {
    let plugin = Plugin::start().await;
    let provider = plugin.provider();
    let (names, values) = (
        KmsKek::<Names>::new(provider.clone()),
        KmsKek::<Values>::new(provider),
    );
    let (key, wrapped) = wrap(&names).await.unwrap();
    let (other, other_wrapped) = wrap(&names).await.unwrap();
    let refused = |result: Result<(), KekFault>| assert_eq!(result, Err(KekFault::Refused));
    let installation = Id::make().unwrap();
    refused(names.unwrap(installation, key.id(), &wrapped).await.map(drop));
    refused(names.unwrap(Id::ZERO, other.id(), &wrapped).await.map(drop));
    refused(names.unwrap(Id::ZERO, key.id(), &other_wrapped).await.map(drop));
    refused(values.unwrap(Id::ZERO, key.id(), &wrapped).await.map(drop));
    let sealed = names.seal_bytes(Id::ZERO, "a", b"x").await.unwrap();
    refused(names.open_bytes(Id::ZERO, "b", &sealed).await.map(drop));
    refused(values.open_bytes(Id::ZERO, "a", &sealed).await.map(drop));
    refused(names.unwrap(Id::ZERO, key.id(), &sealed).await.map(drop));
}

#[tokio::test]
async fn any_altered_byte_is_refused() {
    let plugin = Plugin::start().await;
    // A second key, so that a changed name may hit one that exists.
    plugin.rotate("key-2");
    let kek = names(&plugin);
    let (key, wrapped) = wrap(&kek).await.unwrap();
    assert!(kek.unwrap(Id::ZERO, key.id(), &wrapped).await.is_ok());
    for at in 0..wrapped.len() {
        for flip in [1, 0x80] {
            let mut altered = wrapped.clone();
            altered[at] ^= flip;
            let got = kek.unwrap(Id::ZERO, key.id(), &altered).await;
            assert!(
                matches!(got, Err(KekFault::Refused | KekFault::Unknown { .. })),
                "byte {at}: {got:?}"
            );
        }
    }
    for len in 0..wrapped.len() {
        let got = kek.unwrap(Id::ZERO, key.id(), &wrapped[..len]).await;
        assert_eq!(got.err(), Some(KekFault::Refused), "{len} bytes");
    }
}

#[tokio::test]
async fn a_rotated_key_is_noticed_and_the_old_one_still_unwraps() {
    let plugin = Plugin::start().await;
    let kek = names(&plugin);
    let (key, wrapped) = wrap(&kek).await.unwrap();
    assert_eq!(kek.is_current(&wrapped).await, Ok(true));
    let before = kek.describe();
    plugin.rotate("key-2");
    plugin.provider().look().await.unwrap();
    // Anything new is under the new key at once, whatever was seen before.
    let (_, newer) = wrap(&kek).await.unwrap();
    assert_eq!(kek.is_current(&newer).await, Ok(true));
    assert_eq!(kek.is_current(&wrapped).await, Ok(false));
    assert!(kek.made(&wrapped));
    assert_ne!(kek.describe(), before);
    assert!(!kek.describe().contains("key-2"), "a hash, not the key_id");
    assert!(opens(&kek, key, &wrapped).await);
}

#[tokio::test]
async fn a_key_that_the_plugin_lost_or_replaced_is_refused() {
    let plugin = Plugin::start().await;
    let kek = names(&plugin);
    let (key, wrapped) = wrap(&kek).await.unwrap();
    let right = plugin.key("key-1");
    plugin.put_key("key-1", &[9; 32]);
    let wrong = kek.unwrap(Id::ZERO, key.id(), &wrapped).await;
    assert_eq!(wrong.err(), Some(KekFault::Refused));
    plugin.rotate("key-2");
    plugin.lose("key-1");
    let lost = kek.unwrap(Id::ZERO, key.id(), &wrapped).await;
    assert_eq!(lost.err(), Some(KekFault::Refused));
    plugin.put_key("key-1", &right);
    assert!(opens(&kek, key, &wrapped).await);
}

#[tokio::test]
async fn another_provider_is_told_by_its_name() {
    let plugin = Plugin::start().await;
    let kek = names(&plugin);
    let other = KmsKek::<Names>::new(plugin.named("vendor"));
    let (key, wrapped) = wrap(&kek).await.unwrap();
    assert!(kek.made(&wrapped) && !other.made(&wrapped));
    let Err(KekFault::Unknown { needed }) = other.unwrap(Id::ZERO, key.id(), &wrapped).await else {
        panic!("unknown")
    };
    assert_eq!(needed, kek.describe());
    let file = splitvault_crypto::FileKek::<Names>::make().unwrap();
    let by_file = file.wrap(Id::ZERO, &key).unwrap();
    assert!(!kek.made(&by_file) && !Kek::made(&file, &wrapped));
}

#[tokio::test]
async fn an_unhealthy_plugin_unwraps_and_does_not_wrap() {
    let plugin = Plugin::start().await;
    let (provider, kek) = (plugin.provider(), names(&plugin));
    let (key, wrapped) = wrap(&kek).await.unwrap();
    for (whim, detail) in [
        ("unhealthy", "sealed"),
        ("version", "v1"),
        ("key-id", ""),
        ("key-id", &"k".repeat(1025)),
    ] {
        plugin.whim(whim, detail);
        let refused = wrap(&kek).await.map(drop);
        assert!(
            matches!(
                refused,
                Err(KekFault::Unavailable { .. } | KekFault::Protocol { .. })
            ),
            "{whim}: {refused:?}"
        );
        provider.look().await.unwrap_err();
        assert!(!provider.health().borrow().is_up(), "{whim}");
        assert!(kek.unwrap(Id::ZERO, key.id(), &wrapped).await.is_ok(), "{whim}");
        plugin.behave();
        provider.look().await.unwrap();
        assert!(provider.health().borrow().is_up());
    }
    assert!(wrap(&kek).await.is_ok());
}

#[tokio::test]
async fn an_encrypt_under_another_key_than_the_status_names_is_refused() {
    let plugin = Plugin::start().await;
    plugin.rotate("key-2");
    plugin.whim("key-id", "key-1");
    let kek = names(&plugin);
    let Err(KekFault::Protocol { why }) = wrap(&kek).await.map(drop) else {
        panic!("refused")
    };
    assert!(!why.contains("key-1") && !why.contains("key-2"), "{why}");
}

#[tokio::test]
async fn a_plugin_that_goes_back_and_forth_is_found_out() {
    let plugin = Plugin::start().await;
    plugin.rotate("key-2");
    plugin.whim("flip", "");
    let provider = plugin.provider();
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(provider.look().await.map(drop));
    }
    assert!(
        matches!(seen[..], [Ok(()), Ok(()), Err(Fault::Unsteady { .. })]),
        "{seen:?}"
    );
    let kek = KmsKek::<Names>::new(provider);
    assert!(matches!(wrap(&kek).await, Err(KekFault::Unavailable { .. })));
}

#[tokio::test]
async fn answers_that_break_the_rules_are_refused() {
    let plugin = Plugin::start().await;
    let kek = names(&plugin);
    let (key, wrapped) = wrap(&kek).await.unwrap();
    for (whim, detail) in [
        ("huge", "0"),
        ("huge", "1025"),
        ("huge", "70000"),
        ("huge", "8000000"),
        ("annotation", "not a domain"),
        ("refuse", "no"),
    ] {
        plugin.whim(whim, detail);
        assert!(wrap(&kek).await.is_err(), "{whim} {detail}");
        plugin.behave();
    }
    for detail in ["", "short", &"x".repeat(32), &"x".repeat(100_000)] {
        plugin.whim("plaintext", detail);
        assert!(kek.unwrap(Id::ZERO, key.id(), &wrapped).await.is_err());
        plugin.behave();
    }
    assert!(opens(&kek, key, &wrapped).await);
}

#[tokio::test]
async fn what_a_plugin_says_of_a_key_is_not_repeated() {
    let plugin = Plugin::start().await;
    let kek = names(&plugin);
    plugin.whim("refuse", "the plaintext was CANARY");
    let error = wrap(&kek).await.unwrap_err().to_string();
    assert!(!error.contains("CANARY"), "{error}");
    assert!(
        error.contains("Encrypt failed with Unknown") && error.contains("uid"),
        "{error}"
    );
}

#[tokio::test]
async fn a_plugin_that_hangs_is_given_up_on() {
    let plugin = Plugin::start().await;
    let provider = plugin.provider();
    plugin.whim("hang", "");
    assert!(matches!(provider.look().await, Err(Fault::TimedOut(_))));
    plugin.behave();
    plugin.whim("slow", "50");
    assert!(provider.look().await.is_ok(), "slow, but within the deadline");
}

#[tokio::test]
async fn nobody_and_nonsense_at_the_socket_are_told_apart_from_a_plugin() {
    let home = tempfile::tempdir().unwrap();
    let socket = home.path().join("kms.sock");
    let provider = provider("kms", &socket);
    assert_eq!(
        provider.look().await.err(),
        Some(Fault::Connect(ErrorKind::NotFound))
    );
    let listener = UnixListener::bind(&socket).unwrap();
    let nonsense = std::thread::spawn(move || {
        for garbage in [&b"HTTP/1.1 200 OK\r\n\r\n"[..], &[0xff; 4096], b""] {
            let (mut stream, _) = listener.accept().unwrap();
            // The client may be gone before all of it is written.
            let _written = stream.write_all(garbage);
        }
    });
    for _ in 0..3 {
        assert!(provider.look().await.is_err());
    }
    nonsense.join().unwrap();
    assert_eq!(
        provider.look().await.err(),
        Some(Fault::Connect(ErrorKind::ConnectionRefused))
    );
}

#[tokio::test]
async fn a_watched_plugin_is_seen_to_go_and_to_come_back() {
    let mut plugin = Plugin::start().await;
    let provider = plugin.provider();
    let mut health = provider.health();
    let watching = tokio::spawn(provider.clone().watch());
    let long = Duration::from_secs(20);
    let up = tokio::time::timeout(long, health.wait_for(|health| health.is_up()));
    let first = up.await.unwrap().unwrap().key.clone();
    plugin.kill();
    // A failed call makes it look at once, not in a minute.
    let kek = KmsKek::<Names>::new(provider.clone());
    assert!(wrap(&kek).await.is_err());
    assert!(matches!(health.borrow().state, State::Down(Fault::Connect(_))));
    plugin.rotate("key-2");
    plugin.restart().await;
    let up = tokio::time::timeout(long, health.wait_for(|health| health.is_up()));
    let second = up.await.unwrap().unwrap().key.clone();
    assert!(first.is_some() && second.is_some() && first != second);
    watching.abort();
}
