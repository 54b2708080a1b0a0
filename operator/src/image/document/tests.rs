use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn digest() -> String {
    format!("sha256:{}", "0a".repeat(32))
}

fn read(document: &Value, served_as: &str) -> Result<Document, Problem> {
    manifest(document.to_string().as_bytes(), served_as)
}

fn image(config_type: &str) -> Value {
    json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": {"mediaType": config_type, "digest": digest(), "size": 2}, "layers": []})
}

#[test]
fn manifests_of_both_formats_lead_to_their_config() {
    for config in CONFIGS {
        assert_eq!(read(&image(config), ""), Ok(Document::Manifest(digest())));
    }
    let mut silent = image(CONFIGS[0]);
    silent.as_object_mut().unwrap().remove("mediaType");
    assert_eq!(
        read(
            &silent,
            "application/vnd.oci.image.manifest.v1+json; charset=utf-8"
        ),
        Ok(Document::Manifest(digest()))
    );
    assert_eq!(read(&silent, "text/html"), Err(Problem::NotAnImage));
}

#[test]
fn an_index_lists_platforms_and_passes_over_what_has_none() {
    let index = json!({"schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": [
        {"digest": digest(), "platform": {"os": "linux", "architecture": "arm", "variant": "v7"}},
        {"digest": digest()},
        {"digest": "nonsense", "platform": {"os": "linux", "architecture": "amd64"}},
    ]});
    let Ok(Document::Index(platforms)) = read(&index, "") else {
        panic!("no index");
    };
    let seen: Vec<_> = platforms
        .iter()
        .map(|one| (one.os.as_str(), one.variant.as_str()))
        .collect();
    assert_eq!(seen, [("linux", "v7")]);
}

#[test]
fn what_is_no_image_is_refused() {
    for not in [
        image("application/vnd.cncf.helm.config.v1+json"),
        image("application/vnd.oci.empty.v1+json"),
        json!({"schemaVersion": 1, "mediaType": "application/vnd.docker.distribution.manifest.v1+prettyjws"}),
    ] {
        assert_eq!(read(&not, ""), Err(Problem::NotAnImage));
    }
    let mut both = image(CONFIGS[0]);
    both["manifests"] = json!([]);
    assert_eq!(read(&both, ""), Err(Problem::Malformed("manifest")));
    let mut no_digest = image(CONFIGS[0]);
    no_digest["config"]["digest"] = json!("../../etc/passwd");
    assert_eq!(read(&no_digest, ""), Err(Problem::Malformed("manifest")));
}

fn run(config: &Value) -> Result<Config, Problem> {
    super::config(
        json!({"os": "linux", "architecture": "amd64", "config": config})
            .to_string()
            .as_bytes(),
    )
}

#[test]
fn entrypoint_and_command_are_found_or_not_there() {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let got = run(&json!({"Entrypoint": ["/a", "b"], "Cmd": ["c"]})).unwrap();
    assert_eq!((got.entrypoint, got.cmd), (words(&["/a", "b"]), words(&["c"])));
    for none in [
        json!(null),
        json!({}),
        json!({"Entrypoint": null, "Cmd": null}),
        json!({"Entrypoint": [""]}),
    ] {
        let got = run(&none).unwrap();
        assert_eq!((got.entrypoint, got.cmd), (vec![], vec![]), "{none}");
    }
}

#[test]
fn other_systems_and_very_long_entrypoints_are_refused() {
    let windows = json!({"os": "windows", "config": {"Cmd": ["cmd"]}}).to_string();
    assert_eq!(super::config(windows.as_bytes()), Err(Problem::NotLinux));
    for words in [vec!["x".repeat(WORDS_LIMIT + 1)], vec![String::new(); WORDS + 1]] {
        assert!(matches!(
            run(&json!({"Cmd": words})),
            Err(Problem::TooLarge { .. })
        ));
    }
    assert!(run(&json!({"Cmd": vec!["x".repeat(WORDS_LIMIT)]})).is_ok());
}

#[test]
fn every_cut_of_a_document_is_refused() {
    let (whole, run) = (image(CONFIGS[0]).to_string(), json!({"os": "linux"}).to_string());
    for end in 0..whole.len() {
        assert_eq!(
            manifest(&whole.as_bytes()[..end], ""),
            Err(Problem::Malformed("manifest"))
        );
    }
    for end in 0..run.len() {
        assert_eq!(
            super::config(&run.as_bytes()[..end]),
            Err(Problem::Malformed("config"))
        );
    }
    let deep = "[".repeat(100_000);
    assert_eq!(manifest(deep.as_bytes(), ""), Err(Problem::Malformed("manifest")));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(content in proptest::collection::vec(any::<u8>(), 0..200), served_as in ".{0,40}") {
        let _either = manifest(&content, &served_as);
        let _either = super::config(&content);
    }
}
