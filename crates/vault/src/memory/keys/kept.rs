//! What the key database holds, and the transitions of environments.

use std::collections::BTreeMap;

use splitvault_crypto::{Id, KeyId};

use crate::keys::{
    Commit, Escrowed, Head, KeyEvent, KeyState, KeyStoreError, Leadership, Quarantined, Replica, Revision,
    Ring, Row, WrappedKey,
};

#[derive(Debug, Default, Clone)]
pub(super) struct Kept {
    pub(super) changes: u64,
    pub(super) installation: Option<Id>,
    pub(super) fence: u64,
    pub(super) keys: Vec<WrappedKey>,
    pub(super) events: Vec<KeyEvent>,
    pub(super) leader: Option<Leadership>,
    pub(super) replicas: BTreeMap<Id, Replica>,
    pub(super) escrow: BTreeMap<KeyId, Escrowed>,
    pub(super) environments: BTreeMap<Id, KeptEnvironment>,
}

#[derive(Debug, Clone)]
pub(super) struct KeptEnvironment {
    uid: String,
    revision: u64,
    pub(super) writes: u64,
    revisions: BTreeMap<u64, KeptRevision>,
}

#[derive(Debug, Clone)]
pub(super) struct KeptRevision {
    manifest: Vec<u8>,
    names_key: KeyId,
    values_key: KeyId,
    quarantined: bool,
    rows: Vec<Row>,
}

impl KeptRevision {
    fn whole(&self) -> Revision {
        Revision {
            manifest: self.manifest.clone(),
            rows: self.rows.clone(),
        }
    }

    fn is_stale(&self, names: KeyId, values: KeyId) -> bool {
        (self.names_key, self.values_key) != (names, values)
    }

    /// How many envelopes here name this key of names, what is said in clear counted too.
    fn naming(&self, key: KeyId) -> usize {
        let rows = self.rows.iter().filter(|row| names(&row.envelope, key)).count();
        rows + usize::from(self.names_key == key || names(&self.manifest, key))
    }
}

/// Whether an envelope's header names this key.
fn names(envelope: &[u8], key: KeyId) -> bool {
    envelope.get(1..9) == Some(key.as_bytes())
}

impl Kept {
    pub(super) fn envelopes(&self) -> Vec<Vec<u8>> {
        let of = |found: &KeptRevision| {
            let rows = found.rows.iter().map(|row| row.envelope.clone());
            rows.chain([found.manifest.clone()]).collect::<Vec<_>>()
        };
        self.all_revisions().flat_map(of).collect()
    }

    pub(super) fn rows(&self) -> usize {
        self.all_revisions().map(|found| found.rows.len()).sum()
    }

    fn all_revisions(&self) -> impl Iterator<Item = &KeptRevision> {
        self.environments
            .values()
            .flat_map(|found| found.revisions.values())
    }

    pub(super) fn head(&self, uid: &str) -> Option<Head> {
        let (environment, found) = self.environments.iter().find(|(_, found)| found.uid == uid)?;
        let manifest = found.revisions.get(&found.revision);
        Some(Head {
            environment: *environment,
            uid: uid.to_owned(),
            revision: found.revision,
            writes: found.writes,
            manifest: manifest.map_or_else(Vec::new, |found| found.manifest.clone()),
        })
    }

    pub(super) fn revision(&self, environment: Id, revision: u64) -> Option<Revision> {
        let found = self.environments.get(&environment)?;
        found.revisions.get(&revision).map(KeptRevision::whole)
    }

    pub(super) fn stale_revisions(
        &self,
        environment: Id,
        names: KeyId,
        values: KeyId,
    ) -> Vec<(u64, Revision)> {
        let found = self.environments.get(&environment).into_iter();
        let revisions = found.flat_map(|found| &found.revisions);
        let stale = revisions.filter(|(_, found)| found.is_stale(names, values) && !found.quarantined);
        stale.map(|(number, found)| (*number, found.whole())).collect()
    }

    pub(super) fn quarantine(&mut self, environment: Id, revision: u64) {
        let found = self.environments.get_mut(&environment);
        if let Some(found) = found.and_then(|found| found.revisions.get_mut(&revision)) {
            found.quarantined = true;
        }
    }

    pub(super) fn release(&mut self) {
        let all = self.environments.values_mut();
        all.flat_map(|found| found.revisions.values_mut())
            .for_each(|found| found.quarantined = false);
    }

    pub(super) fn revisions(&self, environment: Id) -> Vec<u64> {
        let found = self.environments.get(&environment);
        found.map_or_else(Vec::new, |found| found.revisions.keys().copied().collect())
    }

    pub(super) fn uids(&self, after: Option<&str>, limit: usize) -> Vec<String> {
        let mut uids: Vec<_> = self
            .environments
            .values()
            .map(|found| found.uid.clone())
            .collect();
        uids.retain(|uid| after.is_none_or(|after| uid.as_str() > after));
        uids.sort_unstable();
        uids.truncate(limit);
        uids
    }

    /// Ascending by UID, so that the same state gives the same answer.
    pub(super) fn stale(&self, names: KeyId, values: KeyId, with_quarantined: bool) -> Vec<String> {
        let is_stale =
            |found: &KeptRevision| found.is_stale(names, values) && (with_quarantined || !found.quarantined);
        let stale = self
            .environments
            .values()
            .filter(|found| found.revisions.values().any(is_stale));
        let mut stale: Vec<_> = stale.map(|found| found.uid.clone()).collect();
        stale.sort_unstable();
        stale
    }

    pub(super) fn distrust(&mut self) -> u64 {
        let mut count = 0;
        let all = self.environments.values_mut();
        let revisions = all.flat_map(|found| found.revisions.values_mut());
        for revision in revisions.filter(|found| !found.quarantined) {
            let nobody = KeyId::from_bytes([0; KeyId::LEN]);
            (revision.names_key, revision.values_key) = (nobody, nobody);
            count += 1;
        }
        count
    }

    pub(super) fn quarantined(&self, uid: Option<&str>, limit: usize) -> Vec<Quarantined> {
        let of = self
            .environments
            .values()
            .filter(|found| uid.is_none_or(|uid| found.uid == uid));
        let quarantined = of.flat_map(|found| {
            let revisions = found.revisions.iter().filter(|(_, kept)| kept.quarantined);
            revisions.map(|(revision, _)| Quarantined {
                uid: found.uid.clone(),
                revision: *revision,
            })
        });
        quarantined.take(limit).collect()
    }

    pub(super) fn count(&self, ring: Ring, key: KeyId) -> u64 {
        let counted = match ring {
            Ring::Names => self.all_revisions().map(|found| found.naming(key)).sum(),
            Ring::Values => self
                .all_revisions()
                .filter(|found| found.values_key == key)
                .count(),
            Ring::Sealing | Ring::Mac => 0,
        };
        counted as u64
    }

    /// The outer error undoes everything, the inner one is this commit's alone.
    pub(super) fn commit(&mut self, commit: &Commit) -> Result<Result<(), KeyStoreError>, KeyStoreError> {
        if self.fence != commit.fence {
            return Err(KeyStoreError::Fenced);
        }
        let active = |ring, id| {
            let is = |key: &WrappedKey| (key.ring, key.id, key.state) == (ring, id, KeyState::Active);
            self.keys.iter().any(is)
        };
        if !active(Ring::Names, commit.names_key) || !active(Ring::Values, commit.values_key) {
            return Err(KeyStoreError::Rotated);
        }
        if let Err(conflict) = self.swap_head(commit) {
            return Ok(Err(conflict));
        }
        let found = self.environments.get_mut(&commit.environment);
        found.ok_or(KeyStoreError::Internal)?.change(commit)?;
        Ok(Ok(()))
    }

    /// The compare-and-swap.
    fn swap_head(&mut self, commit: &Commit) -> Result<(), KeyStoreError> {
        let Some(expected) = commit.expected else {
            let is_there =
                |(id, found): (&Id, &KeptEnvironment)| *id == commit.environment || found.uid == commit.uid;
            if self.environments.iter().any(is_there) {
                return Err(KeyStoreError::Conflict);
            }
            let made = KeptEnvironment {
                uid: commit.uid.clone(),
                revision: commit.revision,
                writes: 1,
                revisions: BTreeMap::new(),
            };
            self.environments.insert(commit.environment, made);
            return Ok(());
        };
        let found = self.environments.get_mut(&commit.environment);
        let found = found
            .filter(|found| found.uid == commit.uid && found.writes == expected)
            .ok_or(KeyStoreError::Conflict)?;
        found.writes += 1;
        found.revision = commit.revision;
        Ok(())
    }
}

impl KeptEnvironment {
    fn change(&mut self, commit: &Commit) -> Result<(), KeyStoreError> {
        for dropped in &commit.dropped {
            self.revisions.remove(dropped);
        }
        for (revision, manifest) in &commit.manifests {
            let kept = self.revisions.entry(*revision).or_insert_with(|| KeptRevision {
                manifest: Vec::new(),
                names_key: commit.names_key,
                values_key: commit.values_key,
                quarantined: false,
                rows: Vec::new(),
            });
            kept.manifest.clone_from(manifest);
        }
        for (revision, rows) in &commit.rows {
            // As the schema's foreign key has it.
            let kept = self.revisions.get_mut(revision).ok_or(KeyStoreError::Internal)?;
            if commit.manifests.iter().any(|(with, _)| with == revision) {
                (kept.names_key, kept.values_key) = (commit.names_key, commit.values_key);
                kept.quarantined = false;
            }
            kept.rows.clone_from(rows);
        }
        Ok(())
    }
}
