//! What begins in the world: processes, what each does by itself, and what users ask for.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use splitvault_vault::memory::Dice;
use splitvault_vault::{
    Advance, Cause, Reason, Ring, Schedule, SourceDigestInput, SweepError, Vault, WriteError,
};

use super::{Duty, OBJECTS, Outcome, Task, World, tell, uid};
use crate::model::{Content, dotenv};
use crate::stores::Far;

/// Older revisions that are kept of each.
const KEPT: usize = 2;
/// Rows of a batch: few, so that a rotation takes several.
const ROWS: usize = 4;
/// Operations on one object at a time.
const AT_ONCE: usize = 2;

/// Nobody tampers with anything here, and nothing is put back.
const fn is_accusation(reason: Reason) -> bool {
    matches!(reason, Reason::Tampered | Reason::RolledBack)
}

/// So that keys rotate by themselves, too.
fn schedule() -> Schedule {
    let seconds = Duration::from_secs;
    Schedule::new(seconds(40), seconds(100), seconds(300), 20_000).unwrap()
}

impl World {
    pub(super) fn begin(&mut self) {
        let replica = self.one_of(self.replicas.len());
        let choice = self.dice.below(60);
        let Some(vault) = self.replicas[replica].vault.clone() else {
            return self.begin_opening(replica);
        };
        match choice {
            0 | 1 => self.begin_beat(replica, vault),
            2 | 3 => self.begin_lead(replica, vault),
            4 => self.begin_rotation(replica, vault),
            11 if self.dice.below(8) == 0 => self.begin_sweep(replica, vault),
            5 | 6 if self.users => self.begin_write(replica, vault),
            7 if self.users => self.begin_rollback(replica, vault),
            8 if self.users && self.dice.below(4) == 0 => self.begin_removal(replica, vault),
            9 | 10 => self.begin_read(replica, vault),
            _ => {}
        }
    }

    pub(super) fn add(
        &mut self,
        what: &'static str,
        replica: Option<usize>,
        future: Pin<Box<dyn Future<Output = Outcome>>>,
    ) {
        self.note(what);
        self.tasks.push(Task {
            replica,
            duty: None,
            operation: None,
            future,
        });
    }

    fn add_duty(&mut self, duty: Duty, replica: usize, future: impl Future<Output = Outcome> + 'static) {
        let busy = |task: &Task| (task.replica, task.duty) == (Some(replica), Some(duty));
        if self.tasks.iter().any(busy) {
            return;
        }
        let what = match duty {
            Duty::Beat => "beats",
            Duty::Lead => "leases",
            Duty::Rotate => "looks of a leader",
            Duty::Sweep => "sweeps",
        };
        self.add(what, Some(replica), Box::pin(future));
        self.tasks.last_mut().unwrap().duty = Some(duty);
    }

    /// What a replica's clock says.
    fn clock(&self, replica: usize) -> impl Fn() -> SystemTime + 'static {
        let (time, ahead) = (Arc::clone(&self.time), Arc::clone(&self.replicas[replica].clock));
        move || {
            let millis = time.load(Ordering::Relaxed) + ahead.load(Ordering::Relaxed);
            SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(millis).unwrap())
        }
    }

    /// A process that starts: a new line, new dice, and a vault from what the databases say.
    fn begin_opening(&mut self, index: usize) {
        if self.replicas[index].opening || self.dice.below(20) > 0 {
            return;
        }
        let line = self.network.line(Dice(self.dice.roll()));
        let keks = self.files.keks(&self.replicas[index].away);
        let keys = Arc::new(Far {
            line: line.clone(),
            store: Arc::clone(&self.keys),
        });
        let values = Arc::new(Far {
            line: line.clone(),
            store: Arc::clone(&self.values),
        });
        self.replicas[index].line = line;
        self.replicas[index].opening = true;
        let now = self.clock(index);
        let open = async move {
            let opened = Vault::open_at(keys, values, keks, now()).await;
            Outcome::Opened(opened.ok().map(Arc::new))
        };
        self.add("starts", Some(index), Box::pin(open));
    }

    fn begin_beat(&mut self, index: usize, vault: Arc<Vault>) {
        let now = self.clock(index);
        self.add_duty(Duty::Beat, index, async move {
            match vault.beat(now()).await {
                Ok(()) => Outcome::Joined,
                Err(_) => Outcome::Nothing,
            }
        });
    }

    fn begin_lead(&mut self, index: usize, vault: Arc<Vault>) {
        let now = self.clock(index);
        self.add_duty(Duty::Lead, index, async move {
            let _leads = vault.lead(now()).await;
            Outcome::Nothing
        });
    }

    /// A look of whoever believes that it leads; now and then somebody asks for a rotation.
    fn begin_rotation(&mut self, index: usize, vault: Arc<Vault>) {
        let now = self.clock(index);
        let asked = match self.dice.below(12) {
            0 if self.users => Some(Ring::Names),
            1 if self.users => Some(Ring::Values),
            _ => None,
        };
        let (draws, mut dice) = (self.users, Dice(self.dice.roll()));
        self.add_duty(Duty::Rotate, index, async move {
            if let Some(ring) = asked {
                drop(vault.begin_rotation(ring, Cause::Requested, now()).await);
            }
            if draws {
                drop(vault.draw(&schedule(), now(), || Ok(dice.roll())).await);
            }
            loop {
                match vault.advance(now(), ROWS).await {
                    Ok(Advance::Moved { .. } | Advance::Resealed(_)) => {}
                    last => return Outcome::Led(format!("{last:?}")),
                }
            }
        });
    }

    fn begin_sweep(&mut self, index: usize, vault: Arc<Vault>) {
        self.add_duty(Duty::Sweep, index, async move {
            // What it does not remove, the next one does.
            match vault.sweep().await {
                Err(SweepError::Suspended { .. }) => Outcome::Accused("a sweep is suspended".to_owned()),
                _ => Outcome::Nothing,
            }
        });
    }

    fn add_operation(
        &mut self,
        what: &'static str,
        replica: usize,
        object: usize,
        content: Content,
        work: impl Future<Output = Result<bool, WriteError>> + 'static,
    ) {
        let operation = self.objects[object].begin(content, self.steps);
        let future = async move {
            match work.await {
                Err(error) if is_accusation(error.reason()) => Outcome::Accused(format!("{error:?}")),
                done => Outcome::Operated {
                    object,
                    operation,
                    acknowledged: done == Ok(true),
                },
            }
        };
        self.add(what, Some(replica), Box::pin(future));
        self.tasks.last_mut().unwrap().operation = Some((object, operation));
    }

    fn begin_write(&mut self, index: usize, vault: Arc<Vault>) {
        let object = self.one_of(OBJECTS);
        if self.objects[object].open() >= AT_ONCE {
            return;
        }
        self.numbers += 1;
        let number = self.numbers;
        self.add_operation("writes", index, object, Some(number), async move {
            let source = number.to_be_bytes();
            let source = SourceDigestInput(&source);
            let written = vault
                .write(&uid(object), &dotenv(number), &source, &[], KEPT)
                .await;
            written.map(|written| written.changed)
        });
    }

    fn begin_rollback(&mut self, index: usize, vault: Arc<Vault>) {
        let object = self.one_of(OBJECTS);
        let past = self.objects[object].seen().rev().nth(1);
        let (Some((revision, content)), true) = (past, self.objects[object].open() < AT_ONCE) else {
            return;
        };
        self.add_operation("rollbacks", index, object, content, async move {
            let written = vault.rollback(&uid(object), revision, KEPT).await;
            written.map(|written| written.changed)
        });
    }

    fn begin_removal(&mut self, index: usize, vault: Arc<Vault>) {
        let object = self.one_of(OBJECTS / 2) * 2;
        if self.objects[object].open() >= AT_ONCE {
            return;
        }
        self.add_operation("removals", index, object, None, async move {
            vault.remove(&uid(object)).await
        });
    }

    fn begin_read(&mut self, index: usize, vault: Arc<Vault>) {
        let (object, begun) = (self.one_of(OBJECTS), self.steps);
        self.add(
            "reads",
            Some(index),
            Box::pin(async move {
                match vault.read(&uid(object)).await {
                    Ok(found) => match found.as_ref().map(tell).transpose() {
                        Ok(told) => Outcome::Read { object, begun, told },
                        Err(mixture) => Outcome::Accused(mixture),
                    },
                    Err(error) if is_accusation(error.reason()) => Outcome::Accused(format!("{error:?}")),
                    // Whether it may fail is looked at elsewhere.
                    Err(_) => Outcome::Nothing,
                }
            }),
        );
    }
}
