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
mod copy;
mod exec;
mod gate;
mod log;
mod pace;
mod render;
mod round;
mod run;
mod settings;
mod stop;
mod target;
mod tls;
mod wait;

pub use ask::{AskError, Operator};
pub use render::{RenderError, Rendered, render};
pub use run::run;
pub use settings::{InvalidSetting, Modes, Settings};
pub use target::{Target, TargetError};
pub use tls::{UntrustedCa, client_config};
