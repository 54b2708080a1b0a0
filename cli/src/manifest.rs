//! The VaultSecret that `seal` prints. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use splitvault_api::{Access, Sealed, Source, VaultSecret, VaultSecretSpec};
use splitvault_crypto::KeyId;

use crate::args::ManifestFormat;

/// The most characters of base64 that the VaultSecret's schema takes.
pub(crate) const PAYLOAD: usize = 1_500_000;

/// What a manifest is made of.
pub(crate) struct Parts<'a> {
    pub(crate) name: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) key: KeyId,
    pub(crate) sealed: &'a [u8],
    pub(crate) expose_names: bool,
    pub(crate) service_accounts: &'a [String],
}

/// The VaultSecret of these parts. What was not asked for is absent.
pub(crate) fn manifest(parts: &Parts<'_>) -> VaultSecret {
    let sealed = Sealed {
        key_id: parts.key.to_string(),
        payload: STANDARD.encode(parts.sealed),
    };
    let access = (!parts.service_accounts.is_empty()).then(|| Access {
        service_accounts: Some(parts.service_accounts.to_vec()),
        ..Access::default()
    });
    let spec = VaultSecretSpec {
        source: Some(Source {
            sealed: Some(sealed),
            secret_ref: None,
        }),
        expose_names: parts.expose_names.then_some(true),
        access,
        ..VaultSecretSpec::default()
    };
    let mut object = VaultSecret::new(parts.name, spec);
    object.metadata.namespace = Some(parts.namespace.to_owned());
    object
}

/// The manifest as text, with a line end. `None` when it cannot be written, which no manifest of ours brings about.
pub(crate) fn text(object: &VaultSecret, format: ManifestFormat) -> Option<String> {
    let mut text = match format {
        ManifestFormat::Yaml => yaml(object),
        ManifestFormat::Json => serde_json::to_string_pretty(object).ok(),
    }?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Some(text)
}

fn yaml(object: &VaultSecret) -> Option<String> {
    // A payload stays on one line, as one word.
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    serde_saphyr::to_string_with_options(object, options).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parts<'a>(name: &'a str, service_accounts: &'a [String]) -> Parts<'a> {
        Parts {
            name,
            namespace: "shop",
            key: KeyId::from_bytes([0x12; 8]),
            sealed: b"sealed",
            expose_names: !service_accounts.is_empty(),
            service_accounts,
        }
    }

    #[test]
    fn what_was_not_asked_for_is_absent() {
        let object = serde_json::to_value(manifest(&parts("web", &[]))).unwrap();
        let expected = json!({
            "apiVersion": "splitvault.dev/v1alpha1",
            "kind": "VaultSecret",
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"source": {"sealed": {"keyID": "1212121212121212", "payload": "c2VhbGVk"}}},
        });
        assert_eq!(object, expected);
    }

    #[test]
    fn what_was_asked_for_is_there() {
        let accounts = ["web".to_owned(), "worker".to_owned()];
        let object = serde_json::to_value(manifest(&parts("web", &accounts))).unwrap();
        assert_eq!(object["spec"]["exposeNames"], true);
        assert_eq!(
            object["spec"]["access"],
            json!({"serviceAccounts": ["web", "worker"]})
        );
    }

    #[test]
    fn yaml_reads_as_the_same_object_even_where_words_look_like_numbers() {
        for name in ["web", "123", "true", "null", "1e3", "0x1f", "no", "1.5"] {
            let accounts = ["1".to_owned(), "off".to_owned()];
            let object = manifest(&parts(name, &accounts));
            let yaml = text(&object, ManifestFormat::Yaml).unwrap();
            assert!(
                yaml.contains("keyID: '1212121212121212'") || yaml.contains("keyID: \"1212121212121212\"")
            );
            assert_eq!(
                serde_saphyr::from_str::<VaultSecret>(&yaml).unwrap(),
                object,
                "{yaml}"
            );
        }
    }

    #[test]
    fn the_largest_payload_stays_on_one_line() {
        let sealed = vec![7; PAYLOAD / 4 * 3];
        let object = manifest(&Parts {
            sealed: &sealed,
            ..parts("web", &[])
        });
        let yaml = text(&object, ManifestFormat::Yaml).unwrap();
        assert!(yaml.lines().count() < 15, "one line for the payload");
        assert_eq!(serde_saphyr::from_str::<VaultSecret>(&yaml).unwrap(), object);
    }
}
