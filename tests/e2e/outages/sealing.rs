//! The sealing key is replaced: what was sealed before opens and says so, its manifest is mended, and then the old key
//! goes, not before.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use splitvault_tests::{Kind, Namespace, SYSTEM, Workload, eventually, kubectl, splitvault};

use crate::installation::Part;

/// How long a replaced key is kept for its own sake, until dropped; the operator looks when it starts.
struct Retention;

impl Retention {
    fn set(time: &str) {
        let setting = format!("SPLITVAULT_SEALING_KEY_RETENTION={time}");
        let deployment = "deployment/splitvault-operator";
        kubectl(&["--namespace", SYSTEM, "set", "env", deployment, &setting]).unwrap();
        Part::Operator.rolled_out();
    }
}

impl Drop for Retention {
    fn drop(&mut self) {
        Self::set("365d");
    }
}

/// The ids of the keys that open, the one to seal to first.
fn published() -> Result<Vec<String>> {
    let text = kubectl(&[
        "--namespace",
        SYSTEM,
        "get",
        "configmap",
        "splitvault-sealing-keys",
        "--output=json",
    ])?;
    let object: Value = serde_json::from_str(&text)?;
    let data = object["data"].as_object().context("no data")?;
    let current = data["current-id"].as_str().context("no current key")?;
    let older = data.keys().filter_map(|key| key.strip_prefix("older-"));
    Ok(std::iter::once(current).chain(older).map(str::to_owned).collect())
}

/// Whether anything in the cluster is sealed to this key.
fn is_needed(key: &str) -> Result<bool> {
    let text = kubectl(&["get", "vaultsecrets", "--all-namespaces", "--output=json"])?;
    let list: Value = serde_json::from_str(&text)?;
    let objects = list["items"].as_array().context("no list")?;
    let sealed = |object: &Value| object["spec"]["source"]["sealed"]["keyID"] == key;
    Ok(objects.iter().any(sealed))
}

fn destroyed(key: &str) -> Result<bool> {
    let trail: Value = serde_json::from_str(&splitvault(&["audit", "keys", "--output", "json"], b"")?)?;
    let events = trail["events"].as_array().context("no events")?;
    let event = |event: &Value| event["event"] == "destroyed" && event["keyID"] == key;
    Ok(events.iter().any(event))
}

/// Replaces the key; the object that is sealed to the old one stays Ready, starts pods, and says what to do. Answers the
/// new key's id.
fn replaced(namespace: &Namespace, old: &String) -> String {
    splitvault(&["rotate", "--sealing-key"], b"").unwrap();
    let new = eventually("another key is published", || {
        let keys = published()?;
        ensure!(keys[0] != *old && keys.contains(old), "{keys:?}");
        Ok(keys[0].clone())
    });
    let advice = eventually("the object says that it is sealed to an old key", || {
        let (status, _, message) = namespace.condition("web", "SealedWithOldKey")?;
        ensure!(status == "True", "{status}");
        Ok(message)
    });
    let command = format!("splitvault reseal web -n {}", namespace.name());
    assert!(advice.contains(&command), "{advice}");
    namespace.ready("web");
    let pod = Workload::new(Kind::Pod, "late", "web");
    pod.apply(namespace).unwrap();
    pod.ready(namespace);
    assert_eq!(pod.variable(namespace, "GREETING").unwrap(), b"hello");
    new
}

#[test]
fn an_old_sealing_key_opens_until_its_manifests_are_mended_and_then_it_goes() {
    let namespace = Namespace::make("sealing").unwrap();
    let old = published().unwrap().remove(0);
    let manifest = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
    fs::write(
        manifest.path(),
        namespace.seal("web", "GREETING=hello\n", &[]).unwrap(),
    )
    .unwrap();
    let apply = || {
        namespace
            .apply(&fs::read_to_string(manifest.path()).unwrap())
            .unwrap()
    };
    apply();
    namespace.ready("web");
    let stale = namespace.seal("stale", "A=1\n", &[]).unwrap();

    let new = replaced(&namespace, &old);

    // Its time is over, but it is needed.
    let _retention = Retention;
    Retention::set("1s");
    namespace.ready("web");
    assert!(published().unwrap().contains(&old) && !destroyed(&old).unwrap());

    let file = manifest.path().to_str().unwrap();
    splitvault(
        &["reseal", file, "--in-place", "--namespace", namespace.name()],
        b"",
    )
    .unwrap();
    apply();
    namespace.ready("web");
    assert_eq!(
        namespace.get("vaultsecret", "web").unwrap()["spec"]["source"]["sealed"]["keyID"],
        new.as_str()
    );
    assert_eq!(
        namespace.get("vaultsecret", "web").unwrap()["status"]["revision"],
        1,
        "the same content"
    );
    eventually("the object has nothing to say any more", || {
        let told = namespace.condition("web", "SealedWithOldKey");
        ensure!(told.is_err(), "{told:?}");
        Ok(())
    });
    eventually("nobody needs the old key, not even a suite before", || {
        ensure!(!is_needed(&old)?, "still needed");
        Ok(())
    });
    // It is searched for once an hour, and at the start.
    Retention::set("2s");
    eventually("the old key is destroyed", || {
        ensure!(destroyed(&old)? && !published()?.contains(&old), "not yet");
        Ok(())
    });
    namespace.apply(&stale).unwrap();
    namespace.unready("stale", "UnknownSealingKey");
    namespace.ready("web");
}
