use super::*;

#[test]
fn a_name_cannot_lead_elsewhere() {
    for name in [
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "a?b",
        "a%2fb",
        "A",
        &"a".repeat(254),
    ] {
        assert_eq!(path("shop", name), None, "{name}");
    }
    assert!(path("shop", "web-env.v1").is_some());
}

#[test]
fn what_is_no_secret_is_refused_without_a_panic() {
    let hostile = [
        "",
        "{}",
        "[]",
        r#"{"kind":"ConfigMap","metadata":{"resourceVersion":"1"},"data":{"a":"YQ=="}}"#,
        r#"{"kind":"Secret","metadata":{"resourceVersion":"1"},"data":{"a":"not base64"}}"#,
        r#"{"kind":"Secret","metadata":{"resourceVersion":"1"},"data":{"a":1}}"#,
        r#"{"kind":"Secret","metadata":{},"data":{}}"#,
    ];
    for json in hostile {
        assert!(Secret::parse(json.as_bytes()).is_none(), "{json}");
    }
}

#[test]
fn a_secret_is_read_and_not_shown() {
    let json = r#"{"kind":"Secret","metadata":{"resourceVersion":"7"},"data":{"a":"Q0FOQVJZ","b":""}}"#;
    let secret = Secret::parse(json.as_bytes()).unwrap();
    assert_eq!(secret.get("a").unwrap().expose(), b"CANARY");
    assert_eq!(secret.get("b").unwrap().expose(), b"");
    assert!(!format!("{secret:?}").contains("CANARY"));
}
