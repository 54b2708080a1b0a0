//! Pod in, pod out.

mod explanation;
mod refused;
mod sidecar;
mod surroundings;
mod ways;
