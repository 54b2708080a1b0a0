//! What goes in comes out.

use splitvault_crypto::SecretString;
use splitvault_dotenv::{Dotenv, Name, ParseOptions, Variable, parse};
use splitvault_vault::{Form, SourceDigestInput};

use crate::fixture::{Home, dotenv, owned, pairs};

#[tokio::test]
async fn variables_come_back_byte_for_byte_in_their_order() {
    let home = Home::new();
    let installation = home.open().await;
    let long = "x".repeat(32 * 1024);
    let variables = [
        ("ZULU", "quotes ' \" ` and $HOME and # and \\"),
        ("EMPTY", ""),
        ("LINES", "one\ntwo\r\nthree"),
        ("UNICODE", "żółć 🦓"),
        ("LONG", long.as_str()),
        ("ALPHA", "last"),
        ("dotted.name-too", "1"),
    ];
    let written = installation.write("uid", &variables, 0).await.unwrap();
    assert_eq!((written.revision, written.changed), (1, true));
    assert_eq!(installation.read("uid").await, owned(&variables));
    let (revision, outline) = installation.vault.outline("uid").await.unwrap().unwrap();
    assert_eq!(revision, 1);
    assert!(
        outline
            .iter()
            .map(|named| named.name.as_str())
            .eq(variables.iter().map(|(name, _)| *name))
    );
    let forms: Vec<_> = outline.iter().map(|named| named.form).collect();
    let (plain, empty, unwritable) = (Form::Plain, Form::Empty, Form::Unwritable);
    assert_eq!(forms, [unwritable, empty, unwritable, plain, plain, plain, plain]);
    let described = installation.vault.describe("uid").await.unwrap().unwrap();
    assert_eq!(
        (described.revision, described.entries, described.digest),
        (1, 7, written.digest)
    );
    installation.close().await;
    assert_eq!(home.open().await.read("uid").await, owned(&variables));
}

#[tokio::test]
async fn an_object_without_environment_has_none() {
    let home = Home::new();
    let installation = home.open().await;
    assert!(installation.vault.read("nobody").await.unwrap().is_none());
    assert!(installation.vault.describe("nobody").await.unwrap().is_none());
    assert!(installation.vault.outline("nobody").await.unwrap().is_none());
    assert!(installation.vault.history("nobody").await.unwrap().is_empty());
    assert!(!installation.vault.remove("nobody").await.unwrap());
    assert_eq!(installation.vault.reseal("nobody").await.unwrap().revisions, 0);
    assert!(
        installation
            .vault
            .check("nobody", 0, &[0; 32])
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn comments_and_created_names_are_kept() {
    let home = Home::new();
    let installation = home.open().await;
    let text = b"# where it is\nHOST=db\nPORT=5432 # the usual\n";
    let parsed = parse(text, &ParseOptions::default()).unwrap().dotenv;
    let comments = |dotenv: &Dotenv| -> Vec<Option<String>> {
        dotenv
            .iter()
            .map(|v| v.comment.as_ref().map(|comment| comment.expose().to_owned()))
            .collect()
    };
    let created = [Name::parse("PORT").unwrap()];
    let source = SourceDigestInput(text);
    installation
        .vault
        .write("uid", &parsed, &source, &created, 0)
        .await
        .unwrap();
    let environment = installation.vault.read("uid").await.unwrap().unwrap();
    assert_eq!(comments(&environment.dotenv), comments(&parsed));
    assert!(comments(&parsed).iter().any(Option::is_some));
    assert_eq!(environment.created, created);
    assert_eq!(
        installation.vault.describe("uid").await.unwrap().unwrap().created,
        created
    );
}

#[tokio::test]
async fn no_variables_are_an_environment_too() {
    let home = Home::new();
    let installation = home.open().await;
    installation.write("uid", &[], 0).await.unwrap();
    assert_eq!(installation.read("uid").await, []);
    installation.write("uid", &[("A", "1")], 0).await.unwrap();
    let emptied = installation.write("uid", &[], 0).await.unwrap();
    assert_eq!(emptied.revision, 3);
    assert!(installation.tokens().await.is_empty());
}

#[tokio::test]
async fn a_thousand_variables_and_a_mebibyte() {
    let home = Home::new();
    let installation = home.open().await;
    let variable = |n: usize, value: String| Variable {
        name: Name::parse(&format!("VARIABLE_{n:04}")).unwrap(),
        value: SecretString::from(value),
        comment: None,
    };
    let many: Vec<_> = (0..1000).map(|n| variable(n, format!("{n:01030}"))).collect();
    let wide: Vec<_> = (0..31).map(|n| variable(n, "w".repeat(32 * 1024))).collect();
    for variables in [many, wide] {
        let dotenv = Dotenv::from_variables(variables).unwrap();
        let source = SourceDigestInput(b"big");
        installation
            .vault
            .write("uid", &dotenv, &source, &[], 0)
            .await
            .unwrap();
        let environment = installation.vault.read("uid").await.unwrap().unwrap();
        assert_eq!(pairs(&environment.dotenv), pairs(&dotenv));
        assert_eq!(installation.tokens().await.len(), dotenv.len());
    }
}

#[tokio::test]
async fn what_differs_only_in_order_or_comment_is_another_content() {
    let home = Home::new();
    let installation = home.open().await;
    installation
        .write("uid", &[("A", "1"), ("B", "2")], 0)
        .await
        .unwrap();
    let turned = installation
        .write("uid", &[("B", "2"), ("A", "1")], 0)
        .await
        .unwrap();
    assert_eq!(turned.revision, 2);
    let mut variables = dotenv(&[("B", "2"), ("A", "1")]).into_variables();
    variables[0].comment = Some(SecretString::copy_of(""));
    let commented = Dotenv::from_variables(variables).unwrap();
    let source = SourceDigestInput(b"");
    let vault = &installation.vault;
    assert_eq!(
        vault
            .write("uid", &commented, &source, &[], 0)
            .await
            .unwrap()
            .revision,
        3
    );
}

#[tokio::test]
async fn going_back_to_an_earlier_content_does_not_show_in_the_digest() {
    let home = Home::new();
    let installation = home.open().await;
    let first = installation.write("uid", &[("A", "1")], 0).await.unwrap();
    installation.write("uid", &[("A", "2")], 0).await.unwrap();
    let third = installation.write("uid", &[("A", "1")], 0).await.unwrap();
    assert_eq!(third.revision, 3);
    assert_ne!(third.digest, first.digest);
    let twin = installation.write("twin", &[("A", "1")], 0).await.unwrap();
    assert_ne!(twin.digest, first.digest, "nor across environments");
}
