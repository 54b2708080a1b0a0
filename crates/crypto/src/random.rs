//! The only source of randomness: the operating system's CSPRNG.

use std::convert::Infallible;

use hpke::rand_core::{TryCryptoRng, TryRng};
use zeroize::Zeroizing;

/// The operating system gave no random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no randomness from the operating system")]
pub struct Random;

/// Fills `bytes` from the operating system.
pub(crate) fn fill(bytes: &mut [u8]) -> Result<(), Random> {
    getrandom::fill(bytes).map_err(|_| Random)
}

/// A fixed amount of randomness drawn beforehand, for an algorithm that takes a generator and would panic when
/// the operating system fails in the middle.
pub(crate) struct Drawn {
    bytes: Zeroizing<[u8; Drawn::LEN]>,
    used: usize,
    exhausted: bool,
}

impl Drawn {
    /// As much as the hungriest caller takes: X-Wing encapsulation.
    pub(crate) const LEN: usize = 64;

    /// Draws from the operating system.
    pub(crate) fn make() -> Result<Self, Random> {
        let mut bytes = Zeroizing::new([0; Self::LEN]);
        fill(bytes.as_mut_slice())?;
        Ok(Self::from_bytes(bytes))
    }

    /// Exactly these bytes.
    pub(crate) fn from_bytes(bytes: Zeroizing<[u8; Self::LEN]>) -> Self {
        Self {
            bytes,
            used: 0,
            exhausted: false,
        }
    }

    /// Whether what was made with it may be used: nobody asked for more than there was.
    pub(crate) fn sufficed(&self) -> Result<(), Random> {
        if self.exhausted { Err(Random) } else { Ok(()) }
    }

    fn take(&mut self, out: &mut [u8]) {
        let end = self.used.saturating_add(out.len());
        match self.bytes.get(self.used..end) {
            Some(bytes) => {
                out.copy_from_slice(bytes);
                self.used = end;
            }
            None => self.exhausted = true,
        }
    }
}

impl TryRng for Drawn {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.take(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.take(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        self.take(out);
        Ok(())
    }
}

impl TryCryptoRng for Drawn {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_that_runs_dry_is_noticed() {
        let mut drawn = Drawn::make().unwrap();
        drawn.take(&mut [0; Drawn::LEN]);
        assert_eq!(drawn.sufficed(), Ok(()));
        drawn.take(&mut [0; 1]);
        assert_eq!(drawn.sufficed(), Err(Random));
    }

    #[test]
    fn no_byte_is_given_twice() {
        let mut drawn = Drawn::from_bytes(Zeroizing::new(std::array::from_fn(|n| n as u8)));
        let (mut first, mut second) = ([0; 32], [0; 32]);
        drawn.take(&mut first);
        drawn.take(&mut second);
        assert!(first.iter().chain(&second).copied().eq(0..64));
    }
}
