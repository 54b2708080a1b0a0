//! The line between a replica and a store: what is sent may be lost, done without an answer, done twice, done when nobody
//! waits for it any more, or be the last that the replica ever did.

use std::future::pending;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use splitvault_values::StoreError;
use splitvault_vault::KeyStoreError;
use splitvault_vault::memory::Dice;

/// A message under way.
pub(crate) type Message<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What all lines share.
#[derive(Clone, Default)]
pub(crate) struct Network(Arc<Mutex<Shared>>);

#[derive(Default)]
struct Shared {
    /// How many of a thousand calls go wrong.
    faults: u64,
    /// Whether the world stands still while it is looked at: nothing goes wrong, and no dice are thrown.
    calm: bool,
    /// Which guard of the protocol is missing.
    without: Option<Guard>,
    /// What arrives when nobody waits for it any more.
    late: Vec<Message<()>>,
}

/// One replica's way to both stores, for as long as its process lives.
#[derive(Clone)]
pub(crate) struct Line {
    network: Network,
    end: Arc<Mutex<End>>,
}

struct End {
    dice: Dice,
    crashed: bool,
}

/// A guard of the protocol, which can be taken away to see that it is missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guard {
    /// No commit under a key that is not active any more.
    WriterFence,
    /// No commit that was made from something else than what is there.
    Comparison,
    /// No key in use that not every replica has.
    Acknowledgement,
    /// No commit of a write that a sweep overtook.
    SweepFence,
    /// No end of a key that something is under.
    Count,
}

/// What becomes of one call.
#[derive(Clone, Copy)]
enum Fate {
    Fine,
    RequestLost,
    AnswerLost,
    /// No answer; it is done later.
    Late,
    /// Done, answered, and done once more at once.
    Twice,
    /// Done, answered, and done once more later.
    Again,
    CrashBefore,
    CrashAfter,
    /// It is done after the replica is gone.
    CrashLate,
}

const FAULTS: [Fate; 8] = [
    Fate::RequestLost,
    Fate::AnswerLost,
    Fate::Late,
    Fate::Twice,
    Fate::Again,
    Fate::CrashBefore,
    Fate::CrashAfter,
    Fate::CrashLate,
];

/// How an error says that there was no answer.
pub(crate) trait NoAnswer {
    const NO_ANSWER: Self;
}

impl NoAnswer for StoreError {
    const NO_ANSWER: Self = Self::Unavailable;
}

impl NoAnswer for KeyStoreError {
    const NO_ANSWER: Self = Self::Unavailable;
}

impl Network {
    pub(crate) fn take_guard(&self, guard: Option<Guard>) {
        self.0.lock().unwrap().without = guard;
    }

    pub(crate) fn set_faults(&self, faults: u64) {
        self.0.lock().unwrap().faults = faults;
    }

    pub(crate) fn set_calm(&self, calm: bool) {
        self.0.lock().unwrap().calm = calm;
    }

    pub(crate) fn take_late(&self) -> Vec<Message<()>> {
        std::mem::take(&mut self.0.lock().unwrap().late)
    }

    pub(crate) fn line(&self, dice: Dice) -> Line {
        let end = Arc::new(Mutex::new(End { dice, crashed: false }));
        Line {
            network: self.clone(),
            end,
        }
    }
}

impl Line {
    pub(crate) fn has_crashed(&self) -> bool {
        self.end.lock().unwrap().crashed
    }

    pub(crate) fn lacks(&self, guard: Guard) -> bool {
        self.network.0.lock().unwrap().without == Some(guard)
    }

    fn fate(&self, delayable: bool) -> Fate {
        let shared = self.network.0.lock().unwrap();
        if shared.calm {
            return Fate::Fine;
        }
        let dice = &mut self.end.lock().unwrap().dice;
        if dice.below(1000) >= shared.faults {
            return Fate::Fine;
        }
        match FAULTS[usize::try_from(dice.below(FAULTS.len() as u64)).unwrap()] {
            Fate::Late | Fate::Again if !delayable => Fate::AnswerLost,
            Fate::CrashLate if !delayable => Fate::CrashAfter,
            fate => fate,
        }
    }

    /// Sends a message and waits for its answer. `delayable` is what may arrive any time later.
    pub(crate) async fn call<T: Send + 'static, E: NoAnswer + Send + 'static>(
        &self,
        delayable: bool,
        send: impl Fn() -> Message<Result<T, E>> + Send,
    ) -> Result<T, E> {
        match self.fate(delayable) {
            Fate::Fine => send().await,
            Fate::RequestLost => Err(E::NO_ANSWER),
            Fate::AnswerLost => {
                drop(send().await);
                Err(E::NO_ANSWER)
            }
            Fate::Late => {
                self.leave(send());
                Err(E::NO_ANSWER)
            }
            Fate::Twice => {
                let answer = send().await;
                drop(send().await);
                answer
            }
            Fate::Again => {
                let answer = send().await;
                self.leave(send());
                answer
            }
            Fate::CrashBefore => self.crash().await,
            Fate::CrashAfter => {
                drop(send().await);
                self.crash().await
            }
            Fate::CrashLate => {
                self.leave(send());
                self.crash().await
            }
        }
    }

    fn leave<T: 'static>(&self, message: Message<T>) {
        let late = Box::pin(async move { drop(message.await) });
        self.network.0.lock().unwrap().late.push(late);
    }

    /// The world takes everything of this replica away at its next look.
    async fn crash<T>(&self) -> T {
        self.end.lock().unwrap().crashed = true;
        pending().await
    }
}
