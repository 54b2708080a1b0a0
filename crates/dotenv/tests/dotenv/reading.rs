//! What a `.env` means, and what is refused.

use rstest::rstest;
use splitvault_dotenv::{ENTRIES, ParseError, ParseErrorKind, ParseOptions, TOTAL, VALUE, parse};

fn read_with(text: &str, options: ParseOptions) -> Vec<(String, String)> {
    let parsed = parse(text.as_bytes(), &options).unwrap();
    let pair = |v: &splitvault_dotenv::Variable| (v.name.as_str().to_owned(), v.value.expose().to_owned());
    parsed.dotenv.iter().map(pair).collect()
}

fn value(text: &str) -> String {
    let read = read_with(text, ParseOptions::default());
    assert_eq!(read.len(), 1, "{text:?} has one variable");
    assert_eq!(read[0].0, "A", "{text:?} sets A");
    read[0].1.clone()
}

fn refused(text: &str) -> ParseError {
    parse(text.as_bytes(), &ParseOptions::default()).unwrap_err()
}

#[rstest]
#[case::plain("A=b", "b")]
#[case::blanks_around("  A \t=  b c \t", "b c")]
#[case::export("export A=b", "b")]
#[case::exports_with_tab("export\tA=b", "b")]
#[case::empty("A=", "")]
#[case::empty_quotes("A=''", "")]
#[case::equals_inside("A=b==c", "b==c")]
#[case::comment_behind("A=b # c", "b")]
#[case::hash_ends_an_unquoted_value("A=b#c", "b")]
#[case::only_a_comment("A= # c", "")]
#[case::hash_in_quotes("A='b#c' # d", "b#c")]
#[case::comment_right_behind_the_quote("A='b'#c", "b")]
#[case::quote_inside_a_word("A=it's", "it's")]
#[case::single_quotes_are_literal(r"A='a\nb $c \t'", r"a\nb $c \t")]
#[case::backticks_are_literal(r#"A=`a\nb 'c' "d"`"#, r#"a\nb 'c' "d""#)]
#[case::newline_escape("A=\"a\\nb\\rc\"", "a\nb\rc")]
#[case::no_other_escape(r#"A="a\tb\\c""#, r"a\tb\\c")]
#[case::lines_in_single_quotes("A='a\nb\n'", "a\nb\n")]
#[case::lines_in_double_quotes("A=\"a\nb\"", "a\nb")]
#[case::crlf_in_a_value("A='a\r\nb'\r\n", "a\nb")]
#[case::cr_ends_a_line("A=b\r# c\r", "b")]
#[case::byte_order_mark("\u{feff}A=b", "b")]
#[case::no_expansion("A=${B}$C$(d)", "${B}$C$(d)")]
#[case::unicode("A=Zürich 東京 🔐", "Zürich 東京 🔐")]
#[case::trimmed_of_all_white_space("A=\u{a0}b\u{3000}", "b")]
#[case::escaped_quote_stays("A=\"say \\\"hi\\\" now\"", r#"say \"hi\" now"#)]
#[case::backslash_at_the_end(r"A='C:\dir\'", r"C:\dir\")]
fn a_value_is_read(#[case] text: &str, #[case] expected: &str) {
    assert_eq!(value(text), expected);
}

#[test]
fn a_file_is_read_in_its_order_without_comments_and_empty_lines() {
    let text = "# head\n\nB=1\r\n\n  # more\nexport A='2\n3'\nexport=4\nC=";
    let expected = [("B", "1"), ("A", "2\n3"), ("export", "4"), ("C", "")];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(read_with(text, ParseOptions::default()), expected);
    assert!(read_with("", ParseOptions::default()).is_empty());
    assert!(read_with("\n# nothing\n  \n", ParseOptions::default()).is_empty());
}

#[test]
fn a_backslash_at_the_end_does_not_swallow_the_next_line() {
    let read = read_with("A='C:\\dir\\'\nB='D:\\dir\\'\n", ParseOptions::default());
    assert_eq!(read[0].1, r"C:\dir\");
    assert_eq!(read[1].1, r"D:\dir\");
}

#[test]
fn comments_belong_to_the_variable_below_or_beside() {
    let text = "# licence\n\n# one\n#  two \nA=1 # three\nB=2\n#\nC=3";
    let parsed = parse(text.as_bytes(), &ParseOptions::default()).unwrap();
    let comment = |name: &str| {
        let comment = parsed.dotenv.get(name).unwrap().comment.as_ref();
        comment.map(|c| c.expose().to_owned())
    };
    assert_eq!(comment("A").unwrap(), "one\n two\nthree");
    assert_eq!(comment("B"), None);
    assert_eq!(comment("C"), None);
}

#[test]
fn dotted_names_are_read_when_allowed() {
    let options = ParseOptions {
        dotted_names: true,
        ..ParseOptions::default()
    };
    assert_eq!(read_with("a.b-c=1", options)[0].0, "a.b-c");
    assert_eq!(refused("a.b-c=1").kind, ParseErrorKind::DottedName);
}

#[rstest]
#[case::no_assignment("A=b\nswordfish", 2, 1, None, ParseErrorKind::NotAnAssignment)]
#[case::colon("A: swordfish", 1, 1, None, ParseErrorKind::NotAnAssignment)]
#[case::two_words("A swordfish=b", 1, 1, None, ParseErrorKind::NotAnAssignment)]
#[case::export_alone("export A", 1, 8, None, ParseErrorKind::NotAnAssignment)]
#[case::no_name("  =swordfish", 1, 3, None, ParseErrorKind::InvalidName)]
#[case::digit_first("1A=swordfish", 1, 1, None, ParseErrorKind::InvalidName)]
#[case::value_on_the_next_line("A=\n'swordfish'", 2, 1, None, ParseErrorKind::NotAnAssignment)]
#[case::open_quote("\nA='swordfish\nB=2\n", 2, 3, Some("A"), ParseErrorKind::UnterminatedQuote)]
#[case::open_double_quote("A = \"swordfish", 1, 5, Some("A"), ParseErrorKind::UnterminatedQuote)]
#[case::open_backtick("A=`swordfish", 1, 3, Some("A"), ParseErrorKind::UnterminatedQuote)]
#[case::text_behind("A='sword'fish", 1, 10, Some("A"), ParseErrorKind::TextAfterQuote)]
#[case::text_behind_lines("A='sword\nfi' sh", 2, 4, Some("A"), ParseErrorKind::TextAfterQuote)]
#[case::nul("A=ü\0swordfish", 1, 4, None, ParseErrorKind::Nul)]
fn a_fault_has_its_place(
    #[case] text: &str,
    #[case] line: usize,
    #[case] column: usize,
    #[case] name: Option<&str>,
    #[case] kind: ParseErrorKind,
) {
    let error = refused(text);
    assert_eq!((error.line, error.column), (line, column), "{error}");
    assert_eq!(error.name.as_ref().map(|name| name.as_str()), name);
    assert_eq!(error.kind, kind);
    assert!(!error.to_string().contains("sword") && !format!("{error:?}").contains("sword"));
}

#[test]
fn bytes_that_are_not_utf8_are_refused_where_they_stand() {
    let error = parse(b"A=1\nB=\xc3\xbc\xff", &ParseOptions::default()).unwrap_err();
    assert_eq!((error.line, error.column), (2, 4));
    assert_eq!(error.kind, ParseErrorKind::NotUtf8);
}

#[test]
fn the_same_name_twice_is_refused_unless_it_changes_nothing() {
    let error = refused("A=1\nB=2\nA=3\n");
    let first_line = Some(1);
    assert_eq!(error.kind, ParseErrorKind::Duplicate { first_line });
    assert_eq!((error.line, error.name.unwrap().as_str()), (3, "A"));
    assert_eq!(value("A=1\nA='1'\n"), "1");
}

#[test]
fn each_limit_is_reached_and_not_passed() {
    let lines = |count: usize| (0..count).map(|i| format!("V{i}=1\n")).collect::<String>();
    assert_eq!(read_with(&lines(ENTRIES), ParseOptions::default()).len(), ENTRIES);
    let error = refused(&lines(ENTRIES + 1));
    assert_eq!(
        (error.line, error.kind),
        (ENTRIES + 1, ParseErrorKind::TooManyEntries)
    );
    assert_eq!(value(&format!("A={}", "x".repeat(VALUE))).len(), VALUE);
    let error = refused(&format!("A={}", "x".repeat(VALUE + 1)));
    assert_eq!((error.line, error.kind), (1, ParseErrorKind::ValueTooLarge));
    assert_eq!(refused(&"#".repeat(TOTAL + 1)).kind, ParseErrorKind::TooLarge);
    assert!(parse("#".repeat(TOTAL).as_bytes(), &ParseOptions::default()).is_ok());
}
