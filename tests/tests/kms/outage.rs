//! What a vault does while the plugin that wraps its keys is away.

use splitvault_vault::{OpenError, Reason};

use crate::installation::{Home, by_kms, read, write};
use crate::plugin::Plugin;

#[tokio::test]
async fn reads_and_writes_go_on_and_a_start_waits() {
    let (home, mut plugin) = (Home::new(), Plugin::start().await);
    let provider = plugin.provider();
    let vault = home.open(by_kms(&provider)).await.unwrap();
    write(&vault, "web", "before").await;
    plugin.kill();
    assert_eq!(read(&vault, "web").await, "before");
    write(&vault, "web", "meanwhile").await;
    assert_eq!(read(&vault, "web").await, "meanwhile");

    let refused = home.open(by_kms(&provider)).await.err().unwrap();
    assert_eq!(refused.reason(), Reason::KekUnavailable);
    let told = refused.to_string();
    assert!(
        told.contains("names") && told.contains("kms.sock"),
        "which ring and which socket: {told}"
    );

    plugin.restart().await;
    let again = home.open(by_kms(&provider)).await.unwrap();
    assert_eq!(read(&again, "web").await, "meanwhile");
}

#[tokio::test]
async fn nothing_is_founded_without_the_plugin() {
    let (home, mut plugin) = (Home::new(), Plugin::start().await);
    let provider = plugin.provider();
    plugin.kill();
    let refused = home.open(by_kms(&provider)).await.err().unwrap();
    assert_eq!(refused.reason(), Reason::KekUnavailable);
    plugin.restart().await;
    let vault = home.open(by_kms(&provider)).await.unwrap();
    write(&vault, "web", "first").await;
    assert_eq!(read(&vault, "web").await, "first");
}

#[tokio::test]
async fn a_plugin_with_another_key_opens_nothing_and_changes_nothing() {
    let (home, plugin) = (Home::new(), Plugin::start().await);
    let provider = plugin.provider();
    let vault = home.open(by_kms(&provider)).await.unwrap();
    write(&vault, "web", "kept").await;
    let right = plugin.key("key-1");
    plugin.put_key("key-1", &[9; 32]);
    let refused = home.open(by_kms(&provider)).await.err().unwrap();
    assert_eq!(refused, OpenError::Damaged { ring: "names" });
    plugin.put_key("key-1", &right);
    assert_eq!(
        read(&home.open(by_kms(&provider)).await.unwrap(), "web").await,
        "kept"
    );
}
