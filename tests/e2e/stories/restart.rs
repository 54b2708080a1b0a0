//! Workloads that are rolled when the content of what they use changes.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use splitvault_tests::{Kind, Namespace, Workload, eventually};

/// Applies VaultSecrets, all at once.
fn apply(namespace: &Namespace, contents: &[(&str, &str)]) {
    let sealed = |(name, dotenv): &(&str, &str)| {
        let sealed = namespace.seal(name, dotenv, &["--output", "json"]).unwrap();
        let mut object: Value = serde_json::from_str(&sealed).unwrap();
        object["spec"]["onChange"] = "Restart".into();
        object
    };
    let items: Vec<_> = contents.iter().map(sealed).collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
    namespace.apply(&list.to_string()).unwrap();
    for (name, _) in contents {
        namespace.ready(name);
    }
}

fn restarted(namespace: &Namespace, name: &str, revision: i64) {
    let what = format!("VaultSecret {}/{name} is restarted for", namespace.name());
    eventually(&what, || {
        let status = namespace.get("vaultsecret", name)?["status"].clone();
        ensure!(status["restartedRevision"] == revision, "{status}");
        Ok(())
    });
}

fn generation(namespace: &Namespace, kind: &str, name: &str) -> Result<i64> {
    let object = namespace.get(kind, name)?;
    object["metadata"]["generation"].as_i64().context("no generation")
}

fn sees(namespace: &Namespace, workload: &Workload, value: &str) {
    eventually("the process has the new value", || {
        let got = workload.variable(namespace, "GREETING")?;
        ensure!(got == value.as_bytes(), "{:?}", String::from_utf8_lossy(&got));
        Ok(())
    });
}

#[test]
fn a_change_rolls_each_workload_once_and_a_job_never() {
    let namespace = Namespace::make("restart").unwrap();
    apply(
        &namespace,
        &[("web", "GREETING=hello\n"), ("db", "PASSWORD=one\n")],
    );
    let kinds = [
        (Kind::Deployment, "deployment"),
        (Kind::StatefulSet, "statefulset"),
        (Kind::DaemonSet, "daemonset"),
    ];
    let workloads = kinds.map(|(kind, name)| (Workload::new(kind, name, "web,db"), name));
    for (workload, _) in &workloads {
        workload.apply(&namespace).unwrap();
    }
    let job = Workload::new(Kind::Job, "job", "web");
    job.apply(&namespace).unwrap();
    let pod = job.ready(&namespace);
    for (workload, name) in &workloads {
        workload.ready(&namespace);
        assert_eq!(
            generation(&namespace, name, name).unwrap(),
            1,
            "the first content rolls nothing"
        );
    }

    apply(
        &namespace,
        &[("web", "GREETING=bonjour\n"), ("db", "PASSWORD=two\n")],
    );
    restarted(&namespace, "web", 2);
    restarted(&namespace, "db", 2);
    for (workload, name) in &workloads {
        sees(&namespace, workload, "bonjour");
        assert_eq!(
            generation(&namespace, name, name).unwrap(),
            2,
            "{name}: both changes are one roll"
        );
        let events = namespace.kubectl(&["get", "events", "--output=json"]).unwrap();
        assert!(
            events.contains("restarted for a change of VaultSecret db, web"),
            "{events}"
        );
    }
    assert_eq!(job.ready(&namespace), pod, "a Job is left alone");

    // The same content again, and a rotation, are no changes.
    apply(&namespace, &[("web", "GREETING=bonjour\n")]);
    splitvault_tests::splitvault(&["rotate", "web", "--namespace", namespace.name()], b"").unwrap();
    restarted(&namespace, "web", 2);
    for (_, name) in &workloads {
        assert_eq!(generation(&namespace, name, name).unwrap(), 2, "{name}");
    }
}

#[test]
fn a_vaultsecret_that_is_made_again_rolls_what_runs_with_the_content_of_before() {
    let namespace = Namespace::make("again").unwrap();
    apply(&namespace, &[("web", "GREETING=hello\n")]);
    let old = Workload::new(Kind::Deployment, "old", "web");
    old.apply(&namespace).unwrap();
    let pod = old.ready(&namespace);
    namespace.kubectl(&["delete", "vaultsecret", "web"]).unwrap();
    let waiting = Workload::new(Kind::Deployment, "waiting", "web");
    waiting.apply(&namespace).unwrap();
    assert_eq!(
        old.ready(&namespace),
        pod,
        "what runs keeps what it has while there is none"
    );

    apply(&namespace, &[("web", "GREETING=bonjour\n")]);
    restarted(&namespace, "web", 1);
    for (workload, name, times) in [(&old, "old", 2), (&waiting, "waiting", 1)] {
        sees(&namespace, workload, "bonjour");
        let generation = generation(&namespace, "deployment", name).unwrap();
        assert_eq!(generation, times, "{name}");
    }
}

#[test]
fn a_paused_deployment_waits_until_it_is_resumed() {
    let namespace = Namespace::make("paused").unwrap();
    apply(&namespace, &[("web", "GREETING=hello\n")]);
    let workload = Workload::new(Kind::Deployment, "web", "web");
    workload.apply(&namespace).unwrap();
    workload.ready(&namespace);
    namespace
        .kubectl(&["rollout", "pause", "deployment/web"])
        .unwrap();
    apply(&namespace, &[("web", "GREETING=bonjour\n")]);
    eventually("the condition says what it waits for", || {
        let (status, _, message) = namespace.condition("web", "Restarting")?;
        ensure!(
            status == "True" && message.contains("Deployment web (paused)"),
            "{message}"
        );
        Ok(())
    });
    namespace.ready("web");
    namespace
        .kubectl(&["rollout", "resume", "deployment/web"])
        .unwrap();
    restarted(&namespace, "web", 2);
    sees(&namespace, &workload, "bonjour");
    let conditions = namespace.get("vaultsecret", "web").unwrap()["status"]["conditions"].clone();
    let all = conditions.as_array().unwrap();
    assert!(
        all.iter().all(|one| one["type"] != json!("Restarting")),
        "{conditions}"
    );
}

/// Argo's kind, as far as the API server has to know it. A cluster that has Argo keeps its own.
fn install_rollouts(namespace: &Namespace) {
    let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "rollouts.argoproj.io"},
        "spec": {
            "group": "argoproj.io", "scope": "Namespaced",
            "names": {"kind": "Rollout", "listKind": "RolloutList", "plural": "rollouts", "singular": "rollout"},
            "versions": [{
                "name": "v1alpha1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": schema}, "subresources": {"status": {}},
            }],
        },
    });
    let crd = ["get", "crd", "rollouts.argoproj.io"];
    if namespace.kubectl(&crd).is_err() {
        namespace.create(&definition.to_string()).unwrap();
    }
    let served = [
        "wait",
        "--for=condition=Established",
        "crd/rollouts.argoproj.io",
        "--timeout=120s",
    ];
    namespace.kubectl(&served).unwrap();
}

/// Argo's controller is played: the ReplicaSet that it would make, and the pods that it would evict. API server, RBAC and
/// the ReplicaSet's controller are real.
#[test]
fn an_argo_rollout_is_restarted_by_its_own_field_and_waits_while_it_is_paused() {
    let namespace = Namespace::make("rollout").unwrap();
    install_rollouts(&namespace);
    apply(&namespace, &[("web", "GREETING=hello\n")]);
    let workload = Workload::new(Kind::ReplicaSet, "web", "web");
    let mut set: Value = serde_json::from_str(&workload.manifest()).unwrap();
    let rollout = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "web"},
        "spec": {"paused": true, "replicas": 1, "selector": set["spec"]["selector"], "template": set["spec"]["template"]},
    });
    eventually("the API server serves Rollouts", || {
        namespace.apply(&rollout.to_string())
    });
    let made = namespace.get("rollouts.argoproj.io", "web").unwrap();
    set["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "web", "uid": made["metadata"]["uid"],
        "controller": true, "blockOwnerDeletion": false,
    }]);
    namespace.apply(&set.to_string()).unwrap();
    workload.ready(&namespace);

    apply(&namespace, &[("web", "GREETING=bonjour\n")]);
    eventually("the condition says what it waits for", || {
        let (_, _, message) = namespace.condition("web", "Restarting")?;
        ensure!(message.contains("Rollout web (paused)"), "{message}");
        Ok(())
    });
    let resume = [
        "patch",
        "rollouts.argoproj.io",
        "web",
        "--type=merge",
        "--patch={\"spec\":{\"paused\":false}}",
    ];
    namespace.kubectl(&resume).unwrap();
    restarted(&namespace, "web", 2);
    let after = namespace.get("rollouts.argoproj.io", "web").unwrap();
    assert!(after["spec"]["restartAt"].is_string(), "{after}");
    assert_eq!(
        after["spec"]["template"], made["spec"]["template"],
        "no new canary"
    );

    let old = workload.ready(&namespace);
    namespace.kubectl(&["delete", "pod", &old]).unwrap();
    sees(&namespace, &workload, "bonjour");
    splitvault_tests::splitvault(&["rotate", "web", "--namespace", namespace.name()], b"").unwrap();
    restarted(&namespace, "web", 2);
    let last = namespace.get("rollouts.argoproj.io", "web").unwrap();
    assert_eq!(
        last["metadata"]["generation"], after["metadata"]["generation"],
        "once"
    );
}
