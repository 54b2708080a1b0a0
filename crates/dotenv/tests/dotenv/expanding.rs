//! References, when they are asked for.

use rstest::rstest;
use splitvault_dotenv::{ParseError, ParseErrorKind, ParseOptions, VALUE, WarningKind, parse};

const EXPAND: ParseOptions = ParseOptions {
    dotted_names: false,
    expand: true,
};

fn last(text: &str) -> Result<String, ParseError> {
    let parsed = parse(text.as_bytes(), &EXPAND)?;
    let value = parsed.dotenv.iter().last().map(|v| v.value.expose().to_owned());
    Ok(value.unwrap_or_default())
}

#[rstest]
#[case::braces("B=1\nA=\"x${B}y\"", "x1y")]
#[case::no_braces("B=1\nA=$B/$B", "1/1")]
#[case::the_longest_name("B=1\nB_2=3\nA=$B_2", "3")]
#[case::single_quotes_as_well("B=1\nA='${B}'", "1")]
#[case::escaped(r"A=a\$B\${C}", "a$B${C}")]
#[case::not_a_reference("A='$ $1 $$ 5$'", "$ $1 $$ 5$")]
#[case::no_command("A=$(id)`id`", "$(id)`id`")]
#[case::default_of_unset("A=${B:-x y}", "x y")]
#[case::default_of_empty("B=\nA=${B:-x}", "x")]
#[case::empty_is_set("B=\nA=${B-x}", "")]
#[case::default_unused("B=1\nA=${B:-x}", "1")]
#[case::other_when_set("B=1\nA=${B:+x}", "x")]
#[case::other_when_empty("B=\nA=${B:+x}", "")]
#[case::other_of_set_and_empty("B=\nA=${B+x}", "x")]
#[case::other_of_unset("A=${B+x}", "")]
#[case::nested_default("C=2\nA=${B:-${D:-$C}}", "2")]
#[case::default_for_itself("A=${A:-x}", "x")]
#[case::chain("C=1\nB=${C}2\nA=${B}3", "123")]
#[case::what_comes_out_is_not_read_again(
    r"B=\$C
C=1
A=$B",
    "$C"
)]
fn a_reference_is_expanded(#[case] text: &str, #[case] expected: &str) {
    assert_eq!(last(text).unwrap(), expected);
}

#[test]
fn a_later_variable_may_be_referred_to() {
    let parsed = parse(b"A=${B}x\nB=1", &EXPAND).unwrap();
    assert_eq!(parsed.dotenv.get("A").unwrap().value.expose(), "1x");
}

#[rstest]
#[case::unknown("A=swordfish${B}", ParseErrorKind::UnknownReference)]
#[case::part_of_a_password("A='pa$$word'", ParseErrorKind::UnknownReference)]
#[case::itself("A=swordfish$A", ParseErrorKind::UnknownReference)]
#[case::a_circle("A=$B\nB=$C\nC=$A", ParseErrorKind::CyclicReference)]
#[case::not_closed("A=swordfish${B", ParseErrorKind::MalformedReference)]
#[case::empty("A=swordfish${}", ParseErrorKind::MalformedReference)]
#[case::no_operation("B=1\nA=${B swordfish}", ParseErrorKind::MalformedReference)]
#[case::question_mark("B=1\nA=${B:?swordfish}", ParseErrorKind::MalformedReference)]
fn what_cannot_be_expanded_is_refused(#[case] text: &str, #[case] kind: ParseErrorKind) {
    let error = last(text).unwrap_err();
    assert_eq!(error.kind, kind);
    assert!(error.line > 0 && error.name.is_some());
    assert!(!error.to_string().contains("swordfish") && !error.to_string().contains("word"));
}

#[test]
fn expansion_is_bounded_in_size_and_depth() {
    let mut laughs = format!("V0={}\n", "x".repeat(64));
    for i in 1..100 {
        laughs += &format!("V{i}=$V{0}$V{0}$V{0}$V{0}\n", i - 1);
    }
    assert_eq!(last(&laughs).unwrap_err().kind, ParseErrorKind::ValueTooLarge);
    let backwards: String = (0..999).map(|i| format!("V{i}=$V{}\n", i + 1)).collect();
    assert_eq!(
        last(&(backwards + "V999=1\n")).unwrap_err().kind,
        ParseErrorKind::DeepReference
    );
    let forwards: String = (1..999).map(|i| format!("V{i}=$V{}\n", i - 1)).collect();
    assert_eq!(last(&("V0=1\n".to_owned() + &forwards)).unwrap(), "1");
    let nested = format!("A={}{}", "${B:-".repeat(VALUE / 6), "}".repeat(VALUE / 6));
    assert_eq!(last(&nested).unwrap_err().kind, ParseErrorKind::DeepReference);
}

#[test]
fn an_expanded_file_gives_no_warning_of_references() {
    let warned = |options: &ParseOptions| parse(b"B=1\nA=\"${B}\"", options).unwrap().warnings;
    assert!(warned(&EXPAND).is_empty());
    let kinds: Vec<_> = warned(&ParseOptions::default()).iter().map(|w| w.kind).collect();
    assert_eq!(kinds, [WarningKind::Reference]);
}
