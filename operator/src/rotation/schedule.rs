//! What is drawn by: the ceiling from the command line, the mean and the minimum age from files that only the operator
//! sees. They are read at each draw, so a change needs no restart.

use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use splitvault_vault::Schedule;

use crate::args;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Without a file `mean`.
const MEAN: Duration = DAY.saturating_mul(30);
/// Without a file `minAge`.
const MIN_AGE: Duration = DAY;

/// What is drawn by where no file says so: `(mean, minimum age)`, at most a third and a tenth of the ceiling.
fn defaults(max_age: Duration) -> (Duration, Duration) {
    let mean = MEAN.min(max_age / 3).max(Duration::from_secs(1));
    (mean, MIN_AGE.min(max_age / 10))
}

/// Where the schedule comes from.
#[derive(Debug)]
pub struct ScheduleFiles {
    max_age: Duration,
    max_operations: u64,
    directory: Option<PathBuf>,
    /// What was complained of last.
    complaint: Mutex<Option<String>>,
}

impl ScheduleFiles {
    /// As the command line has it.
    pub fn new(args: &args::Rotation) -> Self {
        Self {
            max_age: args.rotation_max_age,
            max_operations: args.rotation_max_operations,
            directory: args.rotation_schedule.clone(),
            complaint: Mutex::default(),
        }
    }

    /// The schedule now. A file that is not readable as a time is told once, without its content, and counts as missing.
    pub fn read(&self) -> Schedule {
        let mut why = None;
        let mut time = |file: &str, default: Duration| {
            self.time(file)
                .unwrap_or_else(|error| {
                    why = Some(error);
                    None
                })
                .unwrap_or(default)
        };
        let (mean, min_age) = defaults(self.max_age);
        let (mean, min_age) = (time("mean", mean), time("minAge", min_age));
        let made = Schedule::new(min_age, mean, self.max_age, self.max_operations);
        let schedule = made.unwrap_or_else(|error| {
            why = Some(error.to_string());
            self.default()
        });
        let mut complaint = self.complaint.lock().unwrap_or_else(PoisonError::into_inner);
        if why != *complaint {
            if let Some(why) = &why {
                tracing::error!(
                    "the schedule of rotations is not as it should be, and its default is used: {why}"
                );
            }
            *complaint = why;
        }
        schedule
    }

    fn default(&self) -> Schedule {
        let (mean, min_age) = defaults(self.max_age);
        Schedule::new(min_age, mean, self.max_age, self.max_operations)
            .unwrap_or_else(|_| Schedule::default())
    }

    fn time(&self, file: &str) -> Result<Option<Duration>, String> {
        let Some(directory) = &self.directory else {
            return Ok(None);
        };
        let path = directory.join(file);
        match fs::read_to_string(&path) {
            Ok(text) => args::time(text.trim())
                .map(Some)
                .map_err(|why| format!("{}: {why}", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(format!("{}: {error}", path.display())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(directory: &std::path::Path) -> ScheduleFiles {
        ScheduleFiles::new(&args::Rotation {
            rotation_max_age: DAY * 90,
            rotation_max_operations: 1 << 32,
            rotation_schedule: Some(directory.to_owned()),
            rotation_rate: 0,
        })
    }

    fn schedule(min_age: Duration, mean: Duration) -> Schedule {
        Schedule::new(min_age, mean, DAY * 90, 1 << 32).unwrap()
    }

    #[test]
    fn the_files_count_when_they_are_there_and_are_read_anew() {
        let directory = tempfile::tempdir().unwrap();
        let files = files(directory.path());
        assert!(files.read() == schedule(DAY, DAY * 30));
        fs::write(directory.path().join("mean"), "7d\n").unwrap();
        assert!(files.read() == schedule(DAY, DAY * 7));
        fs::write(directory.path().join("minAge"), "2h").unwrap();
        assert!(files.read() == schedule(DAY / 12, DAY * 7));
    }

    #[test]
    fn a_low_ceiling_lowers_the_defaults() {
        for (ceiling, mean, min_age) in [
            (DAY * 90, DAY * 30, DAY),
            (DAY * 30, DAY * 10, DAY),
            (DAY, DAY / 3, DAY / 10),
            (
                Duration::from_secs(2),
                Duration::from_secs(1),
                Duration::from_millis(200),
            ),
        ] {
            assert_eq!(defaults(ceiling), (mean, min_age), "{ceiling:?}");
            assert!(Schedule::new(min_age, mean, ceiling, 1).is_ok(), "{ceiling:?}");
        }
    }

    #[test]
    fn nonsense_counts_as_missing_and_is_not_repeated() {
        let directory = tempfile::tempdir().unwrap();
        let files = files(directory.path());
        for nonsense in ["", "soon", "-1d", "0s", &"9".repeat(100_000)] {
            fs::write(directory.path().join("mean"), nonsense).unwrap();
            assert!(files.read() == schedule(DAY, DAY * 30), "{nonsense:.20}");
            let complaint = files.complaint.lock().unwrap().clone().unwrap();
            assert!(
                complaint.len() < 300 && !complaint.contains("soon"),
                "{complaint}"
            );
        }
        fs::write(directory.path().join("mean"), "7d").unwrap();
        fs::write(directory.path().join("minAge"), "91d").unwrap();
        assert!(files.read() == schedule(DAY, DAY * 30), "no key could be both");
    }
}
