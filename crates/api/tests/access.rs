//! Who may have a VaultSecret.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;

use serde_json::{Value, json};
use splitvault_api::{Asker, PodSelector, VaultSecretSpec};

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

/// Whether a pod may have the VaultSecret of namespace `shop` with this access.
fn may(access: &Value, namespace: &str, service_account: &str, pairs: &[(&str, &str)]) -> bool {
    let spec = json!({"generate": [{"name": "A"}], "access": access});
    let spec: VaultSecretSpec = serde_json::from_value(spec).unwrap();
    let labels = labels(pairs);
    let asker = Asker {
        namespace,
        service_account,
        labels: &labels,
    };
    spec.allows("shop", &asker)
}

fn selects(selector: &Value, pairs: &[(&str, &str)]) -> bool {
    let selector: PodSelector = serde_json::from_value(selector.clone()).unwrap();
    selector.matches(&labels(pairs))
}

#[test]
fn without_access_it_is_for_the_namespace_and_for_no_other() {
    assert!(may(&Value::Null, "shop", "any", &[]));
    for other in ["team-b", "", "sho", "shop2", "SHOP"] {
        assert!(!may(&Value::Null, other, "any", &[]), "{other}");
    }
}

#[test]
fn what_is_given_all_has_to_be_so() {
    let access = json!({"serviceAccounts": ["web"], "podSelector": {"matchLabels": {"app": "web"}}});
    let app = [("app", "web"), ("tier", "front")];
    assert!(may(&access, "shop", "web", &app));
    assert!(!may(&access, "shop", "other", &app) && !may(&access, "shop", "web", &[("app", "db")]));
    assert!(!may(&access, "shop", "web", &[]) && !may(&access, "team-b", "web", &app));
    let labelled = json!({"podSelector": {"matchLabels": {"app": "web"}}});
    assert!(may(&labelled, "shop", "any", &app) && !may(&labelled, "shop", "any", &[]));
}

#[test]
fn another_namespace_has_to_be_named_and_may_be_narrowed() {
    let access = json!({"namespaces": [{"name": "team-b", "serviceAccounts": ["web"]}, {"name": "team-c"}]});
    assert!(may(&access, "shop", "any", &[]), "its own namespace as before");
    assert!(may(&access, "team-b", "web", &[]) && !may(&access, "team-b", "other", &[]));
    assert!(may(&access, "team-c", "any", &[]) && !may(&access, "team-d", "web", &[]));
    // ServiceAccounts of the same name in another namespace are other ones.
    let own =
        json!({"serviceAccounts": ["web"], "namespaces": [{"name": "team-b", "serviceAccounts": ["job"]}]});
    assert!(!may(&own, "team-b", "web", &[]) && !may(&own, "shop", "job", &[]));
    let both = json!({"podSelector": {"matchLabels": {"app": "web"}}, "namespaces": [{"name": "team-b"}]});
    assert!(may(&both, "team-b", "any", &[("app", "web")]) && !may(&both, "team-b", "any", &[]));
}

#[test]
fn each_operator_means_what_it_means_in_kubernetes() {
    let one = |operator: &str, values: Value| {
        let mut requirement = json!({"key": "tier", "operator": operator});
        if !values.is_null() {
            requirement["values"] = values;
        }
        json!({"matchExpressions": [requirement]})
    };
    let (front, back, none) = ([("tier", "front")], [("tier", "back")], [("app", "front")]);
    let cases = [
        (one("In", json!(["front", "edge"])), [true, false, false]),
        (one("NotIn", json!(["front", "edge"])), [false, true, true]),
        (one("Exists", Value::Null), [true, true, false]),
        (one("DoesNotExist", Value::Null), [false, false, true]),
    ];
    for (selector, expected) in cases {
        let got = [&front, &back, &none].map(|pairs| selects(&selector, pairs));
        assert_eq!(got, expected, "{selector}");
    }
    let all =
        json!({"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "tier", "operator": "Exists"}]});
    assert!(selects(&all, &[("app", "web"), ("tier", "")]) && !selects(&all, &[("app", "web")]));
    assert!(
        selects(&json!({"matchLabels": {"app": ""}}), &[("app", "")]),
        "an empty value is a value"
    );
}

#[test]
fn what_the_schema_does_not_let_through_lets_nobody_through() {
    for access in [
        json!({"serviceAccounts": []}),
        json!({"podSelector": {}}),
        json!({"podSelector": {"matchLabels": {}, "matchExpressions": []}}),
        json!({"podSelector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}),
    ] {
        assert!(!may(&access, "shop", "web", &[("app", "web")]), "{access}");
    }
    assert!(!may(&json!({"namespaces": []}), "team-b", "web", &[]));
}
