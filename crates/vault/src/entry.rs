//! A KEY row: the name of a variable, and where its value is.
//!
//! Plaintext: `1 ‖ token 16 ‖ SHA-256 of the value's envelope 32 ‖ order 4 ‖ form 1 ‖ name ‖ has comment 1 ‖ comment`,
//! name and comment behind their length in 4 bytes. The first byte tells a row from a manifest.

use splitvault_crypto::{Id, KeyRing, Names, SealError, SecretBytes, SecretString, sha256};
use splitvault_dotenv::{Name, Variable};
use splitvault_values::Token;

use crate::environment::Form;
use crate::error::{Breach, breach};
use crate::fields::{Reader, Writer};
use crate::keys::Row;
use crate::place::Place;

const KIND: u8 = 1;
const FIXED: usize = 1 + Token::LEN + 32 + 4 + 1 + 1;

/// A value that is in the store: which row it belongs to, under which token, and what exactly is there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claim {
    pub(crate) id: Id,
    pub(crate) token: Token,
    pub(crate) digest: [u8; 32],
}

/// A row that was opened.
pub(crate) struct Entry {
    pub(crate) claim: Claim,
    pub(crate) order: u32,
    pub(crate) form: Form,
    pub(crate) name: Name,
    pub(crate) comment: Option<SecretString>,
}

/// Encrypts the row of a variable.
pub(crate) fn seal(
    ring: &KeyRing<Names>,
    place: Place,
    revision: u64,
    claim: &Claim,
    order: u32,
    variable: &Variable,
) -> Result<Row, SealError> {
    let name = variable.name.as_str().as_bytes();
    // EXPOSE: into the row's plaintext, which is zeroized.
    let comment = variable
        .comment
        .as_ref()
        .map(|comment| comment.expose().as_bytes());
    let mut writer = Writer::with_room(FIXED, [name, comment.unwrap_or_default()]);
    writer.fixed(&[KIND]);
    writer.fixed(claim.token.as_bytes());
    writer.fixed(&claim.digest);
    writer.fixed(&order.to_be_bytes());
    writer.fixed(&[Form::of(variable).to_byte()]);
    writer.variable(name);
    writer.fixed(&[u8::from(comment.is_some())]);
    writer.variable(comment.unwrap_or_default());
    let envelope = ring.seal(&place.at(revision, claim.id), &writer.into_bytes())?;
    Ok(Row {
        id: claim.id,
        envelope,
    })
}

/// Decrypts a row.
pub(crate) fn open(ring: &KeyRing<Names>, place: Place, revision: u64, row: &Row) -> Result<Entry, Breach> {
    let plaintext = ring
        .open(&place.at(revision, row.id), &row.envelope)
        .map_err(breach("a row"))?;
    parse(row.id, &plaintext).ok_or(Breach::Tampered("a row"))
}

/// What a manifest says about a row.
pub(crate) fn digest(row: &Row) -> [u8; 32] {
    sha256(&row.envelope)
}

fn parse(id: Id, plaintext: &SecretBytes) -> Option<Entry> {
    let mut reader = Reader::new(plaintext);
    if reader.fixed()? != [KIND] {
        return None;
    }
    let claim = Claim {
        id,
        token: Token::from_bytes(reader.fixed()?),
        digest: reader.fixed()?,
    };
    let order = reader.number()?;
    let form = Form::from_byte(reader.fixed::<1>()?[0])?;
    let name = Name::parse(std::str::from_utf8(reader.variable()?).ok()?).ok()?;
    let has_comment = reader.flag()?;
    let comment = SecretString::copy_of(std::str::from_utf8(reader.variable()?).ok()?);
    reader.end()?;
    Some(Entry {
        claim,
        order,
        form,
        name,
        comment: has_comment.then_some(comment),
    })
}

#[cfg(test)]
mod tests {
    use splitvault_crypto::MasterKey;

    use super::*;

    fn place() -> Place {
        Place {
            installation: Id::from_bytes([1; 16]),
            environment: Id::from_bytes([2; 16]),
        }
    }

    fn sealed(ring: &KeyRing<Names>, comment: Option<&str>) -> Row {
        let claim = Claim {
            id: Id::from_bytes([3; 16]),
            token: Token::from_bytes([4; 16]),
            digest: [5; 32],
        };
        let variable = Variable {
            name: Name::parse("NAME").unwrap(),
            value: SecretString::copy_of("never in a row"),
            comment: comment.map(SecretString::copy_of),
        };
        seal(ring, place(), 7, &claim, 6, &variable).unwrap()
    }

    #[test]
    fn a_row_comes_back() {
        let ring = KeyRing::new(MasterKey::make().unwrap());
        for comment in [None, Some(""), Some("a comment")] {
            let entry = open(&ring, place(), 7, &sealed(&ring, comment)).unwrap();
            assert_eq!((entry.order, entry.name.as_str()), (6, "NAME"));
            assert_eq!(entry.form, Form::Plain);
            assert_eq!(entry.claim.token, Token::from_bytes([4; 16]));
            assert_eq!(entry.claim.digest, [5; 32]);
            assert_eq!(entry.comment.as_ref().map(SecretString::expose), comment);
        }
    }

    #[test]
    fn a_plaintext_of_any_other_length_is_refused() {
        let ring = KeyRing::new(MasterKey::make().unwrap());
        let (row, id) = (sealed(&ring, Some("comment")), Id::from_bytes([3; 16]));
        let plaintext = ring.open(&place().at(7, id), &row.envelope).unwrap();
        let whole = plaintext.expose();
        assert!(parse(id, &plaintext).is_some());
        for len in 0..whole.len() {
            assert!(parse(id, &SecretBytes::copy_of(&whole[..len])).is_none());
        }
        assert!(parse(id, &SecretBytes::copy_of(&[whole, b"\0"].concat())).is_none());
        assert!(parse(id, &SecretBytes::copy_of(&vec![0xff; whole.len()])).is_none());
    }
}
