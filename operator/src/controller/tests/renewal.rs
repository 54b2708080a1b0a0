//! What a new sealing key sets off.

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
