//! The values of variables, read into types; each error names the variable and gives an example.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// A variable that is wrong.
#[derive(Debug)]
pub(super) struct VariableError {
    variable: Cow<'static, str>,
    what: Cow<'static, str>,
    /// A value that would be accepted; empty where the name is wrong, or where another value is not what helps.
    example: Cow<'static, str>,
}

impl fmt::Display for VariableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.variable, self.what)?;
        if !self.example.is_empty() {
            write!(f, "; for example {}={}", self.variable, self.example)?;
        }
        Ok(())
    }
}

impl VariableError {
    #[cold]
    pub(super) fn new(
        variable: impl Into<Cow<'static, str>>,
        what: impl Into<Cow<'static, str>>,
        example: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            variable: variable.into(),
            what: what.into(),
            example: example.into(),
        }
    }

    /// The same error with another example, where other variables limit what is accepted.
    pub(super) fn with_example(mut self, example: impl Into<Cow<'static, str>>) -> Self {
        self.example = example.into();
        self
    }
}

/// Everything that is wrong, so that an operator can fix it in one go.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<VariableError>);

impl Problems {
    /// How many are described. The Runtime API, and whoever reads the text, take only so much.
    const MOST: usize = 8;

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[inline(never)]
    pub(super) fn push(&mut self, error: VariableError) {
        self.0.push(error);
    }

    /// The value, or nothing where its error is kept.
    #[inline(never)]
    pub(super) fn value<T>(&mut self, result: Result<T, VariableError>) -> Option<T> {
        result.map_err(|error| self.push(error)).ok()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().take(Self::MOST).enumerate() {
            let separator = if index > 0 { "; also " } else { "" };
            write!(f, "{separator}{error}")?;
        }
        match self.0.len().saturating_sub(Self::MOST) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

impl std::error::Error for Problems {}

/// The variables, and how their values are read. What reads them is not inlined: it runs once for each, and was a tenth
/// of the code in the program.
pub(super) struct Vars<'a>(pub(super) &'a dyn Fn(&str) -> Option<String>);

impl Vars<'_> {
    /// The value of a variable, where it is set and not empty.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        (self.0)(name)
    }

    #[inline(never)]
    pub(super) fn one_of<T: Copy>(
        &self,
        name: &'static str,
        values: &[(&'static str, T)],
        default: T,
    ) -> Result<T, VariableError> {
        let names: Vec<_> = values.iter().map(|&(known, _)| known).collect();
        let place = self.place(name, &names)?;
        Ok(place.map_or(default, |place| values[place].1))
    }

    /// Which of some words is the value of a variable.
    fn place(
        &self,
        name: &'static str,
        known: &[&'static str],
    ) -> Result<Option<usize>, VariableError> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        let place = known
            .iter()
            .position(|known| text.eq_ignore_ascii_case(known));
        place.map(Some).ok_or_else(|| {
            let what = format!("must be one of {}", known.join(", "));
            VariableError::new(name, what, known[0])
        })
    }

    #[inline(never)]
    pub(super) fn number<T>(
        &self,
        name: &'static str,
        range: std::ops::RangeInclusive<T>,
        default: T,
    ) -> Result<T, VariableError>
    where
        T: std::str::FromStr + PartialOrd + fmt::Display,
    {
        let Some(text) = self.get(name) else {
            return Ok(default);
        };
        let number = text
            .trim()
            .parse()
            .ok()
            .filter(|number| range.contains(number));
        number.ok_or_else(|| {
            let (least, most) = (range.start(), range.end());
            let what = format!("must be a whole number from {least} to {most}");
            VariableError::new(name, what, default.to_string())
        })
    }

    #[inline(never)]
    pub(super) fn milliseconds(
        &self,
        name: &'static str,
        default: u64,
    ) -> Result<Duration, VariableError> {
        self.number(name, 1..=900_000, default)
            .map(Duration::from_millis)
    }
}
