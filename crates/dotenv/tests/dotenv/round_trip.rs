//! What is written for a reader is what that reader reads, for every value that has a spelling.
//!
//! The readers here are written from the readers' own sources, only as far as the writer goes.

mod compose;
mod kubelet;
mod python;
mod shell;

use proptest::prelude::*;
use splitvault_crypto::SecretString;
use splitvault_dotenv::{Dialect, Dotenv, Name, ParseOptions, Rule, Variable, parse, write};

type Pairs = Vec<(String, String)>;

/// Values of what is special to somebody, and of anything else.
fn value() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "'", "\"", "`", "\\", "\\\\", "\n", "\r", "\r\n", " ", "#", " #", "$", "${", "}", "$A", "${A}",
        "${:-", "$(id)", "\\n", "\\r", "\\t", "\\$", "\\'", "=", "A=1", "a", "xyz", "é", "🔐", "\t",
        "\u{a0}", "\u{feff}", "\u{85}", "\u{2028}", "\u{1}",
    ]);
    prop_oneof![
        3 => prop::collection::vec(pieces, 0..8).prop_map(|pieces| pieces.concat()),
        1 => "[^\0]{0,40}",
    ]
}

/// A comment as the reader normalises it.
fn comment() -> impl Strategy<Value = Option<String>> {
    let line = "( ?[a-z'\"`#$=\\\\]{1,8}){0,3}";
    let lines = prop::collection::vec(line, 1..3).prop_map(|lines| lines.join("\n"));
    prop::option::of(lines.prop_filter("says something", |text| !text.trim().is_empty()))
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("export".to_owned()),
        "[A-Za-z_][A-Za-z0-9_]{0,8}",
        "[a-z][a-z.-]{0,8}"
    ]
}

fn variable() -> impl Strategy<Value = (String, String, Option<String>)> {
    (name(), value(), comment())
}

fn dotenv(variables: &[(String, String, Option<String>)]) -> Dotenv {
    let mut seen = std::collections::HashSet::new();
    let unique = variables.iter().filter(|(name, ..)| seen.insert(name.clone()));
    let variables = unique.map(|(name, value, comment)| Variable {
        name: Name::parse(name).unwrap(),
        value: SecretString::copy_of(value),
        comment: comment.as_deref().map(SecretString::copy_of),
    });
    Dotenv::from_variables(variables.collect()).unwrap()
}

fn pairs(dotenv: &Dotenv) -> Pairs {
    let pair = |v: &Variable| (v.name.as_str().to_owned(), v.value.expose().to_owned());
    dotenv.iter().map(pair).collect()
}

fn comments(dotenv: &Dotenv) -> Vec<Option<String>> {
    let comment = |v: &Variable| v.comment.as_ref().map(|c| c.expose().to_owned());
    dotenv.iter().map(comment).collect()
}

fn our_own(text: &str) -> Dotenv {
    let options = ParseOptions {
        dotted_names: true,
        expand: false,
    };
    parse(text.as_bytes(), &options).unwrap().dotenv
}

/// What the dialect's reader reads.
fn read(dialect: Dialect, text: &str) -> Pairs {
    match dialect {
        Dialect::General | Dialect::Npm => pairs(&our_own(text)),
        Dialect::Python => python::read(text),
        Dialect::Compose => compose::read(text),
        Dialect::Kubelet => kubelet::read(text),
        Dialect::Shell => shell::read(text),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn each_dialects_reader_reads_what_was_written(variables in prop::collection::vec(variable(), 0..4)) {
        let dotenv = dotenv(&variables);
        for dialect in Dialect::ALL {
            if let Ok(text) = write(&dotenv, dialect) {
                prop_assert_eq!(read(dialect, text.expose()), pairs(&dotenv), "{:?}: {}", dialect, text.expose());
            }
        }
    }

    #[test]
    fn the_general_dialect_is_read_alike_by_all(variables in prop::collection::vec(variable(), 0..4)) {
        let dotenv = dotenv(&variables);
        let dotted = dotenv.iter().any(|variable| variable.name.is_dotted());
        if let Ok(text) = write(&dotenv, Dialect::General) {
            for reader in [Dialect::Npm, Dialect::Python, Dialect::Compose, Dialect::Shell] {
                if !(dotted && reader == Dialect::Shell) {
                    prop_assert_eq!(read(reader, text.expose()), pairs(&dotenv), "{:?}: {}", reader, text.expose());
                }
            }
        }
    }

    #[test]
    fn comments_come_back(variables in prop::collection::vec(variable(), 1..4)) {
        let dotenv = dotenv(&variables);
        if let Ok(text) = write(&dotenv, Dialect::Npm) {
            prop_assert_eq!(comments(&our_own(text.expose())), comments(&dotenv), "{}", text.expose());
        }
    }

    #[test]
    fn python_compose_and_shells_can_hold_every_value(value in value()) {
        let dotenv = dotenv(&[("A".to_owned(), value, None)]);
        for dialect in [Dialect::Python, Dialect::Compose, Dialect::Shell] {
            prop_assert!(write(&dotenv, dialect).is_ok());
        }
    }
}

fn rule(value: &str, dialect: Dialect) -> Option<Rule> {
    let dotenv = dotenv(&[("A".to_owned(), value.to_owned(), None)]);
    let error = write(&dotenv, dialect).err()?;
    assert_eq!(error.name.as_str(), "A");
    Some(error.rule)
}

#[test]
fn what_has_no_spelling_is_refused_by_rule() {
    for value in ["'$", "'\"", "'`", "'\\", "${`", "a\r", "\\\\", "$(x)'"] {
        assert_eq!(rule(value, Dialect::General), Some(Rule::NotForAll), "{value:?}");
    }
    for value in [
        "'",
        "${",
        "$A",
        "\"",
        "`",
        "#",
        "\n",
        "C:\\dir x",
        "it's",
        "",
        " ",
    ] {
        let expected = (value == "${").then_some(Rule::NotForAll);
        assert_eq!(rule(value, Dialect::General), expected, "{value:?}");
    }
    assert_eq!(rule("'\"`\n", Dialect::Npm), Some(Rule::NotForNpm));
    assert_eq!(rule("a '\"` b", Dialect::Npm), None);
    assert_eq!(rule("it's", Dialect::Kubelet), Some(Rule::SingleQuote));
    assert_eq!(rule("a\r\nb", Dialect::Kubelet), Some(Rule::Crlf));
    assert_eq!(rule("a\rb\n\\", Dialect::Kubelet), None);
    let dotted = dotenv(&[("a.b".to_owned(), String::new(), None)]);
    assert_eq!(write(&dotted, Dialect::Shell).unwrap_err().rule, Rule::DottedName);
}

#[test]
fn a_refusal_names_the_variable_and_nothing_of_the_value() {
    let dotenv = dotenv(&[("PASSWORD".to_owned(), "sword'fish$`".to_owned(), None)]);
    let error = write(&dotenv, Dialect::General).unwrap_err();
    assert!(error.to_string().starts_with("PASSWORD: "));
    assert!(!error.to_string().contains("sword"));
    assert!(!format!("{error:?}").contains("PASSWORD"));
}

#[test]
fn a_real_shell_reads_the_shell_dialect() {
    let value = "it's \"$HOME\" `id` \\ ${x} #\n!end";
    let dotenv = dotenv(&[("A".to_owned(), value.to_owned(), Some("it's".to_owned()))]);
    let script = format!(
        "{}printf %s \"$A\"",
        write(&dotenv, Dialect::Shell).unwrap().expose()
    );
    let output = std::process::Command::new("sh")
        .args(["-c", &script])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), value);
}
