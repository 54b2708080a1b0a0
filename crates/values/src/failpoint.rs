//! Places where a test build can stop its own process.
//!
//! `failpoint!("values::before-insert")` compiles to nothing unless the feature `failpoints` is on. With it,
//! the environment variable `FAILPOINTS` (`name=action;…`) says what happens there; besides the actions of
//! the `fail` crate (`pause`, `sleep(ms)`, `panic`, …, with counts as in `2*off->return(kill)`), `return(kill)`
//! ends the process by SIGKILL, as the kernel's out-of-memory killer or a pulled plug would.

/// Marks a step at which a test may stop the process.
#[cfg(feature = "failpoints")]
#[macro_export]
macro_rules! failpoint {
    ($name:expr) => {
        $crate::reach($name)
    };
}

/// Marks a step at which a test may stop the process; nothing in this build.
#[cfg(not(feature = "failpoints"))]
#[macro_export]
macro_rules! failpoint {
    ($name:expr) => {};
}

/// Reads `FAILPOINTS`. To be called once, first in `run`; does nothing without the feature `failpoints`.
pub fn arm_failpoints() {
    #[cfg(feature = "failpoints")]
    std::mem::forget(fail::FailScenario::setup());
}

#[cfg(feature = "failpoints")]
#[doc(hidden)]
pub fn reach(name: &str) {
    fail::eval(name, |action| {
        if action.as_deref() == Some("kill") {
            let me = rustix::process::getpid();
            // SIGKILL cannot be caught: nothing after this line runs, no destructor either.
            let _killed = rustix::process::kill_process(me, rustix::process::Signal::KILL);
        }
    });
}
