//! A provider with several keys, as a KMS has them, that can be told to go away.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use splitvault_crypto::{FileKek, Id, KeyId, MasterKey, Names, Purpose, SecretBytes, Values};
use splitvault_vault::{Kek, KekFault, RingKek};

use super::*;

/// The provider of both rings; cheap to clone.
#[derive(Clone)]
pub(super) struct Kms(Arc<State>);

struct State {
    names: Vec<FileKek<Names>>,
    values: Vec<FileKek<Values>>,
    current: AtomicUsize,
    asked: AtomicUsize,
    /// Answers until it is away.
    left: AtomicUsize,
}

impl Default for Kms {
    fn default() -> Self {
        Self(Arc::new(State {
            names: (0..4).map(|_| FileKek::make().unwrap()).collect(),
            values: (0..4).map(|_| FileKek::make().unwrap()).collect(),
            current: AtomicUsize::new(0),
            asked: AtomicUsize::new(0),
            left: AtomicUsize::new(usize::MAX),
        }))
    }
}

impl Kms {
    pub(super) fn keks(&self) -> Keks {
        let kms = &self.0;
        Keks {
            names: RingKek::new(Arc::new(OfRing(Arc::clone(kms), |kms| &kms.names))),
            values: RingKek::new(Arc::new(OfRing(Arc::clone(kms), |kms| &kms.values))),
        }
    }

    /// Encrypts under another key from now on.
    pub(super) fn rotate(&self) {
        self.0.current.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn go_away(&self) {
        self.break_off_after(0);
    }

    pub(super) fn break_off_after(&self, answers: usize) {
        self.0.left.store(answers, Ordering::SeqCst);
    }

    pub(super) fn come_back(&self) {
        self.break_off_after(usize::MAX);
    }

    pub(super) fn is_broken(&self) -> bool {
        self.0.left.load(Ordering::SeqCst) == 0
    }

    /// How often it was asked, with or without success.
    pub(super) fn asked(&self) -> usize {
        self.0.asked.load(Ordering::SeqCst)
    }
}

/// What it is to one ring.
struct OfRing<P: Purpose>(Arc<State>, fn(&State) -> &Vec<FileKek<P>>);

impl<P: Purpose> OfRing<P> {
    fn keys(&self) -> &Vec<FileKek<P>> {
        (self.1)(&self.0)
    }

    fn reach(&self) -> Result<&FileKek<P>, KekFault> {
        self.0.asked.fetch_add(1, Ordering::SeqCst);
        let one_less = |left: usize| left.checked_sub(1);
        let order = Ordering::SeqCst;
        let answers = self.0.left.fetch_update(order, order, one_less);
        answers.map_err(|_| KekFault::Unavailable { why: "away".into() })?;
        Ok(&self.keys()[self.0.current.load(Ordering::SeqCst)])
    }

    fn maker(&self, wrapped: &[u8]) -> Result<&FileKek<P>, KekFault> {
        self.reach()?;
        let mut keys = self.keys().iter();
        keys.find(|key| key.made(wrapped)).ok_or(KekFault::Refused)
    }
}

impl<P: Purpose> fmt::Debug for OfRing<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OfRing")
    }
}

#[async_trait]
impl<P: Purpose> Kek<P> for OfRing<P> {
    async fn wrap(&self, installation: Id, key: &MasterKey<P>) -> Result<Vec<u8>, KekFault> {
        Kek::wrap(self.reach()?, installation, key).await
    }

    async fn unwrap(&self, installation: Id, id: KeyId, wrapped: &[u8]) -> Result<MasterKey<P>, KekFault> {
        Kek::unwrap(self.maker(wrapped)?, installation, id, wrapped).await
    }

    async fn seal_bytes(&self, installation: Id, label: &str, secret: &[u8]) -> Result<Vec<u8>, KekFault> {
        Kek::seal_bytes(self.reach()?, installation, label, secret).await
    }

    async fn open_bytes(
        &self,
        installation: Id,
        label: &str,
        sealed: &[u8],
    ) -> Result<SecretBytes, KekFault> {
        Kek::open_bytes(self.maker(sealed)?, installation, label, sealed).await
    }

    fn made(&self, wrapped: &[u8]) -> bool {
        self.keys().iter().any(|key| key.made(wrapped))
    }

    async fn is_current(&self, wrapped: &[u8]) -> Result<bool, KekFault> {
        Ok(self.reach()?.made(wrapped))
    }

    fn describe(&self) -> String {
        "kms/test".to_owned()
    }
}
