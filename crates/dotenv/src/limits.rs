//! How much one environment may hold.

/// Variables in one environment.
pub const ENTRIES: usize = 1_000;
/// Bytes of one name.
pub const NAME: usize = 256;
/// Bytes of one value, as the process sees it. Kubelet's limit for a variable from a file is the same.
pub const VALUE: usize = 32 * 1024;
/// Bytes of a whole `.env`, and of all names, values and comments of one environment together.
pub const TOTAL: usize = 1024 * 1024;
