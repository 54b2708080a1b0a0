//! The life of the injected container: fetch, write, and keep fresh.

use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use splitvault_wire::pod::{BIN_DIRECTORY, CA_FILE, COPIED_BINARY, GAVE_UP};
use splitvault_wire::{Problem, ProblemKind, Reason};
use tokio::sync::watch;

use crate::answer::{Answer, Answered};
use crate::ask::{AskError, Operator, Question};
use crate::clock;
use crate::copy::copy;
use crate::gate::{self, Revisions};
use crate::health::{self, Health};
use crate::log::{self, Changes};
use crate::pace::{self, Backoff, Urgency};
use crate::place::{Placed, place};
use crate::reaction::{failed, react};
use crate::render::render;
use crate::round::RoundError;
use crate::settings::Settings;
use crate::stop::Stop;
use crate::sweep::sweep;
use crate::target::{Target, TargetError};
use crate::tls::UntrustedCa;

/// Threads for name resolution: one that hangs, and one for the next try.
const RESOLVERS: usize = 2;

/// How long the operator may wait for the end of a refusal. What ends it without a change of a VaultSecret, such as another
/// label of the pod, is seen after that.
const REFUSED: Duration = Duration::from_secs(60);

/// What no retry can heal.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AttendError {
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error("the operator's certificates in SPLITVAULT_CA cannot be used: {0}")]
    Ca(#[from] UntrustedCa),
    #[error("cannot copy this program to {COPIED_BINARY}: {0}")]
    Copy(#[source] io::Error),
    #[error("cannot start: {0}")]
    Start(#[source] io::Error),
}

/// Attends the pod until its time is over.
///
/// # Errors
/// [`AttendError`], before anything was fetched.
pub(crate) fn attend(settings: Settings) -> Result<ExitCode, AttendError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(RESOLVERS)
        .build()
        .map_err(AttendError::Start)?;
    // First: until it is listened for, SIGTERM is lost on process 1 of a container.
    let mut stop = {
        let _inside = runtime.enter();
        Stop::listen().map_err(AttendError::Start)?
    };
    let target = Target::open(&settings.directory, settings.file_mode)?;
    if Path::new(BIN_DIRECTORY).is_dir() {
        copy(Path::new(COPIED_BINARY)).map_err(AttendError::Copy)?;
    }
    let operator = trusted(&settings, &target)?;
    let known = gate::read(&target, &settings.vault_secrets);
    // What is done after a change is done beside the questions, with a target of its own.
    let (changes, seen) = watch::channel(0);
    let another = || Target::open(&settings.directory, settings.file_mode);
    let (beside, modes) = (another()?, settings.modes.clone());
    let (behind, missing) = watch::channel(false);
    let health = match settings.health_port {
        Some(port) => Some((port, Health::of(another()?, missing))),
        None => None,
    };
    let (failing, failure) = watch::channel(None);
    let reaction = settings.reaction.clone();
    let distance = settings.distance.unwrap_or_else(|| reaction.distance());
    let attendant = Attendant {
        reasons: Changes::new(settings.every_try),
        settings,
        target,
        operator,
        known,
        tag: None,
        problem: None,
        failure,
        refused: None,
        backoff: Backoff::default(),
        changes,
        behind,
    };
    let ended = runtime.block_on(async {
        tokio::select! {
            () = stop.asked() => ExitCode::SUCCESS,
            () = attendant.attend() => ExitCode::SUCCESS,
            code = react(&reaction, distance, &beside, seen.clone(), &failing) => code.into(),
            () = sweep(&beside, &modes, seen.clone()) => ExitCode::SUCCESS,
            () = health::serve(health) => ExitCode::SUCCESS,
        }
    });
    // Not by dropping it: that would wait for a name server that does not answer.
    runtime.shutdown_background();
    Ok(ended)
}

/// The certificates that the operator sent an earlier run of this container are newer than those in the pod's spec.
fn trusted(settings: &Settings, target: &Target) -> Result<Operator, UntrustedCa> {
    let mut operator = Operator::new(settings)?;
    let newer = target
        .read(CA_FILE)
        .ok()
        .flatten()
        .and_then(|pem| String::from_utf8(pem).ok());
    if let Some(newer) = newer {
        // Those of the pod's spec are as good a try as any when these are broken.
        let _used = operator.trust(&newer);
    }
    Ok(operator)
}

/// When to ask again after all went well.
enum Next {
    /// Soon, to wait for changes of what was just delivered.
    Settle,
    /// The operator waited; after this.
    Again(Duration),
    /// The operator did not wait.
    Refresh,
    /// Nothing is refused any more, or the wait for that is over.
    Anew { waited: Duration, after: Duration },
}

impl Next {
    /// Whether a refusal after it is the first one again. What is refused again and again, as its VaultSecret changes all the
    /// time, is asked for less and less often.
    fn is_calm(&self) -> bool {
        !matches!(self, Self::Anew { waited, .. } if *waited < REFUSED / 10)
    }

    /// The pause before the next question; `None` when there is no need to go on.
    fn pause(&self, every: Option<Duration>) -> Option<Duration> {
        match (self, every) {
            (Self::Anew { after, .. }, _) => Some(pace::again(*after, REFUSED)),
            (_, None) => None,
            (Self::Settle, Some(every)) => Some(pace::settle(every)),
            (Self::Again(after), Some(every)) => Some(pace::again(*after, every)),
            (Self::Refresh, Some(every)) => Some(pace::refresh(every)),
        }
    }
}

struct Attendant {
    settings: Settings,
    target: Target,
    operator: Operator,
    /// The revisions whose files are there; `None` until they are.
    known: Option<Revisions>,
    /// Of the answer that was written last; an earlier run of this container leaves none.
    tag: Option<String>,
    /// Why the last delivery could not be written; told to the operator with every question until one was.
    problem: Option<Problem>,
    /// How the reaction to the last change failed; told with every question as well.
    failure: watch::Receiver<Option<ProblemKind>>,
    /// With what the operator refused last, when it can tell the end of that.
    refused: Option<Reason>,
    reasons: Changes,
    backoff: Backoff,
    /// Counts the changes of files that the application may have read.
    changes: watch::Sender<u64>,
    /// Whether the operator has something newer than the files.
    behind: watch::Sender<bool>,
}

impl Attendant {
    async fn attend(mut self) {
        let names = self.settings.vault_secrets.join(",");
        match &self.known {
            None => log::say(format_args!("asks for {names}")),
            Some(known) => log::say(format_args!("the files are there: {}", gate::list(known))),
        }
        let first = pace::first(self.known.is_some(), self.settings.refresh);
        tokio::time::sleep(first).await;
        let every = self.settings.refresh.unwrap_or(REFUSED);
        let mut failures = self.failure.clone();
        loop {
            let goes_on = tokio::select! {
                goes_on = self.turn() => goes_on,
                // Told soon, and not when the wait or the pause is over. An answer that is cut off comes again.
                () = failed(&mut failures) => {
                    tokio::time::sleep(pace::settle(every)).await;
                    true
                }
            };
            if !goes_on {
                return;
            }
        }
    }

    /// One question and the pause after it; answers whether another one follows.
    async fn turn(&mut self) -> bool {
        let began_without = self.known.is_none();
        let pause = match self.round().await {
            Ok(next) => {
                if next.is_calm() {
                    self.backoff.reset();
                }
                next.pause(self.settings.refresh)
            }
            Err(error) => self.pause_after(&error),
        };
        if began_without && self.known.is_some() && self.came_late() {
            log::say(
                "written late: ending once, so that kubelet looks at the pod now; it starts this container again",
            );
            return false;
        }
        if let Some(pause) = pause {
            tokio::time::sleep(pause).await;
        }
        pause.is_some()
    }

    /// Asks once, and writes what is new.
    async fn round(&mut self) -> Result<Next, RoundError> {
        let asked = Instant::now();
        let answer = match self.ask().await? {
            Answered::New(answer) => answer,
            Answered::Current { again } if self.refused.take().is_some() => {
                return Ok(Next::Anew {
                    waited: asked.elapsed(),
                    after: again.unwrap_or_default(),
                });
            }
            Answered::Current { again } => {
                self.settle();
                return Ok(again.map_or(Next::Refresh, Next::Again));
            }
        };
        self.behind.send_replace(true);
        let revisions = answer.revisions();
        self.write(&answer, &revisions)?;
        self.trust(&answer.ca_bundle)?;
        self.settle();
        log::say(format_args!("delivered: {}", gate::list(&revisions)));
        self.known = Some(revisions);
        self.tag = Some(answer.tag);
        Ok(Next::Settle)
    }

    /// With what is held, or refused, the operator may wait for a change.
    async fn ask(&self) -> Result<Answered, AskError> {
        let held = self.settings.refresh.filter(|_| self.tag.is_some());
        let every = self.refused.map_or(held, |_| Some(REFUSED));
        let failure = self.failure.borrow().map(|kind| Problem {
            vault_secret: None,
            kind,
        });
        let question = Question {
            tag: self.tag.as_deref(),
            // Files that are not there matter more.
            problem: self.problem.as_ref().or(failure.as_ref()),
            wait_seconds: every.map(pace::wait),
            refused: self.refused,
        };
        self.operator.ask(question).await
    }

    /// What the operator has is there.
    fn settle(&mut self) {
        self.refused = None;
        self.reasons.settle();
        self.problem = None;
        self.behind.send_replace(false);
    }

    /// Writes all files, the gate last.
    fn write(&mut self, answer: &Answer, revisions: &Revisions) -> Result<(), RoundError> {
        let rendered = render(&answer.delivery, &self.settings.modes)?;
        let placed = place(&self.target, &rendered, revisions)?;
        rendered.warnings.iter().for_each(log::say);
        if placed == Placed::Changed {
            self.changes.send_modify(|count| *count += 1);
        }
        Ok(())
    }

    fn trust(&mut self, ca_bundle: &str) -> io::Result<()> {
        match self.operator.trust(ca_bundle) {
            Ok(()) => self.target.write(CA_FILE, ca_bundle.as_bytes()),
            Err(error) => {
                log::say(format_args!(
                    "keeps the certificates it has, as the operator's new ones are none: {error}"
                ));
                Ok(())
            }
        }
    }

    /// A person has to mend a problem, but must hear of it first. A refusal is asked for again at once, for the operator to
    /// wait for its end; only when it does not there is nothing to gain from that.
    fn urgency(&mut self, error: &RoundError) -> Urgency {
        match error {
            RoundError::Ask(AskError::Refused(refusal)) if refusal.reason.can_be_waited_for() => {
                let told = self.refused == Some(refusal.reason);
                self.refused = Some(refusal.reason);
                if told { error.urgency() } else { Urgency::Soon }
            }
            // An application that has nothing yet is not kept waiting for the sake of others.
            RoundError::Ask(AskError::WentAway(_)) if self.known.is_none() => Urgency::Soon,
            RoundError::Render(error) => {
                let problem = Some(error.problem());
                let told = self.problem == problem;
                self.problem = problem;
                if told { Urgency::Slow } else { Urgency::Soon }
            }
            other => other.urgency(),
        }
    }

    /// How long to wait after a failure; `None` when there is no need to go on.
    fn pause_after(&mut self, error: &RoundError) -> Option<Duration> {
        let urgency = self.urgency(error);
        let pause = self.backoff.next(urgency);
        let clock = error
            .is_about_token()
            .then(|| clock::of_token(&self.settings.token));
        let error = clock
            .flatten()
            .map_or_else(|| error.to_string(), |clock| format!("{error}; {clock}"));
        match (&self.known, self.settings.refresh) {
            (None, _) => {
                self.reasons.say(format_args!("no variables yet: {error}"));
                Some(pause)
            }
            (Some(known), Some(_)) => {
                self.reasons
                    .say(format_args!("stays at {}: {error}", gate::list(known)));
                Some(pause)
            }
            // An init container that runs again, for example after a restart of the node's runtime.
            (Some(known), None) => {
                self.reasons
                    .say(format_args!("goes on with {}: {error}", gate::list(known)));
                None
            }
        }
    }

    /// Whether the `postStart` hook gave up before the files were there. Kubelet then waits for the
    /// gate file, but would look for it only after some seconds; it looks at once when a container ends.
    fn came_late(&self) -> bool {
        let late = self.target.has(GAVE_UP);
        if late {
            // When that fails the hook of the next start does it.
            let _removed = self.target.remove(GAVE_UP);
        }
        late && self.settings.refresh.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_wait_that_lasted_makes_the_next_refusal_the_first_one() {
        let waited = |seconds| Next::Anew {
            waited: Duration::from_secs(seconds),
            after: Duration::ZERO,
        };
        assert!(waited(60).is_calm() && Next::Settle.is_calm() && Next::Refresh.is_calm());
        assert!(!waited(0).is_calm() && !waited(5).is_calm());
    }

    #[test]
    fn a_container_that_delivers_once_goes_on_only_while_it_is_refused() {
        assert_eq!(Next::Settle.pause(None), None);
        let (waited, after) = (Duration::ZERO, Duration::from_secs(1));
        let pause = Next::Anew { waited, after }.pause(None);
        assert!(pause.is_some_and(|pause| pause >= after));
    }
}
