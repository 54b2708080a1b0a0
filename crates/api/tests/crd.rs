//! The definition as it is shipped: current, complete, and without what would show as drift.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Value, json};

fn shipped() -> CustomResourceDefinition {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../crds/splitvault.dev_vaultsecrets.yaml"
    );
    serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn version() -> Value {
    serde_json::to_value(&splitvault_api::crd().spec.versions[0]).unwrap()
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
fn the_checked_in_file_is_current() {
    assert_eq!(shipped(), splitvault_api::crd(), "run `make generate`");
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
        "revision",
    ];
    assert_eq!(fields("status"), status);
}

#[test]
fn nothing_is_defaulted_nullable_or_unbounded() {
    let mut seen = 0;
    let schema = version()["schema"]["openAPIV3Schema"]["properties"]["spec"].clone();
    walk(&schema, "spec", &mut |path, fields| {
        assert!(
            !fields.contains_key("default") && !fields.contains_key("nullable"),
            "{path}"
        );
        let kind = fields.get("type").and_then(Value::as_str);
        let bounded = match kind {
            Some("string") => fields.contains_key("maxLength") || fields.contains_key("enum"),
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
    let mut rules = 0;
    walk(&version()["schema"], "", &mut |path, fields| {
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
    assert_eq!(rules, 2);
}
