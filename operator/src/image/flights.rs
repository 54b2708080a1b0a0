//! Look-ups under way: one for all who ask the same at once, and not too many.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::lookup::Question;
use super::problem::Problem;
use crate::inject::Program;

/// For one look-up, waiting for its turn included. The API server waits ten seconds for everything.
pub(super) const PATIENCE: Duration = Duration::from_secs(4);
/// Look-ups at once, and at one registry, so that a slow one does not hold up the others.
const AT_ONCE: usize = 12;
const AT_ONE_REGISTRY: usize = 4;
/// Look-ups under way or waiting.
const MOST: usize = 256;

pub(super) type Outcome = Result<Arc<Program>, Problem>;

type Flight = Shared<BoxFuture<'static, Outcome>>;

pub(super) struct Flights {
    running: Mutex<HashMap<Question, Flight>>,
    registries: Mutex<HashMap<String, Arc<Semaphore>>>,
    all: Semaphore,
}

impl Default for Flights {
    fn default() -> Self {
        Self {
            running: Mutex::default(),
            registries: Mutex::default(),
            all: Semaphore::new(AT_ONCE),
        }
    }
}

impl Flights {
    /// The outcome of `work`, or of what is under way for the same question. It goes on when who asked goes away, as
    /// whoever tries again will ask the same.
    ///
    /// # Errors
    /// Those of `work`; [`Problem::Busy`]; [`Problem::Unanswered`] after [`PATIENCE`].
    pub(super) async fn join<F>(self: &Arc<Self>, question: &Question, work: impl FnOnce() -> F) -> Outcome
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        let flight = self.flight(question, work)?;
        flight.await
    }

    fn flight<F>(self: &Arc<Self>, question: &Question, work: impl FnOnce() -> F) -> Result<Flight, Problem>
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        let mut running = locked(&self.running);
        if let Some(flight) = running.get(question) {
            return Ok(flight.clone());
        }
        if running.len() >= MOST {
            return Err(Problem::Busy);
        }
        let landing = Landing {
            flights: Arc::clone(self),
            question: question.clone(),
        };
        let work = work();
        let task = tokio::spawn(async move {
            let registry = landing.question.image.registry();
            let outcome = timeout(PATIENCE, landing.flights.in_turn(registry, work)).await;
            outcome.unwrap_or(Err(Problem::Unanswered("its registry does not answer in time")))
        });
        let lost = Problem::Unanswered("the look-up ended early");
        let flight = task.map(move |ended| ended.unwrap_or(Err(lost))).boxed().shared();
        running.insert(question.clone(), flight.clone());
        Ok(flight)
    }

    async fn in_turn(&self, registry: &str, work: impl Future<Output = Outcome> + Send) -> Outcome {
        let turns = {
            let mut registries = locked(&self.registries);
            registries.retain(|_, turns| Arc::strong_count(turns) > 1);
            let turns = registries.entry(registry.to_owned());
            Arc::clone(turns.or_insert_with(|| Arc::new(Semaphore::new(AT_ONE_REGISTRY))))
        };
        // In this order: who waits for a slow registry keeps nobody else's place.
        let _of_registry = turns.acquire().await.map_err(|_| Problem::Busy)?;
        let _of_all = self.all.acquire().await.map_err(|_| Problem::Busy)?;
        work.await
    }
}

/// Removes a look-up from those under way, however it ends.
struct Landing {
    flights: Arc<Flights>,
    question: Question,
}

impl Drop for Landing {
    fn drop(&mut self) {
        locked(&self.flights.running).remove(&self.question);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::future::join_all;
    use splitvault_crypto::SecretBytes;

    use super::super::credentials::Fingerprint;
    use super::super::reference::Reference;
    use super::*;

    fn question(image: &str) -> Question {
        Question {
            image: Reference::parse(image).unwrap(),
            architecture: "amd64".to_owned(),
            credentials: Fingerprint::of(&SecretBytes::copy_of(b"salt"), &[]),
        }
    }

    const NOTHING: Outcome = Err(Problem::Missing);

    #[tokio::test(start_paused = true)]
    async fn those_who_ask_the_same_at_once_share_one_look_up() {
        let (flights, count) = (Arc::new(Flights::default()), Arc::new(AtomicUsize::new(0)));
        let ask = || {
            let count = Arc::clone(&count);
            flights.join_owned(question("a.example/b"), move || async move {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_secs(1)).await;
                NOTHING
            })
        };
        let outcomes = join_all((0..200).map(|_| ask())).await;
        assert!(outcomes.iter().all(|outcome| *outcome == NOTHING));
        assert_eq!(count.load(Ordering::SeqCst), 1);
        ask().await.unwrap_err();
        assert_eq!(count.load(Ordering::SeqCst), 2, "what has ended is not joined");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_registry_holds_up_itself_only_and_is_given_up() {
        let flights = Arc::new(Flights::default());
        let slow: Vec<_> = (0..MOST - 10)
            .map(|number| {
                tokio::spawn(flights.join_owned(question(&format!("slow.example/{number}")), pending))
            })
            .collect();
        tokio::task::yield_now().await;
        for number in 0..5 {
            let other = flights.join_owned(question(&format!("a.example/{number}")), || async { NOTHING });
            assert_eq!(other.await, NOTHING);
        }
        for late in join_all(slow).await {
            assert_eq!(
                late.unwrap(),
                Err(Problem::Unanswered("its registry does not answer in time"))
            );
        }
        assert!(locked(&flights.running).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn there_are_not_more_than_so_many() {
        let flights = Arc::new(Flights::default());
        let _all: Vec<_> = (0..MOST)
            .map(|number| {
                tokio::spawn(flights.join_owned(question(&format!("r{number}.example/a")), pending))
            })
            .collect();
        while locked(&flights.running).len() < MOST {
            tokio::task::yield_now().await;
        }
        let one_more = flights
            .join_owned(question("a.example/b"), || async { NOTHING })
            .await;
        assert_eq!(one_more, Err(Problem::Busy));
    }

    #[tokio::test]
    async fn a_look_up_that_panics_or_is_abandoned_leaves_nothing_behind() {
        let flights = Arc::new(Flights::default());
        let fell = flights
            .join_owned(question("a.example/b"), || async {
                panic!("expected by the test")
            })
            .await;
        assert!(matches!(fell, Err(Problem::Unanswered(_))));
        assert!(locked(&flights.running).is_empty());
        let (finish, finished) = tokio::sync::oneshot::channel();
        let abandoned = flights.join_owned(question("a.example/b"), move || async move {
            finished.await.unwrap();
            NOTHING
        });
        let task = tokio::spawn(abandoned);
        tokio::task::yield_now().await;
        task.abort();
        assert!(task.await.is_err());
        let again = flights.join_owned(question("a.example/b"), || async {
            panic!("the first one goes on")
        });
        let (outcome, ()) = tokio::join!(again, async { finish.send(()).unwrap() });
        assert_eq!(outcome, NOTHING);
    }

    impl Flights {
        /// As `join`, for a task of its own.
        fn join_owned<F>(
            self: &Arc<Self>,
            question: Question,
            work: impl FnOnce() -> F + Send + 'static,
        ) -> BoxFuture<'static, Outcome>
        where
            F: Future<Output = Outcome> + Send + 'static,
        {
            let flights = Arc::clone(self);
            async move { flights.join(&question, work).await }.boxed()
        }
    }
}
