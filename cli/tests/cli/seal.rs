//! What is sealed opens with the right key, for the right object, and nothing leaks beside it.

use splitvault_api::VaultSecret;
use splitvault_crypto::sealing::{Algorithm, UnsealError};

use crate::sealer::{ENV, Sealer};

#[test]
fn the_payload_holds_the_file_as_it_is_for_this_namespace_and_name_only() {
    for algorithm in Algorithm::ALL {
        let sealer = Sealer::of(algorithm);
        let object = sealer.sealed(ENV, &[]);
        assert_eq!(object.metadata.name.as_deref(), Some("web"));
        assert_eq!(object.metadata.namespace.as_deref(), Some("shop"));
        assert_eq!(sealer.open(&object, "shop", "web").unwrap(), ENV);
        assert_eq!(
            sealer.open(&object, "other", "web").unwrap_err(),
            UnsealError::Refused
        );
        assert_eq!(
            sealer.open(&object, "shop", "other").unwrap_err(),
            UnsealError::Refused
        );
    }
}

#[test]
fn a_file_and_standard_input_are_the_same() {
    let sealer = Sealer::new();
    let file = sealer.place.file(".env", ENV);
    let output = sealer.place.run(&[
        "seal",
        &file,
        "--name",
        "web",
        "--namespace",
        "shop",
        "--key-file",
        &sealer.key_file,
        "--output",
        "json",
    ]);
    assert_eq!((output.code, output.stderr.as_str()), (0, ""));
    let object: VaultSecret = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(sealer.open(&object, "shop", "web").unwrap(), ENV);
    let without_file = [
        "seal",
        "--name=web",
        "--namespace=shop",
        "--key-file",
        &sealer.key_file,
    ];
    let output = sealer.place.run_with(&without_file, ENV);
    let object: VaultSecret = serde_saphyr::from_str(&output.stdout).unwrap();
    assert_eq!(sealer.open(&object, "shop", "web").unwrap(), ENV);
}

#[test]
fn two_sealings_of_the_same_differ() {
    let sealer = Sealer::new();
    assert_ne!(sealer.seal(ENV, &[]).stdout, sealer.seal(ENV, &[]).stdout);
}

#[test]
fn options_become_fields() {
    let options = [
        "--expose-names",
        "--service-account",
        "web",
        "--service-account",
        "worker,cron",
    ];
    let spec = Sealer::new().sealed(ENV, &options).spec;
    assert_eq!(spec.expose_names, Some(true));
    assert_eq!(
        spec.access.unwrap().service_accounts.unwrap(),
        ["web", "worker", "cron"]
    );
    let spec = Sealer::new().sealed(ENV, &[]).spec;
    assert_eq!((spec.expose_names, spec.access), (None, None));
}

#[test]
fn references_are_kept_with_a_warning_and_expanded_when_asked() {
    let sealer = Sealer::new();
    let text = "APP=shop\nTITLE=\"${APP} 'x' $APP\"\n";
    let output = sealer.seal(text, &[]);
    assert!(
        output.stderr.contains("TITLE") && output.stderr.contains("--expand"),
        "{}",
        output.stderr
    );
    let object = serde_saphyr::from_str(&output.stdout).unwrap();
    assert_eq!(sealer.open(&object, "shop", "web").unwrap(), text);
    let output = sealer.seal(text, &["--expand"]);
    assert_eq!((output.code, output.stderr.as_str()), (0, ""));
    let object = serde_saphyr::from_str(&output.stdout).unwrap();
    let opened = sealer.open(&object, "shop", "web").unwrap();
    assert_eq!(opened, "APP='shop'\nTITLE=`shop 'x' shop`\n");
    let output = sealer.seal("TITLE=$swordfish", &["--expand"]);
    assert_eq!(output.code, 1);
    assert!(
        output.stderr.contains("TITLE") && !output.stderr.contains("swordfish"),
        "{}",
        output.stderr
    );
}
