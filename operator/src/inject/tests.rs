//! Pod in, pod out.

mod refused;
mod sidecar;
mod surroundings;
mod ways;
