//! Whatever comes in: no panic, no endless work, no byte of it in a message.

use proptest::prelude::*;
use splitvault_dotenv::{Dialect, ParseOptions, parse, write};

const SECRET: &str = "swordfish";

fn options() -> impl Strategy<Value = ParseOptions> {
    (any::<bool>(), any::<bool>()).prop_map(|(dotted_names, expand)| ParseOptions { dotted_names, expand })
}

/// Text of the pieces that the grammar is made of, and of the secret.
fn grammar() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "A",
        "B",
        "=",
        "'",
        "\"",
        "`",
        "\\",
        "\n",
        "\r",
        " ",
        "#",
        "$",
        "{",
        "}",
        ":-",
        "+",
        "export ",
        "n",
        "\t",
        "é",
        "\u{feff}",
        "\0",
        ".",
        "-",
        "1",
        " swordfish/",
    ]);
    prop::collection::vec(pieces, 0..60).prop_map(|pieces| pieces.concat())
}

fn messages(input: &[u8], options: &ParseOptions) -> Vec<String> {
    match parse(input, options) {
        Err(error) => vec![error.to_string(), format!("{error:?}")],
        Ok(parsed) => {
            let warnings = parsed.warnings.iter().map(|w| format!("{w} {w:?}"));
            let refused = Dialect::ALL
                .into_iter()
                .filter_map(|d| write(&parsed.dotenv, d).err());
            let refused = refused.map(|error| format!("{error} {error:?}"));
            let debug = format!("{parsed:?}");
            warnings.chain(refused).chain([debug]).collect()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_bytes_are_taken_or_refused(input in any::<Vec<u8>>(), options in options()) {
        messages(&input, &options);
    }

    #[test]
    fn no_message_holds_a_byte_of_a_value(text in grammar(), options in options()) {
        for message in messages(text.as_bytes(), &options) {
            prop_assert!(!message.contains(SECRET), "{message}");
        }
    }

    #[test]
    fn what_is_cut_off_anywhere_is_taken_or_refused(cut in 0_usize..90) {
        let text = "export A='1\n2' # c\r\nB=\"x\\n${A:-${C:-y}}\"\nC=`z`\n# end\nD=\\$A#swordfish\nE='swordfish\\'\n";
        let cut = text.get(..cut).unwrap_or(text);
        for expand in [false, true] {
            let options = ParseOptions { dotted_names: false, expand };
            for message in messages(cut.as_bytes(), &options) {
                prop_assert!(!message.contains(SECRET), "{message}");
            }
        }
    }
}

#[test]
fn the_search_would_find_it() {
    let parsed = parse(b"A=swordfish", &ParseOptions::default()).unwrap();
    assert!(
        write(&parsed.dotenv, Dialect::Shell)
            .unwrap()
            .expose()
            .contains(SECRET)
    );
}

#[test]
fn a_mebibyte_of_the_worst_is_refused_or_read_at_once() {
    let size = 1024 * 1024;
    for piece in [
        "'", "A='\\'\n", "A=\\'", "\"\\", "A=`\\` ", "#", "\r", "A=$", "${", "=", " ", "A='1'\n",
    ] {
        let text = piece.repeat(size / piece.len());
        for expand in [false, true] {
            let options = ParseOptions {
                dotted_names: true,
                expand,
            };
            drop(parse(text.as_bytes(), &options));
        }
    }
    // Many candidates for one end: `'\' ' \' ' …` with nothing that may end it.
    let candidates = format!("A='{}", "\\' x".repeat(size / 8));
    assert!(parse(candidates.as_bytes(), &ParseOptions::default()).is_err());
}
