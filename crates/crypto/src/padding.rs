//! Plaintexts carry their length and are padded to buckets, so that a ciphertext's size tells little.
//!
//! `length u32 BE ‖ data ‖ zeros`. For each length there is exactly one padded form, and only that one is read.

use crate::secret::SecretBytes;

/// Bytes in front of the data.
pub(crate) const PREFIX: usize = 4;

/// The sizes that a padded plaintext may have.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Padding {
    /// Multiples of 64.
    Blocks,
    /// Powers of two from 64.
    Powers,
}

impl Padding {
    /// The smallest bucket, and the step of [`Self::Blocks`].
    const BUCKET: usize = 64;

    /// The padded size for `len` bytes of data, length field included; `None` beyond `u32` or `usize`.
    pub(crate) fn padded(self, len: usize) -> Option<usize> {
        u32::try_from(len).ok()?;
        let total = len.checked_add(PREFIX)?;
        match self {
            Self::Blocks => total.checked_next_multiple_of(Self::BUCKET),
            Self::Powers => total.max(Self::BUCKET).checked_next_power_of_two(),
        }
    }

    /// Whether a padded plaintext can be `size` bytes long.
    pub(crate) fn is_bucket(self, size: usize) -> bool {
        size >= Self::BUCKET
            && match self {
                Self::Blocks => size.is_multiple_of(Self::BUCKET),
                Self::Powers => size.is_power_of_two(),
            }
    }

    /// Appends the padded form of `data`; `out` must have room, so that it is not moved half-written.
    pub(crate) fn append(self, out: &mut Vec<u8>, data: &[u8], padded: usize) {
        debug_assert!(
            out.capacity() - out.len() >= padded,
            "a move would leave plaintext behind"
        );
        let end = out.len() + padded;
        out.extend_from_slice(&(data.len() as u32).to_be_bytes());
        out.extend_from_slice(data);
        out.resize(end, 0);
    }

    /// The data in an authenticated plaintext; `None` when it is not its one padded form.
    pub(crate) fn strip(self, plaintext: &[u8]) -> Option<SecretBytes> {
        let (length, rest) = plaintext.split_first_chunk::<PREFIX>()?;
        let len = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (data, zeros) = rest.split_at_checked(len)?;
        let canonical = self.padded(len) == Some(plaintext.len()) && zeros.iter().all(|byte| *byte == 0);
        canonical.then(|| SecretBytes::copy_of(data))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pad(padding: Padding, data: &[u8]) -> Vec<u8> {
        let padded = padding.padded(data.len()).unwrap();
        let mut out = Vec::with_capacity(padded);
        padding.append(&mut out, data, padded);
        assert_eq!(out.len(), padded);
        out
    }

    #[test]
    fn blocks_grow_by_64_and_powers_double() {
        let sizes =
            |padding: Padding| [0, 60, 61, 124, 125, 252, 253].map(|len| padding.padded(len).unwrap());
        assert_eq!(sizes(Padding::Blocks), [64, 64, 128, 128, 192, 256, 320]);
        assert_eq!(sizes(Padding::Powers), [64, 64, 128, 128, 256, 256, 512]);
        assert_eq!(Padding::Powers.padded(32 * 1024), Some(64 * 1024));
        assert_eq!(Padding::Blocks.padded(u32::MAX as usize + 1), None);
    }

    #[test]
    fn every_padded_size_is_a_bucket_and_nothing_between() {
        for padding in [Padding::Blocks, Padding::Powers] {
            let sizes: std::collections::BTreeSet<_> =
                (0..2000).filter_map(|len| padding.padded(len)).collect();
            let last = *sizes.last().unwrap();
            assert!(
                (0..=last).all(|size| padding.is_bucket(size) == sizes.contains(&size)),
                "{padding:?}"
            );
        }
    }

    #[test]
    fn data_of_every_length_comes_back() {
        for len in 0..300 {
            let data = vec![0xa5; len];
            for padding in [Padding::Blocks, Padding::Powers] {
                assert_eq!(padding.strip(&pad(padding, &data)).unwrap().expose(), data);
            }
        }
    }

    #[test]
    fn only_the_one_padded_form_is_read() {
        let good = pad(Padding::Powers, b"data");
        let refused = |plaintext: &[u8]| assert!(Padding::Powers.strip(plaintext).is_none());
        for place in 8..64 {
            let mut dirty = good.clone();
            dirty[place] = 1;
            refused(&dirty);
        }
        refused(&[good.as_slice(), &[0; 64]].concat());
        refused(&good[..63]);
        refused(&[0, 0, 0]);
        refused(&[]);
        for len in [61_u32, 64, 65, u32::MAX] {
            let mut lying = vec![0; 64];
            lying[..4].copy_from_slice(&len.to_be_bytes());
            refused(&lying);
        }
    }
}
