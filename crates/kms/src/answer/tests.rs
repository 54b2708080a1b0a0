use super::*;

fn status(version: &str, healthz: &str, key_id: &str) -> Result<Status, Fault> {
    Status::try_from(StatusResponse {
        version: version.to_owned(),
        healthz: healthz.to_owned(),
        key_id: key_id.to_owned(),
    })
}

fn encrypted(key_id: &str, ciphertext: usize, annotations: &[(&str, usize)]) -> Result<Encrypted, Fault> {
    Encrypted::try_from(EncryptResponse {
        ciphertext: vec![7; ciphertext],
        key_id: key_id.to_owned(),
        annotations: annotations
            .iter()
            .map(|(name, len)| ((*name).to_owned(), vec![0; *len]))
            .collect(),
    })
}

#[test]
fn a_healthy_plugin_speaks_a_version_that_is_known_and_names_its_key() {
    let longest = "k".repeat(1024);
    assert_eq!(status("v2", "ok", "k").unwrap().version, Version::V2);
    assert_eq!(
        status("v2beta1", "ok", &longest).unwrap().version,
        Version::V2Beta1
    );
    assert_eq!(status("v2", "ok", ""), Err(Fault::KeyName { got: 0 }));
    assert_eq!(
        status("v2", "ok", &"k".repeat(1025)),
        Err(Fault::KeyName { got: 1025 })
    );
    for version in ["", "v1", "v1beta1", "v3", "V2", "v2 "] {
        let got = version.to_owned();
        assert_eq!(status(version, "ok", "k"), Err(Fault::Version { got }));
    }
    for healthz in ["", "OK", "ok\n", "sealed"] {
        assert!(
            matches!(status("v2", healthz, "k"), Err(Fault::Unhealthy { .. })),
            "{healthz:?}"
        );
    }
}

#[test]
fn what_a_plugin_says_of_its_health_is_shown_short_and_on_one_line() {
    let healthz = format!("key\n\u{1b}[31m gone {}", "x".repeat(100_000));
    let Err(Fault::Unhealthy { healthz }) = status("v2", &healthz, "k") else {
        panic!("unhealthy")
    };
    assert!(healthz.starts_with("key??[31m gone xxx"), "{healthz}");
    assert!(healthz.len() < 300);
}

#[test]
fn an_encrypted_key_keeps_to_the_api_servers_sizes() {
    assert!(encrypted("k", 1, &[]).is_ok());
    assert!(encrypted("k", 1024, &[]).is_ok());
    assert_eq!(encrypted("k", 0, &[]), Err(Fault::Answer));
    assert_eq!(encrypted("k", 1025, &[]), Err(Fault::Answer));
    assert_eq!(encrypted("", 1, &[]), Err(Fault::KeyName { got: 0 }));
}

#[test]
fn annotations_are_domain_names_and_32_kib_in_all() {
    assert!(encrypted("k", 1, &[("a.b", 32 * 1024 - 3)]).is_ok());
    assert_eq!(encrypted("k", 1, &[("a.b", 32 * 1024 - 2)]), Err(Fault::Answer));
    assert_eq!(
        encrypted("k", 1, &[("a.b", 16 * 1024), ("c.d", 16 * 1024)]),
        Err(Fault::Answer)
    );
    for name in ["local-kek.kms.example.com", "a.b.", "0.1"] {
        assert!(encrypted("k", 1, &[(name, 0)]).is_ok(), "{name}");
    }
    let (label, name) = (format!("{}.b", "a".repeat(64)), ["abc"; 64].join("."));
    for name in [
        "", ".", "a", "a.", "a..b", ".a.b", "A.b", "a_b.c", "-a.b", "a.b-", "a.b..", "ä.b", &label, &name,
    ] {
        assert_eq!(encrypted("k", 1, &[(name, 0)]), Err(Fault::Answer), "{name}");
    }
}

#[test]
fn a_key_is_shown_by_its_hash() {
    let key = KeyName::parse("arn:aws:kms:eu:123456789012:key/1".to_owned()).unwrap();
    assert!(!format!("{key:?}").contains("aws"));
    let abc = KeyName::parse("abc".to_owned()).unwrap().hash();
    // FIPS 180-4, the first example.
    assert_eq!(
        abc,
        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
}
