//! What a new sealing key sets off.

use std::time::SystemTime;

use splitvault_api::Remark;
use splitvault_vault::Cause;

use super::*;

fn meta(name: &str) -> Meta {
    let object = json!({
        "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata",
        "metadata": {"name": name, "namespace": "shop", "uid": name, "resourceVersion": "1"},
    });
    serde_json::from_value(object).unwrap()
}

#[tokio::test]
async fn every_object_is_looked_at_again_when_the_sealing_key_is_another_one() {
    let (reader, mut writer) = reflector::store::<Meta>();
    for name in ["web", "db"] {
        writer.apply_watcher_event(&watcher::Event::Apply(meta(name)));
    }
    let (renews, renewed) = watch::channel(None);
    let mut requests = Box::pin(all_when(renewed, reader));
    assert!(
        futures::poll!(requests.next()).is_pending(),
        "nothing without a change"
    );
    for _ in 0..2 {
        renews.send(Some(KeyId::make().unwrap())).unwrap();
        let mut names = Vec::new();
        for _ in 0..2 {
            let request = requests.next().await.unwrap().unwrap();
            names.push(request.obj_ref.name);
        }
        names.sort();
        assert_eq!(names, ["db", "web"]);
        assert!(futures::poll!(requests.next()).is_pending(), "each once");
    }
}

fn told(world: &World) -> Option<String> {
    let status = world.server.object(WEB)["status"].clone();
    let conditions = status["conditions"].as_array().unwrap().clone();
    let found = conditions
        .iter()
        .find(|found| found["type"] == Remark::SealedWithOldKey.as_str());
    found.map(|found| found["message"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn an_old_payload_is_told_about_until_it_is_sealed_anew_and_stays_ready() {
    let world = world(stores().await);
    let (vault, now) = (&world.stores.vault, SystemTime::now());
    let old = world.seal("web", "A=1\n");
    world.server.put(WEB, object(old));
    world.reconcile().await;
    assert_eq!(told(&world), None);

    let before = vault.sealing_keys()[0].id();
    assert!(vault.lead(now).await.unwrap());
    vault.rotate_sealing_key(Cause::Requested, now).await.unwrap();
    world.reconcile().await;
    assert_eq!(world.ready().0, "Synced");
    let message = told(&world).unwrap();
    assert!(message.contains("splitvault reseal web -n shop"), "{message}");
    let held = world.server.object(WEB);
    world.reconcile().await;
    assert_eq!(
        world.server.object(WEB),
        held,
        "nothing is written the second time"
    );

    let mut mended = held;
    mended["spec"] = world.seal("web", "A=1\n");
    world.server.put(WEB, mended);
    world.reconcile().await;
    assert_eq!(
        (told(&world), world.revision()),
        (None, json!(1)),
        "the content is the same"
    );

    vault.destroy_sealing_key(before, now).await.unwrap();
    world.reconcile().await;
    assert_eq!(world.ready().0, "Synced");
}

#[tokio::test]
async fn an_old_payload_still_opens_and_one_to_a_destroyed_key_says_what_to_do() {
    let world = world(stores().await);
    let (vault, now) = (&world.stores.vault, SystemTime::now());
    let spec = world.seal("web", "A=1\n");
    let before = vault.sealing_keys()[0].id();
    assert!(vault.lead(now).await.unwrap());
    vault.rotate_sealing_key(Cause::Requested, now).await.unwrap();
    world.server.put(WEB, object(spec.clone()));
    world.reconcile().await;
    assert_eq!(world.ready().0, "Synced", "applied only now");
    vault.destroy_sealing_key(before, now).await.unwrap();
    let other = json!({"metadata": {"name": "web", "namespace": "shop", "uid": "v-2", "generation": 1,
        "resourceVersion": "1"}, "apiVersion": "splitvault.dev/v1alpha1", "kind": "VaultSecret", "spec": spec});
    world.server.put(WEB, other);
    world.reconcile().await;
    let (reason, message) = world.ready();
    assert_eq!((&*reason, told(&world)), ("UnknownSealingKey", None));
    assert!(message.contains("seal again"), "{message}");
}
