//! What cannot be opened and belongs to no VaultSecret any more keeps an old master key for good, and nobody can mend it
//! through an object: whoever may, has it removed.

use std::collections::BTreeSet;

use kube::Api;
use kube::api::ListParams;
use splitvault_api::{Outcome, VaultSecret};

use crate::fault::Fault;
use crate::requests::status::{Said, Verdict};
use crate::requests::{Context, Failure};

/// Objects on one page: their metadata alone.
const PAGE: u32 = 500;
/// Environments that a sentence names, by the UIDs of the objects that they belonged to.
const NAMED: usize = 10;

impl Context {
    /// Removes every environment that has a revision in quarantine and whose VaultSecret is gone; only says which these
    /// are with `dry_run`.
    pub(super) async fn prune(&self, dry_run: bool) -> Result<Verdict, Failure> {
        let abandoned = self.abandoned().await?;
        if !dry_run {
            for uid in &abandoned {
                self.vault.remove(uid).await?;
                tracing::warn!(
                    uid,
                    "removed what could not be opened and belongs to no VaultSecret"
                );
            }
        }
        Ok(Verdict::new(
            Outcome::Done,
            told(&abandoned, dry_run),
            Said::default(),
        ))
    }

    /// Which are to go. What is stored is looked at first: whatever is there by then belongs to an object from before.
    async fn abandoned(&self) -> Result<BTreeSet<String>, Failure> {
        let unreadable = self.vault.unreadable().await;
        let mut abandoned = unreadable.map_err(|error| Failure::Store(error.to_string()))?;
        let api: Api<VaultSecret> = Api::all(self.client.clone());
        let mut page = ListParams::default().limit(PAGE);
        while !abandoned.is_empty() {
            let found = api.list_metadata(&page).await;
            let found = found.map_err(|error| Failure::Cluster(Fault::from(error)))?;
            for uid in found
                .items
                .iter()
                .filter_map(|object| object.metadata.uid.as_ref())
            {
                abandoned.remove(uid);
            }
            match found.metadata.continue_ {
                Some(next) if !next.is_empty() => page.continue_token = Some(next),
                _ => break,
            }
        }
        Ok(abandoned)
    }
}

fn told(abandoned: &BTreeSet<String>, dry_run: bool) -> String {
    let (count, verb) = match (abandoned.len(), dry_run) {
        (0, _) => return "there is nothing that cannot be opened and whose VaultSecret is gone".to_owned(),
        (1, true) => ("one environment".to_owned(), "would be removed"),
        (1, false) => ("one environment".to_owned(), "is removed"),
        (count, true) => (format!("{count} environments"), "would be removed"),
        (count, false) => (format!("{count} environments"), "are removed"),
    };
    let named: Vec<_> = abandoned.iter().take(NAMED).map(String::as_str).collect();
    let more = if abandoned.len() > NAMED { ", ..." } else { "" };
    format!(
        "{count} that cannot be opened and whose VaultSecret is gone {verb}, by its UID: {}{more}",
        named.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_names_some_and_stays_short() {
        let uids = |count: usize| (0..count).map(|n| format!("uid-{n}")).collect::<BTreeSet<_>>();
        assert!(told(&uids(0), false).contains("nothing"));
        assert!(told(&uids(1), true).contains("would be removed, by its UID: uid-0"));
        let many = told(&uids(100_000), false);
        assert!(
            many.contains("100000 environments") && many.contains("are removed") && many.len() < 300,
            "{many}"
        );
    }
}
