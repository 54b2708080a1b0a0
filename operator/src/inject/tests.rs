//! Pod in, pod out.

mod changes;
mod explanation;
mod files;
mod health;
mod hooks;
mod order;
mod programs;
mod refused;
mod selection;
mod sidecar;
mod surroundings;
mod undone;
mod ways;
