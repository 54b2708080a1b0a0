//! The files' contents, and what they cannot hold.

use splitvault_dotenv::{ParseOptions, parse};
use splitvault_sidecar::{Content, Format, Modes, RenderError, Rendered, render};
use splitvault_wire::pod::{ENV_BIN, ENV_FILE, KUBELET_ENV};
use splitvault_wire::{Delivery, Environment};

use crate::operator::environment;

const EXEC: Modes = Modes {
    exec: true,
    file: None,
    kubelet: false,
};
const KUBELET: Modes = Modes {
    exec: false,
    file: None,
    kubelet: true,
};

pub(crate) fn file(format: Format) -> Modes {
    Modes {
        file: Some(format.into()),
        ..Modes::default()
    }
}

fn rendered(environments: Vec<Environment>, modes: Modes) -> Result<Rendered, RenderError> {
    render(&Delivery { environments }, &modes)
}

fn text(rendered: &Rendered, name: &str) -> String {
    let (_, content) = rendered.files.iter().find(|(file, _)| *file == name).unwrap();
    let Content::File(content) = content else {
        panic!("{name} is a set")
    };
    String::from_utf8(content.expose().to_vec()).unwrap()
}

#[test]
fn only_the_files_that_are_asked_for_are_written() {
    for (modes, name) in [
        (EXEC, ENV_BIN),
        (file(Format::Dotenv), ENV_FILE),
        (KUBELET, KUBELET_ENV),
    ] {
        let rendered = rendered(vec![environment("web", 1, &[("A", "1")])], modes).unwrap();
        let names: Vec<_> = rendered.files.iter().map(|(file, _)| file.as_str()).collect();
        assert_eq!(names, [name]);
        assert!(rendered.warnings.is_empty());
    }
    assert!(rendered(vec![], Modes::default()).unwrap().files.is_empty());
}

#[test]
fn no_variables_make_empty_files() {
    for (modes, name) in [
        (EXEC, ENV_BIN),
        (file(Format::Dotenv), ENV_FILE),
        (KUBELET, KUBELET_ENV),
    ] {
        let rendered = rendered(vec![environment("web", 1, &[])], modes).unwrap();
        assert_eq!(text(&rendered, name), "");
    }
}

#[test]
fn a_file_reads_back_as_what_it_was() {
    let variables = [
        ("A", ""),
        ("B", "a\nb # $c"),
        ("C", "it's"),
        ("D", "\"quoted\""),
        ("E", "ünï ✓"),
        ("F", " padded "),
    ];
    let rendered = rendered(vec![environment("web", 1, &variables)], file(Format::Dotenv)).unwrap();
    assert!(rendered.warnings.is_empty());
    let parsed = parse(text(&rendered, ENV_FILE).as_bytes(), &ParseOptions::default()).unwrap();
    let got: Vec<_> = parsed
        .dotenv
        .iter()
        .map(|v| (v.name.as_str(), v.value.expose()))
        .collect();
    assert_eq!(got, variables);
}

#[test]
fn what_only_some_readers_understand_is_written_for_npm_with_a_warning() {
    let variables = [("A", "it's \"both\""), ("B", "plain")];
    let rendered = rendered(vec![environment("web", 1, &variables)], file(Format::Dotenv)).unwrap();
    assert!(
        rendered.warnings[0].starts_with("web: "),
        "{:?}",
        rendered.warnings
    );
    let parsed = parse(text(&rendered, ENV_FILE).as_bytes(), &ParseOptions::default()).unwrap();
    let got: Vec<_> = parsed
        .dotenv
        .iter()
        .map(|v| (v.name.as_str(), v.value.expose()))
        .collect();
    assert_eq!(got, variables);
}

#[test]
fn what_no_file_can_hold_is_refused_and_exec_takes_it() {
    let web = || vec![environment("web", 1, &[("NAME", "'CANARY\"`")])];
    let error = rendered(web(), file(Format::Dotenv)).err().unwrap();
    assert_eq!(
        error,
        RenderError::Value {
            vault_secret: "web".to_owned()
        }
    );
    assert!(!error.to_string().contains("CANARY") && !error.to_string().contains("NAME"));
    assert_eq!(
        text(&rendered(web(), EXEC).unwrap(), ENV_BIN),
        "NAME='CANARY\"`\0"
    );
}

#[test]
fn what_kubelet_cannot_hold_is_refused_by_name_and_never_left_out() {
    for value in ["it's CANARY", "CANARY\r\n"] {
        let variables = [("PLAIN", "a\nb $c \"d\""), ("QUOTED", value)];
        let error = rendered(vec![environment("web", 1, &variables)], KUBELET)
            .err()
            .unwrap();
        assert_eq!(
            error,
            RenderError::Kubelet {
                vault_secret: "web".to_owned(),
                name: "QUOTED".to_owned()
            }
        );
        assert!(!error.to_string().contains("CANARY"));
    }
}

#[test]
fn more_than_kubelet_reads_is_refused() {
    let value = "v".repeat(30 * 1024);
    let two = [("A", value.as_str()), ("B", &value)];
    let web = |variables| vec![environment("web", 1, variables)];
    let text = text(&rendered(web(&two), KUBELET).unwrap(), KUBELET_ENV).to_owned();
    assert_eq!(text, format!("A='{value}'\nB='{value}'\n"));
    let three = [("A", value.as_str()), ("B", &value), ("C", &value)];
    let error = rendered(web(&three), KUBELET).err().unwrap();
    assert_eq!(error, RenderError::KubeletLimit);
}

#[test]
fn several_full_vault_secrets_make_one_file() {
    let names: Vec<_> = (0..2000).map(|n| format!("N{n}")).collect();
    let variables: Vec<_> = names.iter().map(|name| (name.as_str(), "v")).collect();
    let (first, second) = variables.split_at(1000);
    let environments = vec![environment("a", 1, first), environment("b", 1, second)];
    let rendered = rendered(environments, file(Format::Dotenv)).unwrap();
    assert_eq!(text(&rendered, ENV_FILE).lines().count(), 2000);
}

#[test]
fn names_that_no_process_can_have_are_refused() {
    for name in ["", "A=B"] {
        let error = rendered(vec![environment("web", 1, &[(name, "1")])], EXEC)
            .err()
            .unwrap();
        assert_eq!(
            error,
            RenderError::Name {
                vault_secret: "web".to_owned()
            }
        );
    }
    for name in ["", "A=B", "A B", "1A", "é"] {
        assert!(
            rendered(vec![environment("web", 1, &[(name, "1")])], file(Format::Dotenv)).is_err(),
            "{name}"
        );
    }
}
