//! Fetches a pod's variables from the operator and puts them on tmpfs, or into a process by `execve`.
//!
//! One small static binary: it starts before everything else in a pod, so it has no argument parser, no Kubernetes
//! client and no logging framework. It holds one pod's variables for as long as writing them takes, and never a
//! master key. What it says on standard error names objects and reasons, no value, and no variable unless the names stand
//! in the pod's spec anyway.

mod answer;
mod args;
mod ask;
mod attend;
mod clock;
mod connection;
mod copy;
mod exec;
mod format;
mod gate;
mod health;
mod log;
mod pace;
mod place;
mod protect;
mod reaction;
mod render;
mod round;
mod run;
mod set;
mod settings;
mod stop;
mod sweep;
mod target;
mod tls;
mod wait;

pub use answer::{Answer, Answered};
pub use ask::{AskError, Operator, Question};
pub use format::{AppFile, Format};
pub use gate::Revisions;
pub use place::{Placed, place};
pub use reaction::{Call, Reaction, Signalling, signal_named};
pub use render::{Content, Member, RenderError, Rendered, render};
pub use run::run;
pub use settings::{InvalidSetting, Modes, Settings};
pub use target::{Target, TargetError};
pub use tls::{UntrustedCa, client_config};
