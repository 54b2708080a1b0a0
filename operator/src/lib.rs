//! The operator: controller, webhook, delivery, certificates.

pub mod args;
pub mod controller;
pub mod delivery;
pub mod health;
pub mod inject;
pub mod kek;
pub mod metrics;
pub mod pki;
pub mod run;
pub mod webhook;
