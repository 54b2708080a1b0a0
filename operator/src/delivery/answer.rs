//! From an authenticated question to a sealed answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::{StreamExt as _, stream};
use splitvault_api::{Asker, Request, Selection, VaultSecret, located};
use splitvault_crypto::SecretString;
use splitvault_crypto::sealing::{Algorithm, PublicKey};
use splitvault_vault::{Described, ReadError, Reason as Why};
use splitvault_wire::{DeliverRequest, DeliverResponse, Delivery, Environment, Reason, Variable};
use tokio::time::Instant;

use super::admit::admit;
use super::audit::{audit, audit_unknown};
use super::board::Topic;
use super::caller::{bearer, review};
use super::face::Face;
use super::grant::{Grant, grant, not_allowed};
use super::pod::pod;
use super::problem;
use super::seal::seal;
use super::select::select;
use super::tag::{Stored, tag};
use super::{Answered, Caller, Current, Deliveries, Denied, Gates, Outcome, Question, Refusal};
use crate::controller::from_hex;
use crate::fault::Fault;

/// VaultSecrets that one pod may wait for: as many as its annotation may name.
const MOST_WAITED_FOR: usize = 32;
/// VaultSecrets of one question that the API server is asked for at a time.
const AT_ONCE: usize = 4;

/// What is known of a VaultSecret that is asked for.
enum Object {
    /// Nothing: the installation does not let the pod's namespace ask.
    Closed,
    /// What it was a moment ago.
    Remembered(Arc<VaultSecret>),
    /// What the API server has; `None` when there is none.
    Asked(Result<Option<Arc<VaultSecret>>, kube::Error>),
}

impl Object {
    /// What it looks like, as far as that is known.
    fn face(&self) -> Option<Face> {
        match self {
            Self::Closed | Self::Asked(Err(_)) => None,
            Self::Remembered(object) => Face::of(Some(object)),
            Self::Asked(Ok(object)) => Face::of(object.as_deref()),
        }
    }
}

impl Deliveries {
    /// Answers one question; whoever cannot be told who they are learns nothing.
    pub(super) async fn answer(&self, question: &Question<'_>, gates: &Gates) -> Result<Answered, Refusal> {
        let Question {
            peer,
            authorization,
            asked,
            sitting,
        } = *question;
        let missing = || Refusal::new(Reason::Unauthenticated, "send the pod's token as a bearer token");
        let token = bearer(authorization).ok_or_else(missing)?;
        let key = PublicKey::from_bytes(&asked.public_key).ok();
        let key = key.filter(|key| key.algorithm() == Algorithm::X25519);
        let key = key.ok_or_else(|| Refusal::new(Reason::Invalid, "publicKey is no X25519 sealing key"))?;
        if !gates.reviews.admit(peer, Instant::now()) {
            let message = "too many requests come from the pod's address; will try again";
            return Err(Refusal::new(Reason::TooManyRequests, message));
        }
        let caller = review(&self.client, token).await;
        let caller = caller.inspect_err(|refusal| audit_unknown(peer, refusal))?;
        let Some(place) = gates.pods.enter(caller.uid.clone()) else {
            let message = "the pod has not read its last answers yet; will try again";
            let refusal = Refusal::new(Reason::TooManyRequests, message);
            audit(&caller, asked, Err(&refusal));
            return Err(refusal);
        };
        // Before anything is looked at, so that no change after it is missed.
        let would_wait = asked.tag.is_some() || asked.refused.is_some();
        let may_wait = would_wait && asked.vault_secrets.len() <= MOST_WAITED_FOR;
        let seconds = asked.wait_seconds.filter(|seconds| may_wait && *seconds > 0);
        let wait = seconds.and_then(|seconds| {
            let topics = topics(&caller, asked);
            gates.waits.prepare(&caller, token, seconds, topics, sitting)
        });
        let outcome = self.answer_pod(&caller, asked, &key).await;
        audit(&caller, asked, outcome.as_ref().map_err(|denied| &denied.refusal));
        let denied = outcome.as_ref().err();
        let wait = wait.filter(|_| denied.is_none_or(|denied| denied.can_be_waited_for(&caller, asked)));
        Ok(Answered { outcome, place, wait })
    }

    async fn answer_pod(
        &self,
        caller: &Caller,
        asked: &DeliverRequest,
        key: &PublicKey,
    ) -> Result<Outcome, Denied> {
        // Side by side: nothing of the VaultSecrets is used before the pod is known to have asked for them.
        let (pod, objects) = tokio::join!(pod(&self.client, caller), self.objects(caller, asked, true));
        let pod = pod.map_err(|error| unavailable(error.into()))?;
        let pod = pod.ok_or_else(|| Refusal::new(Reason::PodNotFound, "there is no such pod"))?;
        let outcome = match admit(&pod, caller, asked) {
            Ok(request) => {
                self.pass_on(caller, asked).await;
                let labels = &pod.metadata.labels;
                let remembered = objects
                    .iter()
                    .any(|object| matches!(object, Object::Remembered(_)));
                let granted = match grants(caller, labels, asked, objects) {
                    // A right that was just given is not waited for.
                    Err(_) if remembered => {
                        let objects = self.objects(caller, asked, false).await;
                        grants(caller, labels, asked, objects)
                    }
                    granted => granted,
                };
                match granted {
                    Ok(grants) => {
                        let delivered = self.deliver(caller, asked, &request, &grants, key).await;
                        delivered.map_err(Denied::from)
                    }
                    Err(denied) => Err(denied),
                }
            }
            Err(refusal) => Err(refusal.into()),
        };
        // A pod that has its variables waits for nothing: that something is being processed passes by itself.
        let passes = |reason: Reason| reason == Reason::NotReady && asked.tag.is_some();
        if let Err(Denied { refusal, .. }) = &outcome
            && refusal.reason != Reason::PodNotFound
            && !passes(refusal.reason)
        {
            let about = caller.reference();
            self.events
                .warn(&about, "Deliver", refusal.reason.as_str(), &refusal.message)
                .await;
        }
        outcome
    }

    /// The sidecar's problem, to the pod's owner. What it is about was vouched for.
    async fn pass_on(&self, caller: &Caller, asked: &DeliverRequest) {
        if let Some(problem) = &asked.problem {
            self.metrics.problem(problem.kind.as_str());
        }
        if let Some((reason, note)) = problem::tell(asked) {
            self.events
                .warn(&caller.reference(), "Deliver", reason, &note)
                .await;
        }
    }

    async fn deliver(
        &self,
        caller: &Caller,
        asked: &DeliverRequest,
        request: &Request,
        grants: &[Grant],
        key: &PublicKey,
    ) -> Result<Outcome, Refusal> {
        let bundle = self.bundle.load_full();
        if let Some(held) = &asked.tag
            && let Some(current) = self.current(grants, &request.selection, held, &bundle).await?
        {
            return Ok(Outcome::Current(current));
        }
        let (mut environments, mut digests) = (Vec::with_capacity(grants.len()), Vec::new());
        for grant in grants {
            let (environment, digest) = self.read(grant).await?;
            environments.push(environment);
            digests.push(digest);
        }
        let stored = grants.iter().zip(&environments).zip(&digests);
        let stored = stored.map(|((grant, environment), digest)| Stored {
            name: &grant.name,
            uid: &grant.uid,
            revision: environment.revision,
            digest,
        });
        let tag = tag(stored, &request.selection, &bundle);
        let environments = select(environments, &request.selection)?;
        let revisions = environments
            .iter()
            .map(|environment| (environment.name.clone(), environment.revision));
        let revisions = revisions.collect();
        let sealed = seal(&Delivery { environments }, key, caller, &bundle)?;
        let answer = DeliverResponse {
            sealed,
            ca_bundle: bundle.to_string(),
            tag,
        };
        Ok(Outcome::Delivered(answer, revisions))
    }

    /// What the API server has under the names that are asked for, in their order, or what it had a moment ago when that may be
    /// `remembered`. No more than an annotation may name are looked up.
    async fn objects(&self, caller: &Caller, asked: &DeliverRequest, remembered: bool) -> Vec<Object> {
        let object = async |name: &String| {
            let Topic { namespace, name } = topic(&caller.namespace, name);
            if !self.consent.allows(&caller.namespace, &namespace) {
                return Object::Closed;
            }
            match self.latest.remembered(&namespace, &name) {
                Some(object) if remembered => Object::Remembered(object),
                _ => Object::Asked(self.latest.ask(&namespace, &name).await),
            }
        };
        let names = asked.vault_secrets.iter().take(MOST_WAITED_FOR);
        stream::iter(names.map(object)).buffered(AT_ONCE).collect().await
    }

    /// The revisions that are stored, when the pod holds the answer with them; asks the key database only.
    async fn current(
        &self,
        grants: &[Grant],
        selection: &Selection,
        held: &str,
        bundle: &str,
    ) -> Result<Option<Current>, Refusal> {
        let mut all = Vec::with_capacity(grants.len());
        for grant in grants {
            let Some(described) = self.check(grant).await? else {
                return Ok(None);
            };
            all.push((grant, described));
        }
        let stored = all.iter().map(|(grant, described)| Stored {
            name: &grant.name,
            uid: &grant.uid,
            revision: described.revision,
            digest: &described.digest,
        });
        let revisions = all
            .iter()
            .map(|(grant, described)| (grant.name.clone(), described.revision));
        Ok((tag(stored, selection, bundle) == held).then(|| Current {
            revisions: revisions.collect(),
            faces: grants.iter().map(|grant| grant.face).collect(),
        }))
    }

    /// What is stored, which is what the status remembers or a later one.
    async fn check(&self, grant: &Grant) -> Result<Option<Described>, Refusal> {
        let (revision, digest) = remembered(grant)?;
        let checked = self.vault.check(&grant.uid, revision, &digest).await;
        checked.map_err(|error| self.refuse(grant, &error))
    }

    /// The environment, which is the one that the status remembers or a later one, and the digest of its content.
    async fn read(&self, grant: &Grant) -> Result<(Environment, [u8; 32]), Refusal> {
        let (revision, digest) = remembered(grant)?;
        let read = self.vault.read_checked(&grant.uid, revision, &digest).await;
        let read = read.map_err(|error| self.refuse(grant, &error))?;
        let gone = || {
            Refusal::new(
                Reason::NotReady,
                format!("VaultSecret {} is being processed", grant.name),
            )
        };
        let read = read.ok_or_else(gone)?;
        let variables = read.dotenv.into_variables().into_iter().map(|variable| Variable {
            name: SecretString::copy_of(variable.name.as_str()),
            value: variable.value,
        });
        let environment = Environment {
            name: grant.name.clone(),
            revision: read.revision,
            variables: variables.collect(),
        };
        Ok((environment, read.digest))
    }

    /// What a failed read means for the pod; tampering is told to the controller too, which tells the people.
    fn refuse(&self, grant: &Grant, error: &ReadError) -> Refusal {
        let name = &grant.name;
        match error.reason() {
            Why::StoreUnavailable
            | Why::KekUnavailable
            | Why::NoSuchRevision
            | Why::Conflict
            | Why::Internal => {
                tracing::warn!("cannot read for a delivery: {error}");
                Refusal::new(
                    Reason::Unavailable,
                    format!("VaultSecret {name}: {error}; will try again"),
                )
            }
            Why::TooLarge => Refusal::new(Reason::TooLarge, format!("VaultSecret {name}: {error}")),
            Why::Tampered | Why::RolledBack | Why::UnknownKey => {
                let Topic { namespace, name: own } = &grant.topic;
                tracing::error!(namespace, name = own, "tampered: {error}");
                self.suspicions.raise(namespace, own);
                Refusal::new(Reason::Tampered, format!("VaultSecret {name}: {error}"))
            }
        }
    }
}

/// What the pod may have of what it asks for: all of it.
fn grants(
    caller: &Caller,
    labels: &BTreeMap<String, String>,
    asked: &DeliverRequest,
    objects: Vec<Object>,
) -> Result<Vec<Grant>, Denied> {
    let asker = Asker {
        namespace: &caller.namespace,
        service_account: &caller.service_account,
        labels,
    };
    let faces = objects.iter().map(Object::face).collect();
    let granted = asked.vault_secrets.iter().zip(objects).map(|(name, object)| {
        let topic = topic(asker.namespace, name);
        match object {
            Object::Closed => Err(not_allowed(name, &topic, &asker)),
            Object::Remembered(object) => grant(name, topic, Some(&object), &asker),
            Object::Asked(Ok(object)) => grant(name, topic, object.as_deref(), &asker),
            Object::Asked(Err(error)) => Err(unavailable(error.into())),
        }
    });
    let granted: Result<_, _> = granted.collect();
    granted.map_err(|refusal| Denied { refusal, faces })
}

/// The revision and the digest in the status.
fn remembered(grant: &Grant) -> Result<(u64, [u8; 32]), Refusal> {
    let revision = u64::try_from(grant.revision).ok();
    revision.zip(from_hex(&grant.digest)).ok_or_else(|| {
        let message = format!("the status of VaultSecret {} was changed", grant.name);
        Refusal::new(Reason::Tampered, message)
    })
}

/// What a pod waits for that asks for these.
fn topics(caller: &Caller, asked: &DeliverRequest) -> Vec<Topic> {
    let names = asked.vault_secrets.iter();
    names.map(|name| topic(&caller.namespace, name)).collect()
}

fn topic(home: &str, name: &str) -> Topic {
    let (namespace, name) = located(home, name);
    Topic {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    }
}

fn unavailable(fault: Fault) -> Refusal {
    tracing::warn!(%fault, "cannot look something up for a delivery");
    Refusal::new(
        Reason::Unavailable,
        "the API server does not answer; will try again",
    )
}
