//! Whatever the variables are, a reader of the format gets them back.

use std::collections::BTreeMap;

use proptest::collection::btree_map;
use proptest::prelude::*;
use splitvault_sidecar::{Content, Format, RenderError, render};
use splitvault_wire::Delivery;

use crate::operator::environment;
use crate::render::file;

type Variables = BTreeMap<String, String>;

/// Texts that some reader takes for something else than a string, or than this one.
#[rustfmt::skip]
const MISREAD: [&str; 55] = [
    "", "~", "null", "yes", "NO", "on", "true", "0x1F", "0o7", "1_000", "12:30:45", "1e3", ".inf", ".NaN",
    "-", "- a", "? a", ": a", "a: b", "a #b", "#", "&a", "*a", "!a", "|", ">", "%YAML", "@", "`", "{}",
    "[]", "---", "...", "<<", "=", "2026-11-24", " padded ", "\ttab\t", "line\n", "\n", "\r\n", "\u{85}",
    "\u{2028}\u{2029}", "\u{feff}bom", "\u{7f}", "\u{fffe}\u{ffff}", "\u{1f600}", "\u{10ffff}", "\\", "\\n",
    "\"", "'", "${A}", "\u{1b}[31m", "\\ud800",
];

/// Any text without NUL, and those.
fn value() -> impl Strategy<Value = String> {
    let char = prop_oneof![
        any::<char>(),
        prop::char::range('\u{1}', '\u{a0}'),
        prop::sample::select(vec![
            '"', '\'', '\\', '\n', '\r', ':', '#', ' ', '\u{2028}', '\u{feff}'
        ]),
    ]
    .prop_filter("no NUL", |c| *c != '\0');
    prop_oneof![
        prop::sample::select(MISREAD.to_vec()).prop_map(str::to_owned),
        prop::collection::vec(char, 0..40).prop_map(String::from_iter),
        (1_usize..5000, prop::char::range(' ', '~')).prop_map(|(length, c)| c.to_string().repeat(length)),
    ]
}

fn variables(name: impl Strategy<Value = String>) -> impl Strategy<Value = Variables> {
    btree_map(name, value(), 0..12)
}

/// The file's bytes.
fn written(variables: &Variables, format: Format) -> Vec<u8> {
    let pairs: Vec<_> = variables
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let environments = vec![environment("web", 1, &pairs)];
    let rendered = render(&Delivery { environments }, &file(format)).unwrap();
    match &rendered.files[..] {
        [(name, Content::File(content))] if name == format.usual_name() => content.expose().to_vec(),
        _ => panic!("one file"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn json_reads_back(variables in variables(value())) {
        let read: Variables = serde_json::from_slice(&written(&variables, Format::Json)).unwrap();
        prop_assert_eq!(read, variables);
    }

    #[test]
    fn yaml_reads_back_by_1_1_and_1_2(variables in variables(value())) {
        let text = written(&variables, Format::Yaml);
        prop_assert!(text.is_ascii());
        // As anything at all: a reader that is not told to expect strings must find strings.
        let libyaml: serde_yaml_ng::Value = serde_yaml_ng::from_slice(&text).unwrap();
        let mapping = libyaml.as_mapping().unwrap();
        let read: Variables = mapping
            .iter()
            .map(|(name, value)| (name.as_str().unwrap().to_owned(), value.as_str().unwrap().to_owned()))
            .collect();
        prop_assert_eq!(&read, &variables);
        let saphyr: serde_json::Value = serde_saphyr::from_slice(&text).unwrap();
        prop_assert_eq!(saphyr, serde_json::to_value(&variables).unwrap());
    }

    #[test]
    fn files_hold_each_value_byte_for_byte(variables in variables("[A-Za-z0-9_.-]{1,20}".prop_filter("its own name", |name| {
        name != "." && !name.starts_with("..")
    }))) {
        let pairs: Vec<_> = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let environments = vec![environment("web", 1, &pairs)];
        let rendered = render(&Delivery { environments }, &file(Format::Files)).unwrap();
        let Content::Set(members) = &rendered.files[0].1 else { panic!("a set") };
        let read: BTreeMap<_, _> = members.iter().map(|m| (m.name.expose(), m.content.expose())).collect();
        let expected: BTreeMap<_, _> = variables.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        prop_assert_eq!(read, expected);
    }
}

#[test]
fn the_files_look_as_people_expect() {
    let variables = [("A", "1"), ("B", "two\nlines \"é\"")];
    let variables = variables
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    let text = |format| String::from_utf8(written(&variables, format)).unwrap();
    assert_eq!(
        text(Format::Json),
        "{\"A\":\"1\",\"B\":\"two\\nlines \\\"é\\\"\"}\n"
    );
    assert_eq!(
        text(Format::Yaml),
        "\"A\": \"1\"\n\"B\": \"two\\nlines \\\"\\u00E9\\\"\"\n"
    );
    let none = Variables::new();
    assert_eq!(written(&none, Format::Json), b"{}\n");
    assert_eq!(written(&none, Format::Yaml), b"{}\n");
}

#[test]
fn a_name_of_any_length_is_a_key() {
    for length in [1, 900, 998, 1000, 1024, 5000] {
        let variables = Variables::from([
            ("é".repeat(length / 6 + 1), "x".to_owned()),
            ("a".repeat(length), String::new()),
        ]);
        let text = written(&variables, Format::Yaml);
        let libyaml: Variables = serde_yaml_ng::from_slice(&text).unwrap();
        let saphyr: Variables = serde_saphyr::from_slice(&text).unwrap();
        assert_eq!((&libyaml, &saphyr), (&variables, &variables), "{length}");
    }
}

#[test]
fn a_later_vault_secret_wins_in_every_format() {
    let environments = || {
        vec![
            environment("web", 1, &[("A", "web"), ("B", "web")]),
            environment("db", 1, &[("B", "db")]),
        ]
    };
    for format in [Format::Json, Format::Yaml, Format::Files] {
        let environments = environments();
        let rendered = render(&Delivery { environments }, &file(format)).unwrap();
        let values: Vec<_> = match &rendered.files[0].1 {
            Content::File(content) => {
                let read: Variables = serde_saphyr::from_slice(content.expose()).unwrap();
                read.into_iter().collect()
            }
            Content::Set(members) => {
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                members
                    .iter()
                    .map(|m| (m.name.expose().to_owned(), text(m.content.expose())))
                    .collect()
            }
        };
        assert_eq!(
            values,
            [("A", "web"), ("B", "db")].map(|(n, v)| (n.to_owned(), v.to_owned()))
        );
    }
}

#[test]
fn a_name_that_leads_out_of_the_directory_is_refused_and_not_told() {
    for name in [
        "../CANARY",
        "/CANARY",
        "CANARY/x",
        "..CANARY",
        "..",
        ".",
        "CANARY\0",
    ] {
        let environments = vec![environment("web", 1, &[("GOOD", "1"), (name, "CANARY")])];
        let error = render(&Delivery { environments }, &file(Format::Files))
            .err()
            .unwrap();
        let vault_secret = "web".to_owned();
        assert_eq!(error, RenderError::FileName { vault_secret });
        assert!(!format!("{error} {error:?}").contains("CANARY"));
    }
}
