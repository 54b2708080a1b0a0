//! What is to be done about one workload. Pure.

use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};
use splitvault_api::annotations;

use super::tag::Tags;

/// A kind of workload that makes its pods anew when it is told to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Kind {
    Deployment,
    StatefulSet,
    DaemonSet,
    /// Argo's.
    Rollout,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [
        Self::Deployment,
        Self::StatefulSet,
        Self::DaemonSet,
        Self::Rollout,
    ];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
            Self::Rollout => "Rollout",
        }
    }

    /// Group and version.
    pub(super) const fn group(self) -> (&'static str, &'static str) {
        match self {
            Self::Deployment | Self::StatefulSet | Self::DaemonSet => ("apps", "v1"),
            Self::Rollout => ("argoproj.io", "v1alpha1"),
        }
    }

    /// The kind that an owner reference names; `None` for any other, whose pods are left alone.
    pub(super) fn of(api_version: &str, kind: &str) -> Option<Self> {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        Self::ALL
            .into_iter()
            .find(|one| one.as_str() == kind && one.group().0 == group)
    }
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Decision {
    /// It was rolled for this already, or is on its way out.
    Nothing,
    /// It is not rolled while somebody holds it.
    Paused,
    /// It was rolled a moment ago.
    TooSoon,
    /// This merge patch (RFC 7386) rolls it.
    Roll {
        /// Under the optimistic lock of the version that was looked at.
        patch: Value,
        /// What its owner should know.
        note: Option<&'static str>,
    },
}

/// Decides whether `workload` is rolled for these `changes`. `distance` in seconds.
pub(super) fn plan(workload: &Value, kind: Kind, changes: &Tags, now: Timestamp, distance: i64) -> Decision {
    let metadata = &workload["metadata"];
    if !metadata["deletionTimestamp"].is_null() {
        return Decision::Nothing;
    }
    // A Rollout's template stays as it is: another one would begin a canary anew. Its own annotation remembers.
    let holder = if kind == Kind::Rollout {
        metadata
    } else {
        &workload["spec"]["template"]["metadata"]
    };
    let mut had = Tags::parse(holder["annotations"][annotations::RESTARTED_FOR].as_str());
    if changes.0.iter().all(|(name, tag)| had.has(name, tag)) {
        return Decision::Nothing;
    }
    if workload["spec"]["paused"] == json!(true) {
        return Decision::Paused;
    }
    let last = metadata["annotations"][annotations::RESTARTED_AT].as_str();
    let last = last.and_then(|last| last.parse::<Timestamp>().ok());
    // One that is in the future was written by a clock that went wrong.
    if last.is_some_and(|last| (0..distance).contains(&(now.as_second() - last.as_second()))) {
        return Decision::TooSoon;
    }
    let asked = workload["spec"]["template"]["metadata"]["annotations"][annotations::INJECT].as_str();
    if let Some(asked) = asked {
        let named: Vec<_> = asked.split(',').map(str::trim).collect();
        had.0.retain(|name, _| named.contains(&name.as_str()));
    }
    had.0.extend(changes.0.clone());
    Decision::Roll {
        patch: patch(metadata, kind, &had, now),
        note: note(workload, kind),
    }
}

fn patch(metadata: &Value, kind: Kind, tags: &Tags, now: Timestamp) -> Value {
    let now = Timestamp::from_second(now.as_second()).unwrap_or(now).to_string();
    let mut patch = json!({"metadata": {
        "uid": metadata["uid"],
        "resourceVersion": metadata["resourceVersion"],
        "annotations": {annotations::RESTARTED_AT: now},
    }});
    if kind == Kind::Rollout {
        // As `kubectl argo rollouts restart` does.
        patch["spec"] = json!({"restartAt": now});
        patch["metadata"]["annotations"][annotations::RESTARTED_FOR] = tags.text().into();
    } else {
        let annotations = json!({annotations::RESTARTED_FOR: tags.text()});
        patch["spec"] = json!({"template": {"metadata": {"annotations": annotations}}});
    }
    patch
}

fn note(workload: &Value, kind: Kind) -> Option<&'static str> {
    let strategy = &workload["spec"]["updateStrategy"];
    if !matches!(kind, Kind::StatefulSet | Kind::DaemonSet) {
        return None;
    }
    if strategy["type"] == "OnDelete" {
        return Some("its updateStrategy is OnDelete: its pods start anew when somebody deletes them");
    }
    let partition = strategy["rollingUpdate"]["partition"].as_i64();
    partition
        .is_some_and(|partition| partition > 0)
        .then_some("its updateStrategy has a partition: pods below it stay as they are")
}

/// Whether a roll is over, as far as the workload's own controller says. What cannot be told counts as over.
pub(super) fn is_settled(workload: &Value) -> bool {
    let (metadata, spec, status) = (&workload["metadata"], &workload["spec"], &workload["status"]);
    let observed = &status["observedGeneration"];
    // A Rollout writes its as text.
    let observed = observed
        .as_i64()
        .or_else(|| observed.as_str().and_then(|text| text.parse().ok()));
    if observed.is_some_and(|observed| observed < metadata["generation"].as_i64().unwrap_or(0)) {
        return false;
    }
    let number = |value: &Value| value.as_i64();
    let wanted = number(&spec["replicas"]).or_else(|| number(&status["desiredNumberScheduled"]));
    let updated = number(&status["updatedReplicas"]).or_else(|| number(&status["updatedNumberScheduled"]));
    let available = number(&status["availableReplicas"]).or_else(|| number(&status["numberAvailable"]));
    let total = number(&status["replicas"]);
    let strategy = &spec["updateStrategy"];
    // Then pods stay old for as long as somebody likes.
    let held = strategy["type"] == "OnDelete" || number(&strategy["rollingUpdate"]["partition"]) > Some(0);
    match wanted {
        Some(wanted) if !held && spec["paused"] != json!(true) => {
            updated.unwrap_or(0) >= wanted
                && available.unwrap_or(0) >= wanted
                && total.is_none_or(|total| total <= wanted)
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-01-01T01:00:00Z";

    fn now() -> Timestamp {
        NOW.parse().unwrap()
    }

    fn changes() -> Tags {
        Tags::parse(Some("web=aa"))
    }

    fn workload(change: impl FnOnce(&mut Value)) -> Value {
        let mut workload = json!({
            "metadata": {"name": "w", "uid": "d-1", "resourceVersion": "5", "generation": 3},
            "spec": {"replicas": 2, "template": {"metadata": {"annotations": {annotations::INJECT: "web, db"}}}},
        });
        change(&mut workload);
        workload
    }

    fn decide(workload: &Value, kind: Kind) -> Decision {
        plan(workload, kind, &changes(), now(), 60)
    }

    fn patched(workload: &Value, kind: Kind) -> Value {
        let Decision::Roll { patch, .. } = decide(workload, kind) else {
            unreachable!("it is rolled");
        };
        let mut patched = workload.clone();
        json_patch::merge(&mut patched, &patch);
        patched
    }

    #[test]
    fn a_change_rolls_once_and_leaves_a_trace_that_outlives_the_operator() {
        for kind in Kind::ALL {
            let once = patched(&workload(|_| {}), kind);
            assert_eq!(decide(&once, kind), Decision::Nothing, "{kind:?}");
        }
    }

    #[test]
    fn a_rollout_is_restarted_as_its_own_tool_does_and_its_template_stays() {
        let before = workload(|_| {});
        let after = patched(&before, Kind::Rollout);
        assert_eq!(after["spec"]["restartAt"], json!(NOW));
        assert_eq!(after["spec"]["template"], before["spec"]["template"]);
    }

    #[test]
    fn several_changes_are_one_patch_and_those_of_others_stay() {
        let before = workload(|w| {
            w["spec"]["template"]["metadata"]["annotations"][annotations::RESTARTED_FOR] =
                json!("db=bb,gone=cc,web=00");
        });
        let after = patched(&before, Kind::Deployment);
        assert_eq!(
            after["spec"]["template"]["metadata"]["annotations"][annotations::RESTARTED_FOR],
            json!("db=bb,web=aa"),
            "what is not asked for any more goes"
        );
    }

    #[test]
    fn what_is_held_or_was_rolled_a_moment_ago_waits() {
        assert_eq!(
            decide(&workload(|w| w["spec"]["paused"] = json!(true)), Kind::Deployment),
            Decision::Paused
        );
        let rolled = |at: &str| {
            let at = at.to_owned();
            workload(move |w| w["metadata"]["annotations"] = json!({annotations::RESTARTED_AT: at}))
        };
        assert_eq!(
            decide(&rolled("2026-01-01T00:59:01Z"), Kind::Deployment),
            Decision::TooSoon
        );
        for at in [
            "2026-01-01T00:59:00Z",
            "2036-01-01T00:00:00Z",
            "yesterday",
            "",
            "-9999-01-01T00:00:00Z",
        ] {
            assert!(
                matches!(decide(&rolled(at), Kind::Deployment), Decision::Roll { .. }),
                "{at}"
            );
        }
        let leaving = workload(|w| w["metadata"]["deletionTimestamp"] = json!(NOW));
        assert_eq!(decide(&leaving, Kind::Deployment), Decision::Nothing);
    }

    #[test]
    fn a_strategy_that_rolls_nothing_is_told() {
        let told =
            |strategy: Value, kind| match decide(&workload(|w| w["spec"]["updateStrategy"] = strategy), kind)
            {
                Decision::Roll { note, .. } => note,
                _ => None,
            };
        for kind in [Kind::StatefulSet, Kind::DaemonSet] {
            assert!(
                told(json!({"type": "OnDelete"}), kind)
                    .unwrap()
                    .contains("OnDelete")
            );
            assert_eq!(told(json!({"type": "RollingUpdate"}), kind), None);
        }
        let partition = json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 1}});
        assert!(told(partition, Kind::StatefulSet).unwrap().contains("partition"));
    }

    #[test]
    fn only_kinds_that_can_be_rolled_are_owners() {
        for kind in Kind::ALL {
            let (group, version) = kind.group();
            assert_eq!(Kind::of(&format!("{group}/{version}"), kind.as_str()), Some(kind));
        }
        for (version, kind) in [
            ("batch/v1", "Job"),
            ("apps/v1", "ReplicaSet"),
            ("v1", "Node"),
            ("example.org/v1", "Deployment"),
            ("", "Deployment"),
            ("apps/v1", "Rollout"),
        ] {
            assert_eq!(Kind::of(version, kind), None, "{version} {kind}");
        }
    }

    #[test]
    fn a_roll_is_over_when_every_replica_is_new_and_available() {
        let with = |status: Value| {
            let mut workload = workload(|_| {});
            workload["status"] = status;
            is_settled(&workload)
        };
        let status = |generation: Value, total: i64, updated: i64, available: i64| {
            json!({"observedGeneration": generation, "replicas": total, "updatedReplicas": updated,
            "availableReplicas": available})
        };
        assert!(with(status(json!(3), 2, 2, 2)));
        assert!(with(status(json!("3"), 2, 2, 2)), "as a Rollout writes it");
        assert!(!with(status(json!(2), 2, 2, 2)));
        assert!(!with(status(json!(3), 3, 2, 2)));
        assert!(!with(status(json!(3), 2, 1, 2)));
        assert!(!with(status(json!(3), 2, 2, 1)));
        assert!(!with(json!({"observedGeneration": 3})));
        assert!(is_settled(&json!({})), "nothing is known");
        for strategy in [
            json!({"type": "OnDelete"}),
            json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}),
        ] {
            let held = workload(|w| {
                w["spec"]["updateStrategy"] = strategy;
                w["status"] = status(json!(3), 2, 1, 2);
            });
            assert!(is_settled(&held), "nobody waits for pods that stay old");
        }
    }
}
