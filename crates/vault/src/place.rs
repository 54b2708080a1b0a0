//! Coordinates within one environment.

use splitvault_crypto::{Coordinates, Id};

/// An environment of an installation: what is left to say is the revision and the entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) installation: Id,
    pub(crate) environment: Id,
}

impl Place {
    pub(crate) const fn at(self, revision: u64, entry: Id) -> Coordinates {
        Coordinates {
            installation: self.installation,
            environment: self.environment,
            revision,
            entry,
        }
    }
}
