use super::*;

fn owner(exposes_names: bool) -> Owner<'static> {
    Owner {
        namespace: "shop",
        name: "web",
        exposes_names,
    }
}

fn secret(data: &[(&str, &[u8])]) -> Found {
    Found::Secret(
        data.iter()
            .map(|(key, value)| ((*key).to_owned(), SecretBytes::copy_of(value)))
            .collect(),
    )
}

fn wanted(name: &str) -> Generate {
    Generate {
        name: name.to_owned(),
        length: None,
        alphabet: None,
    }
}

#[test]
fn the_identity_changes_with_everything_that_matters() {
    let one = [wanted("A")];
    let base = secret(&[("a", b"1")]);
    let others = [
        (secret(&[("a", b"2")]), &one[..]),
        (secret(&[("b", b"1")]), &one[..]),
        (secret(&[("a", b"1"), ("b", b"")]), &one[..]),
        (secret(&[("a1", b"")]), &one[..]),
        (secret(&[("a", b"1")]), &[]),
        (Found::Nothing, &one[..]),
    ];
    assert_eq!(base.identity(&one), secret(&[("a", b"1")]).identity(&one));
    for (number, (found, generate)) in others.into_iter().enumerate() {
        assert_ne!(base.identity(&one), found.identity(generate), "case {number}");
    }
}

#[test]
fn a_key_that_is_no_name_is_told_by_its_name_only_when_names_may_be_told() {
    for (key, value) in [
        ("tls.crt", &b"CANARY"[..]),
        ("1A", b"CANARY"),
        ("SECRETNAME", b"\xffCANARY"),
        ("SECRETNAME", b"CANARY\0"),
    ] {
        let hidden = secret(&[(key, value)])
            .open(owner(false), &[])
            .unwrap_err()
            .to_string();
        assert!(!hidden.contains(key) && !hidden.contains("CANARY"), "{hidden}");
        let exposed = secret(&[(key, value)])
            .open(owner(true), &[])
            .unwrap_err()
            .to_string();
        assert!(exposed.contains(key) && !exposed.contains("CANARY"), "{exposed}");
    }
}

#[test]
fn too_much_is_too_large() {
    let value = vec![b'x'; splitvault_dotenv::VALUE + 1];
    let failure = secret(&[("A", &value)]).open(owner(false), &[]).unwrap_err();
    assert!(matches!(failure, Failure::TooLarge(_)), "{failure:?}");
    let data = (0..=splitvault_dotenv::ENTRIES).map(|n| (format!("A{n}"), SecretBytes::copy_of(b"x")));
    let failure = Found::Secret(data.collect()).open(owner(false), &[]).unwrap_err();
    assert!(matches!(failure, Failure::TooLarge(_)), "{failure:?}");
}

#[test]
fn a_variable_cannot_come_from_both_sides() {
    let dotenv = secret(&[("A", b"1")]).open(owner(false), &[]).unwrap();
    let failure = generate(dotenv, &[wanted("A")], None, owner(false)).unwrap_err();
    assert!(matches!(failure, Failure::SourceInvalid(_)), "{failure:?}");
}

#[test]
fn what_a_source_had_before_is_not_taken_for_generated() {
    let before = |created: &[&str]| Environment {
        revision: 1,
        digest: [0; 32],
        dotenv: secret(&[("A", b"old")]).open(owner(false), &[]).unwrap(),
        created: created.iter().map(|name| Name::parse(name).unwrap()).collect(),
    };
    let value = |before: &Environment| {
        let empty = Found::Nothing.open(owner(false), &[]).unwrap();
        let dotenv = generate(empty, &[wanted("A")], Some(before), owner(false)).unwrap();
        dotenv.get("A").unwrap().value.expose().to_owned()
    };
    assert_eq!(value(&before(&["A"])), "old");
    assert_eq!(value(&before(&[])).len(), 32);
}

#[tokio::test]
async fn the_operators_own_secrets_are_nobodys_source() {
    let server = crate::fixture::Server::default();
    let found = async |namespace: &str, name: &str| {
        let path = format!("/api/v1/namespaces/{namespace}/secrets/{name}");
        let secret = serde_json::json!({"kind": "Secret", "metadata": {"resourceVersion": "1"}});
        server.put(&path, secret);
        let source = Some(DesiredSource::SecretRef(name.to_owned()));
        let grantee = "vault:splitvault-operator";
        find(&server.client(), namespace, source, Version::Newest, grantee).await
    };
    for name in ["splitvault-kek", "splitvault-ca", "splitvault-store-tls"] {
        let refused = found("vault", name).await.unwrap_err();
        assert_eq!(refused.reason(), splitvault_api::Reason::SourceInvalid);
        assert!(refused.to_string().contains(name), "{refused}");
        assert_eq!(server.asked(), [""; 0], "it is not even read");
        assert!(found("shop", name).await.is_ok(), "that is another one");
        server.asked();
    }
    assert!(found("vault", "splitvault-kek-2").await.is_ok());
}
