//! Whatever is read is read again from what is written: for the two dialects that this crate reads itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use splitvault_dotenv::{Dialect, Dotenv, ParseOptions, parse, write};

fuzz_target!(|input: (bool, &[u8])| {
    let (expand, text) = input;
    let options = ParseOptions { dotted_names: true, expand };
    let Ok(parsed) = parse(text, &options) else {
        return;
    };
    let plain = ParseOptions { expand: false, ..options };
    for dialect in Dialect::ALL {
        let Ok(text) = write(&parsed.dotenv, dialect) else {
            continue;
        };
        if matches!(dialect, Dialect::General | Dialect::Npm) {
            // Comments are written on lines of their own, which may take a full file beyond the limit.
            if let Ok(again) = parse(text.expose().as_bytes(), &plain) {
                same(&parsed.dotenv, &again.dotenv);
            } else {
                assert!(text.len() > splitvault_dotenv::TOTAL);
            }
        }
    }
});

fn same(one: &Dotenv, other: &Dotenv) {
    assert_eq!(one.len(), other.len());
    for (one, other) in one.iter().zip(other) {
        assert_eq!(one.name, other.name);
        assert_eq!(one.value.expose(), other.value.expose());
        let comment = |c: &Option<_>| c.as_ref().map(|c: &splitvault_crypto::SecretString| c.expose().to_owned());
        assert_eq!(comment(&one.comment), comment(&other.comment));
    }
}
