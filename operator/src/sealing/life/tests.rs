use serde_json::{Value, json};

use super::*;
use crate::fixture::{Server, Stores, stores};

const LIST: &str = "/apis/splitvault.dev/v1alpha1/vaultsecrets";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const PACE: Pace = Pace {
    max_age: Duration::from_secs(90 * 24 * 60 * 60),
    retention: Duration::from_secs(30 * 24 * 60 * 60),
};

struct World {
    server: Server,
    stores: Stores,
    life: Life,
    searched: Option<SystemTime>,
    began: SystemTime,
}

async fn world() -> World {
    let (server, stores) = (Server::default(), stores().await);
    let life = Life::new(server.client(), Arc::clone(&stores.vault), PACE);
    World {
        server,
        stores,
        life,
        searched: None,
        began: SystemTime::now(),
    }
}

impl World {
    /// The cluster has objects with these specs.
    fn list(&self, specs: &[Value]) {
        let object = |spec: &Value| json!({"metadata": {"name": "web", "namespace": "shop"}, "spec": spec});
        let items: Vec<_> = specs.iter().map(object).collect();
        self.server.put(LIST, json!({"metadata": {}, "items": items}));
    }

    fn ids(&self) -> Vec<KeyId> {
        self.stores
            .vault
            .sealing_keys()
            .iter()
            .map(|pair| pair.id())
            .collect()
    }

    fn day(&self, number: u32) -> SystemTime {
        self.began + DAY * number
    }

    async fn tend(&mut self, now: SystemTime) -> Result<Option<SystemTime>, LifeError> {
        self.life.tend(&mut self.searched, now).await
    }
}

fn sealed(id: KeyId) -> Value {
    json!({"source": {"sealed": {"keyID": id.to_string(), "payload": "AAAA"}}})
}

#[tokio::test]
async fn a_key_is_replaced_at_its_age_and_the_old_one_stays_as_long_as_an_object_needs_it() {
    let mut world = world().await;
    let old = world.ids()[0];
    world.tend(world.day(89)).await.unwrap();
    assert_eq!(world.ids(), [old]);
    world.tend(world.day(91)).await.unwrap();
    let new = world.ids()[0];
    assert_eq!(world.ids(), [new, old]);
    assert!(world.server.asked().is_empty(), "nobody was searched for");

    let late = world.day(122);
    world.list(&[sealed(new), json!({"generate": [{"name": "A"}]}), sealed(old)]);
    world.tend(late).await.unwrap();
    assert_eq!(world.ids(), [new, old], "needed");
    world.list(&[
        sealed(new),
        json!({}),
        json!({"source": {"secretRef": {"name": "a"}}}),
    ]);
    world.tend(late + SEARCH / 2).await.unwrap();
    assert_eq!(world.ids(), [new, old], "not searched again so soon");
    world.tend(late + SEARCH).await.unwrap();
    assert_eq!(world.ids(), [new]);
}

#[tokio::test]
async fn every_page_counts() {
    let mut world = world().await;
    let old = world.ids()[0];
    world.life.renew(world.day(1)).await.unwrap();
    let of_other = sealed(KeyId::make().unwrap());
    let first = json!({"metadata": {"name": "a", "namespace": "shop"}, "spec": of_other});
    let last = json!({"metadata": {"name": "b", "namespace": "shop"}, "spec": sealed(old)});
    let page = json!({"metadata": {"continue": "more"}, "items": [first]});
    world.server.put(LIST, page);
    world
        .server
        .follow(LIST, json!({"metadata": {}, "items": [last]}));
    world.tend(world.day(40)).await.unwrap();
    assert_eq!(world.ids().len(), 2);
}

#[tokio::test]
async fn without_knowing_who_needs_a_key_none_goes() {
    let mut world = world().await;
    world.life.renew(world.day(1)).await.unwrap();
    world.server.refuse(LIST, 500);
    let failed = world.tend(world.day(40)).await;
    assert!(
        matches!(failed, Err(LifeError::Cluster(Fault::Unavailable))),
        "{failed:?}"
    );
    // An object whose key cannot be told might need any of them.
    world.server.relent();
    world.list(&[json!({"source": {"sealed": {"payload": "AAAA"}}})]);
    world.searched = None;
    let failed = world.tend(world.day(40)).await;
    assert!(
        matches!(failed, Err(LifeError::Cluster(Fault::Malformed))),
        "{failed:?}"
    );
    assert_eq!(world.ids().len(), 2);
}
