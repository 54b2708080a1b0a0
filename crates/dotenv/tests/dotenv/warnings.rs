//! What other tools would read differently.

use rstest::rstest;
use splitvault_dotenv::{ParseOptions, WarningKind, parse};

fn kinds(text: &str) -> Vec<WarningKind> {
    let parsed = parse(text.as_bytes(), &ParseOptions::default()).unwrap();
    parsed.warnings.iter().map(|warning| warning.kind).collect()
}

#[rstest]
#[case("A=a#b", WarningKind::HashWithoutBlank)]
#[case("A=#b", WarningKind::HashWithoutBlank)]
#[case(r#"A="a\tb""#, WarningKind::Escape)]
#[case(r#"A="a\\b""#, WarningKind::Escape)]
#[case(r#"A="a\"b""#, WarningKind::EscapedQuote)]
#[case(r"A='a\'b'", WarningKind::EscapedQuote)]
#[case(r"A='a\\b'", WarningKind::DoubledBackslash)]
#[case(r"A=a\b", WarningKind::UnquotedBackslash)]
#[case(r"A='a\'", WarningKind::TrailingBackslash)]
#[case(r#"A="a\""#, WarningKind::TrailingBackslash)]
#[case("A=a${B}", WarningKind::Reference)]
#[case("A=\"$B\"", WarningKind::Reference)]
#[case("A=$(id)", WarningKind::Reference)]
#[case("A='${B}'", WarningKind::BracesInSingleQuotes)]
#[case("A=`b`", WarningKind::Backticks)]
#[case("A=1\nA=1", WarningKind::Repeated)]
#[case("A=-----BEGIN PRIVATE KEY-----", WarningKind::UnquotedPem)]
fn it_is_warned_of(#[case] text: &str, #[case] kind: WarningKind) {
    assert_eq!(kinds(text), [kind]);
}

#[rstest]
#[case("A=a # b")]
#[case("A= # b")]
#[case("A=5$ $1")]
#[case("A='$B # \"c\" \\n'")]
#[case("A=\"a\\nb\"")]
#[case("A='-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\n'")]
fn it_is_fine(#[case] text: &str) {
    assert_eq!(kinds(text), []);
}

#[test]
fn a_warning_names_variable_place_and_tools_and_nothing_of_the_value() {
    let text = "A=1\n  PASSWORD = \"sword\\tfish$X\"\n";
    let parsed = parse(text.as_bytes(), &ParseOptions::default()).unwrap();
    assert_eq!(parsed.warnings.len(), 2);
    for warning in parsed.warnings {
        assert_eq!((warning.line, warning.column), (2, 14));
        let text = warning.to_string();
        assert!(text.starts_with("line 2, column 14: PASSWORD: "), "{text}");
        assert!(text.contains("python-dotenv"), "{text}");
        assert!(!text.contains("sword") && !format!("{warning:?}").contains("PASSWORD"));
    }
}
