//! The environment of the sweep.

use jiff::SignedDuration;
use undrift_core::name::Region;

use super::{ConfigError, REGION, Reader, wrong};

/// How often everything is looked at, unless the environment says otherwise, in hours.
const EVERY: u32 = 6;
/// How long an event may take until the event history shows it, in seconds (CloudTrail User Guide,
/// "Viewing events with CloudTrail event history": within 15 minutes).
const LAG: u32 = 900;

/// The environment of the sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SweepEnvironment {
    /// `UNDRIFT_TABLE`: the table's name.
    pub table: String,
    /// `UNDRIFT_SWEEP_FUNCTIONS`: the functions that revert, by name.
    pub functions: Vec<String>,
    /// `UNDRIFT_SWEEP_HOURS`: how long after its begin a sweep is followed by the next.
    pub every: SignedDuration,
    /// `UNDRIFT_HISTORY_LAG_SECONDS`: how long an event may take until the event history shows it.
    pub history_lag: SignedDuration,
    /// `AWS_REGION`, which Lambda sets.
    pub region: Region,
}

impl SweepEnvironment {
    /// Reads the process's environment.
    pub fn load() -> Result<Self, ConfigError> {
        Self::of(&|name| std::env::var(name).ok())
    }

    /// Reads variables as `get` gives them.
    pub fn of(get: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let read = Reader(get);
        let number = |name: &'static str, otherwise: u32| match read.optional(name) {
            None => Ok(otherwise),
            Some(text) => text
                .parse()
                .map_err(|_| wrong(name, &text, "a whole number")),
        };
        let functions = read.list("UNDRIFT_SWEEP_FUNCTIONS");
        if functions.is_empty() {
            return Err(ConfigError::Missing {
                name: "UNDRIFT_SWEEP_FUNCTIONS",
                wants: "the names of the functions that revert, with commas between them",
            });
        }
        let region = read.needed("AWS_REGION", REGION)?;
        Ok(Self {
            table: read.needed("UNDRIFT_TABLE", "the name of Undrift's DynamoDB table")?,
            functions,
            every: SignedDuration::from_hours(number("UNDRIFT_SWEEP_HOURS", EVERY)?.into()),
            history_lag: SignedDuration::from_secs(
                number("UNDRIFT_HISTORY_LAG_SECONDS", LAG)?.into(),
            ),
            region: Region::parse(&region).map_err(|_| wrong("AWS_REGION", &region, REGION))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(more: &[(&str, &str)]) -> Result<SweepEnvironment, ConfigError> {
        let base = [
            ("UNDRIFT_TABLE", "t"),
            ("UNDRIFT_SWEEP_FUNCTIONS", "a, b"),
            ("AWS_REGION", "eu-central-1"),
        ];
        SweepEnvironment::of(&|name| {
            let mut all = more.iter().chain(&base);
            all.find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned())
        })
    }

    #[test]
    fn the_schedule_has_defaults_and_mistakes_are_named() {
        let env = of(&[]).unwrap();
        assert_eq!(env.functions, ["a", "b"]);
        assert_eq!(env.every, SignedDuration::from_hours(6));
        assert_eq!(env.history_lag, SignedDuration::from_secs(900));
        for (name, value) in [
            ("UNDRIFT_SWEEP_FUNCTIONS", " ,"),
            ("UNDRIFT_SWEEP_HOURS", "often"),
            ("UNDRIFT_HISTORY_LAG_SECONDS", "-1"),
        ] {
            let error = of(&[(name, value)]).unwrap_err().to_string();
            assert!(
                error.contains(name) && error.contains("set it to"),
                "{error}"
            );
        }
    }
}
