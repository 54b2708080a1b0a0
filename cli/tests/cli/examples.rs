//! The examples are good ones.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use splitvault_api::{Request, VaultSecret};

use crate::program::Place;

fn directory() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples"))
}

/// Every object of every manifest, with the name of its file.
fn objects() -> Vec<(String, Value)> {
    let mut objects = Vec::new();
    for entry in fs::read_dir(directory()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.ends_with(".yaml") {
            let text = fs::read_to_string(&path).unwrap();
            let read: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
            objects.extend(read.into_iter().map(|object| (name.clone(), object)));
        }
    }
    objects
}

#[test]
fn the_env_file_has_no_findings() {
    let file = directory().join("web.env");
    let output = Place::new().run(&["lint", file.to_str().unwrap()]);
    assert_eq!((output.code, output.stdout.as_str()), (0, ""));
}

#[test]
fn every_vault_secret_is_one() {
    let mut seen = 0;
    for (file, object) in objects() {
        if object["kind"] == "VaultSecret" {
            let read: VaultSecret = serde_json::from_value(object.clone()).unwrap();
            assert_eq!(
                serde_json::to_value(read).unwrap(),
                object,
                "{file}: no field is unknown"
            );
            seen += 1;
        }
    }
    assert_eq!(seen, 3);
}

#[test]
fn every_pod_asks_for_an_injection_that_is_understood() {
    let mut seen = 0;
    for (file, object) in objects() {
        let template = &object["spec"]["template"];
        let metadata = match object["kind"].as_str().unwrap() {
            "Pod" => &object["metadata"],
            "Deployment" | "StatefulSet" | "Job" => &template["metadata"],
            _ => continue,
        };
        let annotations: BTreeMap<String, String> =
            serde_json::from_value(metadata["annotations"].clone()).unwrap();
        let request = Request::parse(&annotations).unwrap();
        assert!(request.is_some(), "{file} asks for nothing");
        seen += 1;
    }
    assert_eq!(seen, 4);
}
