//! AWS's prices, from a file that one can replace by one's own.

use std::{fs, path::Path};

use crate::local::error::CommandError;

/// The prices that the tool has without a file.
const EMBEDDED: &str = include_str!("../../../bench/prices");

/// A price that falls with the quantity of a month: up to how much in each step, and the price of one.
#[derive(Debug, Clone, PartialEq)]
pub struct Tiers(Vec<(f64, f64)>);

impl Tiers {
    /// What `quantity` costs if `before` was bought already.
    #[must_use]
    pub fn cost(&self, before: f64, quantity: f64) -> f64 {
        self.whole(before + quantity) - self.whole(before)
    }

    fn whole(&self, quantity: f64) -> f64 {
        let mut left = quantity;
        let mut sum = 0.0;
        for &(size, price) in &self.0 {
            let here = left.min(size);
            sum += here * price;
            left -= here;
        }
        sum
    }

    /// `10240:0.50 rest:0.05`
    fn parse(text: &str) -> Option<Self> {
        let mut steps = Vec::new();
        let mut words = text.split_whitespace().peekable();
        while let Some(word) = words.next() {
            let (size, price) = word.split_once(':')?;
            let size = match words.peek() {
                Some(_) => number(size)?,
                None if size == "rest" => f64::INFINITY,
                None => return None,
            };
            steps.push((size, number(price)?));
        }
        (!steps.is_empty()).then_some(Self(steps))
    }
}

macro_rules! prices {
    ($($(#[$doc:meta])* $field:ident = $name:literal;)*) => {
        /// What AWS takes, in dollars.
        #[derive(Debug, Clone, PartialEq)]
        pub struct Prices {
            /// The month in which the prices were looked up.
            pub as_of: String,
            /// GB of CloudWatch Logs.
            pub logs_ingested: Tiers,
            /// GB of Firehose.
            pub firehose: Tiers,
            $($(#[$doc])* pub $field: f64,)*
        }

        impl Prices {
            const NAMES: &[&str] = &["as-of", "logs-ingested-gb", "firehose-gb", $($name),*];

            fn of(values: &[(&str, &str)]) -> Result<Self, String> {
                let text = |name: &str| match values.iter().find(|(found, _)| *found == name) {
                    Some((_, value)) => Ok(*value),
                    None => Err(format!("{name} is missing")),
                };
                let tiers = |name: &str| {
                    let value = text(name)?;
                    Tiers::parse(value).ok_or_else(|| {
                        format!("{name} must be like `10240:0.50 rest:0.05`, and is `{value}`")
                    })
                };
                let price = |name: &str| {
                    let value = text(name)?;
                    number(value).ok_or_else(|| {
                        format!("{name} must be a number from 0, and is `{value}`")
                    })
                };
                Ok(Self {
                    as_of: text("as-of")?.into(),
                    logs_ingested: tiers("logs-ingested-gb")?,
                    firehose: tiers("firehose-gb")?,
                    $($field: price($name)?,)*
                })
            }
        }
    };
}

prices! {
    /// A GB of memory for a second.
    gb_second = "per-gb-second";
    /// A million invocations.
    million_requests = "per-million-requests";
    /// The smallest memory of a function, in MB.
    minimum_mb = "minimum-mb";
    /// The memory with which a function has a whole virtual CPU, in MB.
    mb_per_vcpu = "mb-per-vcpu";
    /// A GB in CloudWatch Logs for a month, compressed.
    logs_stored = "logs-stored-gb";
    /// The part of the bytes that is left after compression.
    logs_compressed_share = "logs-compressed-share";
    /// A metric for a month.
    metric = "metric";
    /// An alarm for a month.
    alarm = "alarm";
    /// Firehose counts a record as a multiple of this.
    firehose_record_bytes = "firehose-record-bytes";
    /// A shard for an hour.
    kinesis_shard_hour = "kinesis-shard-hour";
    /// A million payload units.
    kinesis_million_units = "kinesis-million-units";
    /// The load balancer for an hour.
    balancer_hour = "balancer-hour";
    /// A capacity unit of it for an hour.
    balancer_unit_hour = "balancer-unit-hour";
    /// A NAT gateway for an hour.
    nat_hour = "nat-hour";
    /// A GB through it.
    nat_gb = "nat-gb";
    /// A public address for an hour.
    ipv4_hour = "ipv4-hour";
    /// The instance of a Node for an hour.
    node_hour = "node-hour";
    /// The volume of a Node for a month.
    node_volume_month = "node-volume-month";
    /// The private DNS zone of the Nodes for a month.
    mesh_month = "mesh-month";
}

impl Prices {
    /// The prices that the tool was built with.
    ///
    /// # Errors
    ///
    /// Returns an error if it was built with an invalid file.
    pub fn embedded() -> Result<Self, CommandError> {
        Self::parse(EMBEDDED, "bench/prices")
    }

    /// The prices of a file.
    ///
    /// # Errors
    ///
    /// Returns an error if the file can't be read or is invalid.
    pub fn read(path: &Path) -> Result<Self, CommandError> {
        let name = path.display().to_string();
        let text = fs::read_to_string(path)
            .map_err(|e| CommandError::with_cause(format!("failed to read {name}"), e))?;
        Self::parse(&text, &name)
    }

    /// The prices of a file's text, which errors call `name`.
    ///
    /// # Errors
    ///
    /// Returns an error that names the price which is missing, unknown, twice there or no price.
    pub fn parse(text: &str, name: &str) -> Result<Self, CommandError> {
        let mut values: Vec<(&str, &str)> = Vec::new();
        for line in text.lines().map(str::trim) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (price, value) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            if !Self::NAMES.contains(&price) {
                return Err(CommandError::new(format!(
                    "{name}: there is no price {price}"
                )));
            }
            if values.iter().any(|(found, _)| *found == price) {
                return Err(CommandError::new(format!("{name}: {price} is there twice")));
            }
            values.push((price, value.trim()));
        }
        Self::of(&values).map_err(|error| CommandError::new(format!("{name}: {error}")))
    }
}

/// A finite number from zero.
fn number(text: &str) -> Option<f64> {
    let value: f64 = text.parse().ok()?;
    (value.is_finite() && value >= 0.0).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_has_its_price() {
        let tiers = Tiers::parse("10:3 20:2 rest:1").unwrap();
        for (before, quantity, expected) in [
            (0.0, 0.0, 0.0),
            (0.0, 10.0, 30.0),
            (0.0, 12.0, 34.0),
            (9.0, 2.0, 5.0),
            (0.0, 40.0, 80.0),
            (30.0, 7.0, 7.0),
        ] {
            let found = tiers.cost(before, quantity);
            assert!(
                (found - expected).abs() < 1e-9,
                "{before} {quantity}: {found}"
            );
        }
        for text in [
            "",
            "rest",
            "10:3",
            "10:3 20:2",
            "rest:1 10:2",
            "x:1 rest:1",
            "10:-1 rest:1",
        ] {
            assert_eq!(Tiers::parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_file_is_named() {
        Prices::embedded().unwrap();
        let wrong = |from: &str, to: &str| {
            let text = EMBEDDED.replacen(from, to, 1);
            assert_ne!(text, EMBEDDED, "{from}");
            Prices::parse(&text, "FILE").unwrap_err().to_string()
        };
        for (from, to, expected) in [
            ("\nmetric 0.30", "", "FILE: metric is missing"),
            (
                "\nmetric 0.30",
                "\nmetrics 0.30",
                "FILE: there is no price metrics",
            ),
            (
                "\nalarm 0.10",
                "\nmetric 0.10",
                "FILE: metric is there twice",
            ),
            (
                "\nmetric 0.30",
                "\nmetric",
                "FILE: metric must be a number from 0, and is ``",
            ),
            (
                "\nmetric 0.30",
                "\nmetric -1",
                "FILE: metric must be a number from 0, and is `-1`",
            ),
            (
                "\nmetric 0.30",
                "\nmetric inf",
                "FILE: metric must be a number from 0, and is `inf`",
            ),
            (
                "logs-ingested-gb 10240:0.50",
                "logs-ingested-gb 0.50",
                "FILE: logs-ingested-gb must be like `10240:0.50 rest:0.05`, and is `0.50 20480:0.25 20480:0.10 rest:0.05`",
            ),
        ] {
            assert_eq!(wrong(from, to), expected);
        }
    }
}
