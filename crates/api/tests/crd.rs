//! The definitions as they are shipped: current, complete, and without what would show as drift.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Value, json};

fn shipped(directory: &str, plural: &str) -> CustomResourceDefinition {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let path = format!("{root}/{directory}/splitvault.dev_{plural}.yaml");
    serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn version() -> Value {
    version_of(&splitvault_api::crd())
}

fn version_of(crd: &CustomResourceDefinition) -> Value {
    serde_json::to_value(&crd.spec.versions[0]).unwrap()
}

fn keys(schema: &Value) -> Vec<&str> {
    schema["properties"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

/// Every object in it, with its path.
fn walk(value: &Value, path: &str, visit: &mut impl FnMut(&str, &serde_json::Map<String, Value>)) {
    match value {
        Value::Object(fields) => {
            visit(path, fields);
            fields
                .iter()
                .for_each(|(field, value)| walk(value, &format!("{path}.{field}"), visit));
        }
        Value::Array(items) => items.iter().for_each(|item| walk(item, path, visit)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn the_checked_in_files_are_current() {
    for directory in ["crds", "charts/splitvault/files"] {
        let (secrets, requests) = (
            shipped(directory, "vaultsecrets"),
            shipped(directory, "vaultrequests"),
        );
        assert_eq!(secrets, splitvault_api::crd(), "run `make generate`");
        assert_eq!(requests, splitvault_api::request_crd(), "run `make generate`");
    }
}

#[test]
fn people_find_requests_and_read_them() {
    let crd = splitvault_api::request_crd();
    let value = serde_json::to_value(&crd).unwrap();
    assert_eq!(value["metadata"]["name"], "vaultrequests.splitvault.dev");
    assert_eq!(value["spec"]["names"]["shortNames"], json!(["vr"]));
    assert_eq!(value["spec"]["names"]["categories"], json!(["splitvault"]));
    assert_eq!(value["spec"]["scope"], "Namespaced");
    let version = version_of(&crd);
    let columns: Vec<_> = version["additionalPrinterColumns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| column["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        columns,
        ["Action", "VaultSecret", "Requester", "Complete", "Reason", "Age"]
    );
    assert_eq!(version["subresources"], json!({"status": {}}));
    let schema = &version["schema"]["openAPIV3Schema"]["properties"];
    assert_eq!(
        keys(&schema["spec"]),
        [
            "action",
            "dryRun",
            "publicKey",
            "requester",
            "revision",
            "ring",
            "ttlSeconds",
            "vaultSecretName"
        ]
    );
    assert_eq!(
        schema["spec"]["required"],
        json!(["action"]),
        "a person writes the rest as needed"
    );
}

#[test]
fn people_find_it_and_read_it() {
    let crd = serde_json::to_value(splitvault_api::crd()).unwrap();
    assert_eq!(crd["metadata"]["name"], "vaultsecrets.splitvault.dev");
    assert_eq!(crd["spec"]["names"]["shortNames"], json!(["vs"]));
    assert_eq!(crd["spec"]["names"]["categories"], json!(["splitvault"]));
    assert_eq!(crd["spec"]["scope"], "Namespaced");
    let columns = version()["additionalPrinterColumns"].clone();
    let columns: Vec<_> = columns
        .as_array()
        .unwrap()
        .iter()
        .map(|column| column["name"].as_str().unwrap())
        .collect();
    assert_eq!(columns, ["Ready", "Reason", "Revision", "Entries", "Age"]);
    assert_eq!(version()["subresources"], json!({"status": {}}));
}

#[test]
fn every_field_of_the_design_is_there() {
    let schema = version()["schema"]["openAPIV3Schema"]["properties"].clone();
    let fields = |part: &str| -> Vec<String> {
        schema[part]["properties"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect()
    };
    let spec = [
        "access",
        "deletionPolicy",
        "exposeNames",
        "generate",
        "historyLimit",
        "onChange",
        "output",
        "source",
        "suspend",
    ];
    assert_eq!(fields("spec"), spec);
    let status = [
        "conditions",
        "digest",
        "entries",
        "history",
        "observedGeneration",
        "outputSecretName",
        "restartedRevision",
        "restoredFrom",
        "revision",
    ];
    assert_eq!(fields("status"), status);
}

#[test]
fn nothing_is_defaulted_nullable_or_unbounded() {
    let (secrets, requests) = (version(), version_of(&splitvault_api::request_crd()));
    for version in [secrets, requests] {
        bounded(&version["schema"]["openAPIV3Schema"]["properties"]["spec"]);
    }
}

fn bounded(schema: &Value) {
    let mut seen = 0;
    walk(schema, "spec", &mut |path, fields| {
        assert!(
            !fields.contains_key("default") && !fields.contains_key("nullable"),
            "{path}"
        );
        let kind = fields.get("type").and_then(Value::as_str);
        let bounded = match kind {
            Some("string") => {
                fields.contains_key("maxLength")
                    || fields.contains_key("enum")
                    || fields.get("format") == Some(&json!("date-time"))
            }
            Some("array") => fields.contains_key("maxItems") && fields.contains_key("x-kubernetes-list-type"),
            Some("integer") => fields.contains_key("minimum") && fields.contains_key("maximum"),
            _ => return,
        };
        seen += 1;
        assert!(bounded, "{path} is not bounded");
    });
    assert!(seen > 10, "the walk reaches the fields");
}

#[test]
fn lists_merge_as_people_expect() {
    let schema = version()["schema"]["openAPIV3Schema"]["properties"].clone();
    let conditions = &schema["status"]["properties"]["conditions"];
    assert_eq!(conditions["x-kubernetes-list-type"], "map");
    assert_eq!(conditions["x-kubernetes-list-map-keys"], json!(["type"]));
    let generate = &schema["spec"]["properties"]["generate"];
    assert_eq!(generate["x-kubernetes-list-map-keys"], json!(["name"]));
    let accounts = &schema["spec"]["properties"]["access"]["properties"]["serviceAccounts"];
    assert_eq!(accounts["x-kubernetes-list-type"], "set");
}

#[test]
fn each_rule_of_the_api_server_has_a_sentence() {
    assert_eq!(rules(&version()), 5);
    assert_eq!(rules(&version_of(&splitvault_api::request_crd())), 7);
}

fn rules(version: &Value) -> usize {
    let mut rules = 0;
    walk(&version["schema"], "", &mut |path, fields| {
        for rule in fields
            .get("x-kubernetes-validations")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            rules += 1;
            assert!(
                rule["message"].as_str().is_some_and(|message| message.len() > 20),
                "{path}"
            );
        }
    });
    rules
}
