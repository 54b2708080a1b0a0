//! The command that leads from what the operator or the sidecar says to what has to be mended. Pure.

use splitvault_api::located;

use super::diagnose::place;
use super::evidence::{Evidence, Looked};

/// What comes before a VaultSecret's name in both their sentences.
const SUBJECT: &str = "VaultSecret ";

/// Shows the VaultSecret that is named, where it is one that the pod asks for. Nothing else of the words gets into a command.
pub(super) fn of(evidence: &Evidence, said: &str) -> Option<String> {
    let (namespace, _) = place(&evidence.pod);
    let mut secrets = evidence.secrets.iter();
    let (asked, looked) = secrets.find(|(asked, _)| names(said, asked))?;
    let (home, own) = located(namespace, asked);
    let verb = match looked {
        Looked::Found(_) => "describe",
        Looked::Missing | Looked::Forbidden | Looked::Failed(_) => "get",
    };
    Some(format!("kubectl -n {home} {verb} vaultsecret {own}"))
}

fn names(said: &str, asked: &str) -> bool {
    let goes_on = |c: char| c.is_ascii_alphanumeric() || "-./".contains(c);
    let mut after = said
        .match_indices(SUBJECT)
        .map(|(at, subject)| &said[at + subject.len()..]);
    after.any(|rest| {
        rest.strip_prefix(asked)
            .is_some_and(|rest| !rest.starts_with(goes_on))
    })
}
