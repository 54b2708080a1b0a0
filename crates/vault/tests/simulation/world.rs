//! The simulated world: replicas over two stores, each task polled when the dice say so.
//!
//! One thread, no runtime, and every choice from one seed, so a seed always tells the same story. Only key material,
//! salts and ids come from the operating system, and nothing that happens depends on them.

mod deeds;

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use splitvault_vault::memory::{Dice, MemoryKeys, MemoryValues};
use splitvault_vault::{Environment, Vault};

use crate::kek::Files;
use crate::model::{Content, History, recognize};
use crate::network::{Guard, Line, Network};

/// Objects; of every second one the environment is removed now and then.
pub(crate) const OBJECTS: usize = 4;

/// What a story is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plot {
    /// How many of a thousand calls to a store go wrong.
    pub(crate) faults: u64,
    /// Whether clocks jump, by up to some minutes, and replicas sleep for minutes.
    pub(crate) jumps: bool,
    /// Whether one replica after the other cannot reach its key-encryption keys for a while.
    pub(crate) away: bool,
}

/// What a task leaves behind when it ends.
enum Outcome {
    Nothing,
    Opened(Option<Arc<Vault>>),
    /// A beat succeeded.
    Joined,
    /// How a look of a leader ended.
    Led(String),
    /// An operation on an object ended, and whether it was acknowledged.
    Operated {
        object: usize,
        operation: usize,
        acknowledged: bool,
    },
    /// What somebody was told is there.
    Read {
        object: usize,
        begun: u64,
        told: Told,
    },
    /// Somebody was told that something was tampered with, which nobody does here.
    Accused(String),
}

/// What an environment holds: revision, content, digest.
pub(crate) type Told = Option<(u64, Content, [u8; 32])>;

struct Task {
    replica: Option<usize>,
    duty: Option<Duty>,
    /// The object and the operation on it.
    operation: Option<(usize, usize)>,
    future: Pin<Box<dyn Future<Output = Outcome>>>,
}

/// What a replica does once at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Duty {
    Beat,
    /// Tries to lead, or to go on leading.
    Lead,
    /// What a leader does about keys.
    Rotate,
    Sweep,
}

pub(crate) struct Replica {
    pub(crate) vault: Option<Arc<Vault>>,
    line: Line,
    /// Milliseconds that its clock is ahead.
    clock: Arc<AtomicI64>,
    away: Arc<AtomicBool>,
    asleep_until: u64,
    opening: bool,
    /// Whether it has joined the others: before its first beat nobody waits for it.
    pub(crate) joined: bool,
    /// How its last look as a leader ended.
    pub(crate) led: String,
}

pub(crate) struct World {
    dice: Dice,
    plot: Plot,
    pub(crate) steps: u64,
    time: Arc<AtomicI64>,
    network: Network,
    files: Files,
    pub(crate) keys: Arc<MemoryKeys>,
    pub(crate) values: Arc<MemoryValues>,
    pub(crate) replicas: Vec<Replica>,
    tasks: Vec<Task>,
    pub(crate) objects: Vec<History>,
    numbers: u64,
    users: bool,
    /// What happened, as far as two tellings of a story can be compared.
    pub(crate) trace: u64,
    /// How often what happened, for the story's end.
    pub(crate) tally: BTreeMap<&'static str, u64>,
}

pub(crate) fn uid(object: usize) -> String {
    format!("object-{object}")
}

/// What an environment holds, in few words; a sentence when it is a mixture.
pub(crate) fn tell(found: &Environment) -> Result<(u64, Content, [u8; 32]), String> {
    Ok((found.revision, Some(recognize(found)?), found.digest))
}

impl World {
    pub(crate) fn new(
        seed: u64,
        plot: Plot,
        without: Option<Guard>,
        keys: Arc<MemoryKeys>,
        values: Arc<MemoryValues>,
    ) -> Self {
        let network = Network::default();
        network.set_faults(plot.faults);
        network.take_guard(without);
        let mut dice = Dice(seed);
        let mut replica = || Replica {
            vault: None,
            line: network.line(Dice(dice.roll())),
            clock: Arc::default(),
            away: Arc::default(),
            asleep_until: 0,
            opening: false,
            joined: false,
            led: String::new(),
        };
        let replicas = (0..3).map(|_| replica()).collect();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        Self {
            dice,
            plot,
            steps: 0,
            time: Arc::new(AtomicI64::new(i64::try_from(now.as_millis()).unwrap())),
            network,
            files: Files::make(),
            keys,
            values,
            replicas,
            tasks: Vec::new(),
            objects: (0..OBJECTS).map(|_| History::default()).collect(),
            numbers: 0,
            users: true,
            trace: 0,
            tally: BTreeMap::new(),
        }
    }

    /// Lets time go by, something begin, and one task go on; answers what was wrong with what somebody was told.
    pub(crate) fn step(&mut self) -> Result<(), String> {
        self.steps += 1;
        let passed = self.dice.below(100);
        self.time
            .fetch_add(i64::try_from(passed).unwrap(), Ordering::Relaxed);
        self.disturb();
        self.begin();
        for late in self.network.take_late() {
            let future = Box::pin(async move {
                late.await;
                Outcome::Nothing
            });
            self.add("late message", None, future);
        }
        self.poll_one()
    }

    /// From now on nothing goes wrong any more and no user does anything.
    pub(crate) fn calm_down(&mut self) {
        self.network.set_faults(0);
        self.users = false;
        self.plot = Plot {
            faults: 0,
            jumps: false,
            away: false,
        };
        for replica in &mut self.replicas {
            replica.clock.store(0, Ordering::Relaxed);
            replica.away.store(false, Ordering::Relaxed);
            replica.asleep_until = 0;
        }
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.time
            .fetch_add(i64::try_from(time.as_millis()).unwrap(), Ordering::Relaxed);
    }

    pub(crate) fn open_tasks(&self) -> usize {
        self.tasks.len()
    }

    /// Lets what is under way come to its end, and begins nothing.
    pub(crate) fn silence(&mut self) -> Result<(), String> {
        for _ in 0..100_000 {
            if self.tasks.is_empty() {
                return Ok(());
            }
            self.steps += 1;
            self.poll_one()?;
        }
        Err(format!("{} tasks never end", self.tasks.len()))
    }

    /// A replica and an object to be looked at.
    pub(crate) fn pick(&mut self) -> (usize, usize) {
        (self.one_of(self.replicas.len()), self.one_of(OBJECTS))
    }

    pub(crate) fn note(&mut self, what: &'static str) {
        *self.tally.entry(what).or_default() += 1;
        let told = what.bytes().fold(self.trace ^ self.steps, |told, byte| {
            Dice(told ^ u64::from(byte)).roll()
        });
        self.trace = told;
    }

    /// Clocks, sleep and key-encryption keys.
    fn disturb(&mut self) {
        let index = self.one_of(self.replicas.len());
        if self.plot.jumps && self.dice.below(400) == 0 {
            let minutes = i64::try_from(self.dice.below(20)).unwrap() - 10;
            self.replicas[index]
                .clock
                .store(minutes * 60_000, Ordering::Relaxed);
            self.note("clock jumps");
        }
        if self.plot.jumps && self.dice.below(400) == 0 {
            self.replicas[index].asleep_until = self.steps + self.dice.below(1500);
            self.note("sleeps");
        }
        if self.plot.away && self.dice.below(200) == 0 {
            let away = self.dice.below(2) == 0;
            self.replicas[index].away.store(away, Ordering::Relaxed);
        }
    }

    fn one_of(&mut self, count: usize) -> usize {
        usize::try_from(self.dice.below(count as u64)).unwrap()
    }

    fn poll_one(&mut self) -> Result<(), String> {
        let awake = |task: &Task| {
            task.replica
                .is_none_or(|index| self.replicas[index].asleep_until <= self.steps)
        };
        let awake: Vec<usize> = (0..self.tasks.len())
            .filter(|index| awake(&self.tasks[*index]))
            .collect();
        if awake.is_empty() {
            return Ok(());
        }
        let index = awake[self.one_of(awake.len())];
        let mut context = Context::from_waker(Waker::noop());
        let polled = self.tasks[index].future.as_mut().poll(&mut context);
        let replica = self.tasks[index].replica;
        if let Some(replica) = replica
            && self.replicas[replica].line.has_crashed()
        {
            self.crash(replica);
            return Ok(());
        }
        match polled {
            Poll::Pending => Ok(()),
            Poll::Ready(outcome) => {
                drop(self.tasks.swap_remove(index));
                self.take(replica, outcome)
            }
        }
    }

    /// Takes away everything that a process had in memory.
    fn crash(&mut self, index: usize) {
        self.note("crashes");
        let (gone, left) = std::mem::take(&mut self.tasks)
            .into_iter()
            .partition(|task| task.replica == Some(index));
        self.tasks = left;
        let gone: Vec<Task> = gone;
        for (object, operation) in gone.iter().filter_map(|task| task.operation) {
            self.objects[object].end(operation, false, self.steps);
        }
        drop(gone);
        self.replicas[index].vault = None;
        self.replicas[index].opening = false;
        self.replicas[index].joined = false;
    }

    fn take(&mut self, replica: Option<usize>, outcome: Outcome) -> Result<(), String> {
        match outcome {
            Outcome::Nothing => {}
            Outcome::Joined => self.replicas[replica.unwrap()].joined = true,
            Outcome::Led(how) => self.replicas[replica.unwrap()].led = how,
            Outcome::Opened(vault) => {
                let replica = &mut self.replicas[replica.unwrap()];
                replica.vault = vault;
                replica.opening = false;
            }
            Outcome::Operated {
                object,
                operation,
                acknowledged,
            } => {
                self.objects[object].end(operation, acknowledged, self.steps);
                if acknowledged {
                    self.note("acknowledged");
                }
            }
            Outcome::Read { object, begun, told } => self.hold(object, begun, told)?,
            Outcome::Accused(what) => return Err(format!("somebody was told: {what}")),
        }
        Ok(())
    }

    /// Holds what was read of an object against what may have been there since `begun`.
    pub(crate) fn hold(&mut self, object: usize, begun: u64, told: Told) -> Result<(), String> {
        let content = told.and_then(|(_, content, _)| content);
        let history = &mut self.objects[object];
        if !history.allowed_since(content, begun) {
            return Err(format!(
                "{} holds {content:?}, which was replaced or never written",
                uid(object)
            ));
        }
        // Where environments are removed, revisions begin anew.
        if let (Some((revision, content, digest)), true) = (told, object % 2 == 1) {
            history.see(revision, content, digest)?;
        }
        Ok(())
    }

    /// Lets one replica answer while the world stands still; `None` when it waits for something that is under way.
    pub(crate) fn ask<T>(&self, question: impl Future<Output = T>) -> Option<T> {
        self.network.set_calm(true);
        let mut question = Box::pin(question);
        let mut context = Context::from_waker(Waker::noop());
        let answer = (0..10_000).find_map(|_| match question.as_mut().poll(&mut context) {
            Poll::Ready(answer) => Some(answer),
            Poll::Pending => None,
        });
        self.network.set_calm(false);
        answer
    }
}
