//! Somebody who writes and reads all the time: each new content has to arrive in a pod that runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use anyhow::{Context as _, ensure};
use splitvault_tests::{Kind, Namespace, Workload, eventually};

/// How many contents arrive before it counts as going on.
const SOME: u64 = 3;

/// The somebody.
pub(crate) struct Client {
    namespace: Arc<Namespace>,
    /// The UID of an object that nobody changes.
    quiet: String,
    arrived: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Client {
    pub(crate) fn start() -> Self {
        let namespace = Arc::new(Namespace::make("kms").unwrap());
        write(&namespace, "quiet", 0).unwrap();
        namespace.ready("quiet");
        let quiet = namespace.get("vaultsecret", "quiet").unwrap()["metadata"]["uid"].clone();
        let (arrived, stop) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let thread = {
            let (namespace, arrived, stop) =
                (Arc::clone(&namespace), Arc::clone(&arrived), Arc::clone(&stop));
            thread::spawn(move || work(&namespace, &arrived, &stop))
        };
        let client = Self {
            namespace,
            quiet: quiet.as_str().unwrap().to_owned(),
            arrived,
            stop,
            thread,
        };
        client.goes_on();
        client
    }

    pub(crate) fn quiet(&self) -> &str {
        &self.quiet
    }

    /// Waits until some more contents that are written from now on have arrived.
    pub(crate) fn goes_on(&self) {
        assert!(!self.thread.is_finished(), "it has given up");
        let before = self.arrived.load(Ordering::SeqCst);
        eventually("contents go on to arrive", || {
            let now = self.arrived.load(Ordering::SeqCst);
            // The first of them may have been written before.
            ensure!(now > before + SOME, "{} arrived", now - before);
            Ok(())
        });
    }

    /// A new pod gets its variables.
    pub(crate) fn starts_a_pod(&self) {
        let pod = Workload::new(Kind::Pod, "late", "quiet");
        pod.apply(&self.namespace).unwrap();
        pod.ready(&self.namespace);
        assert_eq!(pod.variable(&self.namespace, "NUMBER").unwrap(), b"0");
    }

    pub(crate) fn finish(self) {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().unwrap();
    }
}

fn work(namespace: &Namespace, arrived: &AtomicU64, stop: &AtomicBool) {
    let mut pod = None;
    for number in 1.. {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        // While the operator is replaced by an upgrade its webhook does not answer: then it is tried again.
        eventually("a content is taken", || write(namespace, "live", number));
        let pod = pod.get_or_insert_with(|| {
            let pod = Workload::new(Kind::Deployment, "reader", "live")
                .annotated("mode", "file")
                .annotated("refresh", "1s");
            pod.apply(namespace).unwrap();
            pod.ready(namespace);
            pod
        });
        eventually("it arrives", || {
            let file = pod.read(namespace, "/run/splitvault/.env")?;
            let text = String::from_utf8(file).context("no text")?;
            ensure!(
                text.contains(&format!("NUMBER='{number}'")) || text.contains(&format!("NUMBER={number}\n")),
                "{text}"
            );
            Ok(())
        });
        arrived.fetch_add(1, Ordering::SeqCst);
    }
}

fn write(namespace: &Namespace, name: &str, number: u64) -> anyhow::Result<()> {
    let sealed = namespace.seal(name, &format!("NUMBER={number}\n"), &[])?;
    namespace.apply(&sealed).map(drop)
}
