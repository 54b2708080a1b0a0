//! Who may have a VaultSecret: what its owner wrote, and whether a pod is among those.
//!
//! The cluster's own consent to pods of other namespaces is the operator's to know, not here.

#![expect(
    unreachable_pub,
    reason = "the derive of KubeSchema repeats each struct, with its `pub`, in a function"
)]

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who may have the variables. What is absent does not restrict.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.serviceAccounts) || has(self.podSelector) || has(self.namespaces)")
    .message("give serviceAccounts, podSelector or namespaces; or leave access out, for every pod of the namespace"))]
pub struct Access {
    /// ServiceAccounts of the same namespace. Absent: every one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 100),
        inner(
            length(min = 1, max = 253),
            regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")
        )
    )]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub service_accounts: Option<Vec<String>>,
    /// Only pods with these labels, whatever their namespace. Absent: every pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_selector: Option<PodSelector>,
    /// Other namespaces whose pods may have the variables too, where the installation lets them
    /// (`crossNamespace.allowed` of its chart). Absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".to_owned()]))]
    pub namespaces: Option<Vec<NamespaceAccess>>,
}

/// Another namespace whose pods may have the variables.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceAccess {
    /// The namespace's name.
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub name: String,
    /// ServiceAccounts of that namespace. Absent: every one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 100),
        inner(
            length(min = 1, max = 253),
            regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")
        )
    )]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub service_accounts: Option<Vec<String>>,
}

/// A label selector as everywhere in Kubernetes: all of it must be so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.matchLabels) || has(self.matchExpressions)")
    .message("give matchLabels or matchExpressions; a selector without either would select every pod"))]
pub struct PodSelector {
    /// Labels and the values that they must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("minProperties" = 1, "maxProperties" = 32))]
    pub match_labels: Option<BTreeMap<String, LabelValue>>,
    /// What must be so of labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub match_expressions: Option<Vec<LabelRequirement>>,
}

/// The value of a label; may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct LabelValue(
    #[schemars(
        length(max = 63),
        regex(pattern = r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$")
    )]
    pub String,
);

/// What must be so of a label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.operator in ['In', 'NotIn'] ? has(self.values) : !has(self.values)")
    .message("In and NotIn need values; Exists and DoesNotExist take none"))]
pub struct LabelRequirement {
    /// The label's key.
    #[schemars(length(min = 1, max = 317))]
    pub key: String,
    /// How it is to stand to the values.
    pub operator: LabelOperator,
    /// The values, for `In` and `NotIn`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub values: Option<Vec<LabelValue>>,
}

/// How a label is to stand to values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum LabelOperator {
    /// It is there and has one of them.
    In,
    /// It is not there, or has none of them.
    NotIn,
    /// It is there.
    Exists,
    /// It is not there.
    DoesNotExist,
}

/// A pod that asks, as the API server has it.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    /// Where the pod is.
    pub namespace: &'a str,
    /// As which ServiceAccount of that namespace it runs.
    pub service_account: &'a str,
    /// Its labels.
    pub labels: &'a BTreeMap<String, String>,
}

impl Access {
    /// Whether the owner of a VaultSecret in `home` lets this pod have it.
    pub(crate) fn allows(&self, home: &str, asker: &Asker<'_>) -> bool {
        let listed = if asker.namespace == home {
            lists(self.service_accounts.as_ref(), asker.service_account)
        } else {
            self.lists_foreign(asker)
        };
        let selector = self.pod_selector.as_ref();
        listed && selector.is_none_or(|selector| selector.matches(asker.labels))
    }

    fn lists_foreign(&self, asker: &Asker<'_>) -> bool {
        let mut namespaces = self.namespaces.iter().flatten();
        namespaces.any(|namespace| {
            namespace.name == asker.namespace
                && lists(namespace.service_accounts.as_ref(), asker.service_account)
        })
    }
}

/// An empty list, which the schema does not let through, lists nobody.
fn lists(accounts: Option<&Vec<String>>, account: &str) -> bool {
    accounts.is_none_or(|accounts| accounts.iter().any(|name| name == account))
}

impl PodSelector {
    /// Whether all of it is so of these labels. One that is empty, which the schema does not let through, selects no
    /// pod.
    #[must_use]
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let mut wanted = self.match_labels.iter().flatten();
        let mut expressions = self.match_expressions.iter().flatten();
        let says_something = self
            .match_labels
            .as_ref()
            .is_some_and(|wanted| !wanted.is_empty())
            || self.match_expressions.as_ref().is_some_and(|all| !all.is_empty());
        says_something
            && wanted.all(|(key, value)| labels.get(key) == Some(&value.0))
            && expressions.all(|expression| expression.holds(labels))
    }
}

impl LabelRequirement {
    fn holds(&self, labels: &BTreeMap<String, String>) -> bool {
        let has = labels.get(&self.key);
        let among = |value: &String| self.values.iter().flatten().any(|one| one.0 == *value);
        match self.operator {
            LabelOperator::In => has.is_some_and(among),
            LabelOperator::NotIn => !has.is_some_and(among),
            LabelOperator::Exists => has.is_some(),
            LabelOperator::DoesNotExist => has.is_none(),
        }
    }
}
