//! How rows and manifests are laid out inside their envelopes: fixed fields, and length-prefixed ones.

use splitvault_crypto::SecretBytes;
use zeroize::Zeroizing;

/// Bytes in front of a field of any length.
const LENGTH: usize = 4;

/// Writes fields into memory of exactly the size they need, so that none of it is left behind by growing.
pub(crate) struct Writer(Zeroizing<Vec<u8>>);

impl Writer {
    /// Room for fixed fields of `fixed` bytes together, and for these variable ones.
    pub(crate) fn with_room<'a>(fixed: usize, variable: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let variable: usize = variable.into_iter().map(|field| LENGTH + field.len()).sum();
        Self(Zeroizing::new(Vec::with_capacity(fixed + variable)))
    }

    pub(crate) fn fixed(&mut self, field: &[u8]) {
        debug_assert!(self.0.capacity() - self.0.len() >= field.len(), "room was made");
        self.0.extend_from_slice(field);
    }

    pub(crate) fn variable(&mut self, field: &[u8]) {
        // Whatever is written here is far below the envelope's limit of 2 MiB, which refuses it otherwise.
        let len = u32::try_from(field.len()).unwrap_or(u32::MAX);
        self.fixed(&len.to_be_bytes());
        self.fixed(field);
    }

    pub(crate) fn into_bytes(self) -> Zeroizing<Vec<u8>> {
        debug_assert_eq!(self.0.capacity(), self.0.len(), "no room was made in vain");
        self.0
    }
}

/// Reads what [`Writer`] wrote; `None` wherever the bytes do not go on as expected.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(plaintext: &'a SecretBytes) -> Self {
        // EXPOSE: taken apart; what is secret goes into secret types again.
        Self(plaintext.expose())
    }

    pub(crate) fn fixed<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*field)
    }

    pub(crate) fn number(&mut self) -> Option<u32> {
        self.fixed().map(u32::from_be_bytes)
    }

    pub(crate) fn long(&mut self) -> Option<u64> {
        self.fixed().map(u64::from_be_bytes)
    }

    pub(crate) fn flag(&mut self) -> Option<bool> {
        match self.fixed()? {
            [0] => Some(false),
            [1] => Some(true),
            _ => None,
        }
    }

    pub(crate) fn variable(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.number()?).ok()?;
        let (field, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(field)
    }

    /// Reads a number of items, each at least `least` bytes long.
    pub(crate) fn list<T>(
        &mut self,
        least: usize,
        mut item: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        let count = usize::try_from(self.number()?).ok()?;
        if count > self.0.len() / least {
            return None;
        }
        (0..count).map(|_| item(self)).collect()
    }

    /// Nothing may follow.
    pub(crate) fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let mut writer = Writer::with_room(3, [&b"name"[..], b""]);
        writer.fixed(&[1, 2, 1]);
        writer.variable(b"name");
        writer.variable(b"");
        let bytes = SecretBytes::copy_of(&writer.into_bytes());
        let mut reader = Reader::new(&bytes);
        assert_eq!(reader.fixed(), Some([1, 2]));
        assert_eq!(reader.flag(), Some(true));
        assert_eq!(reader.variable(), Some(&b"name"[..]));
        assert_eq!(reader.end(), None);
        assert_eq!(reader.variable(), Some(&b""[..]));
        assert_eq!(reader.end(), Some(()));
    }

    #[test]
    fn lengths_that_reach_beyond_the_end_are_refused() {
        for bytes in [&[0xff; 4][..], &[0, 0, 0, 2, 1], &[0, 0]] {
            let bytes = SecretBytes::copy_of(bytes);
            assert_eq!(Reader::new(&bytes).variable(), None);
            let item = |reader: &mut Reader<'_>| reader.fixed::<2>();
            assert_eq!(Reader::new(&bytes).list(2, item), None);
        }
    }

    #[test]
    fn a_flag_is_zero_or_one() {
        assert_eq!(Reader::new(&SecretBytes::copy_of(&[2])).flag(), None);
    }
}
