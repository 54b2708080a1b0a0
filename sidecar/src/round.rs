//! What can go wrong between a question and its files.

use std::io;

use splitvault_wire::Reason;

use crate::ask::AskError;
use crate::pace::Urgency;
use crate::render::RenderError;

/// Why there are no new files.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RoundError {
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error(transparent)]
    Render(#[from] RenderError),
    #[error("cannot write the files: {0}")]
    Write(#[from] io::Error),
}

impl RoundError {
    /// Whether the token was not taken for one.
    pub(crate) fn is_about_token(&self) -> bool {
        matches!(self, Self::Ask(AskError::Refused(refused)) if refused.reason == Reason::Unauthenticated)
    }

    /// How soon another try may be of use.
    pub(crate) const fn urgency(&self) -> Urgency {
        match self {
            Self::Ask(error) => error.urgency(),
            Self::Render(_) => Urgency::Slow,
            Self::Write(_) => Urgency::Soon,
        }
    }
}
