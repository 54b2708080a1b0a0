//! The rotation of master keys. Only the ceiling is here for everyone to see; the mean comes from a Secret.

use std::path::PathBuf;
use std::time::Duration;

use super::renewal::time;

/// The rotation of master keys.
#[derive(Debug, Clone, clap::Args)]
pub struct Rotation {
    /// A master key that is older is replaced at the latest; when it is before that is drawn at random.
    #[arg(long, env = "SPLITVAULT_ROTATION_MAX_AGE", value_name = "TIME", default_value = "90d", value_parser = time)]
    pub rotation_max_age: Duration,
    /// A master key that sealed this many messages is replaced.
    #[arg(
        long,
        env = "SPLITVAULT_ROTATION_MAX_OPERATIONS",
        value_name = "COUNT",
        default_value_t = 1 << 32,
        value_parser = clap::value_parser!(u64).range(1_000..=1 << 48)
    )]
    pub rotation_max_operations: u64,
    /// A directory, such as a mounted Secret, with the files `mean` and `minAge`, times as above; each may be missing.
    #[arg(long, env = "SPLITVAULT_ROTATION_SCHEDULE", value_name = "DIRECTORY")]
    pub rotation_schedule: Option<PathBuf>,
    /// Rows re-encrypted a second at most, so that deliveries are not held up; 0 for no bound.
    #[arg(
        long,
        env = "SPLITVAULT_ROTATION_RATE",
        value_name = "ROWS",
        default_value_t = 2_000
    )]
    pub rotation_rate: u32,
}
