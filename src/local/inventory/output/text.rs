//! Numbers, times and names as a page or a document shows them.

use std::{borrow::Cow, fmt::Write as _, time::Duration};

use serde::Serialize;

use crate::time;

/// A time.
#[derive(Debug, Serialize)]
pub(super) struct Moment {
    /// For programs, to the second.
    pub(super) iso: String,
    /// `2026-11-22`
    pub(super) date: String,
    /// `10:00`
    pub(super) time: String,
}

/// A time of the log; `None` before 1970 and behind the year 9999, where it is none.
pub(super) fn moment(unix_ms: i64) -> Option<Moment> {
    let unix = Duration::from_millis(unix_ms.try_into().ok()?);
    if unix.as_secs() > 253_402_300_799 {
        return None;
    }
    let text = time::rfc3339(unix);
    Some(Moment {
        iso: format!("{}Z", &text[..19]),
        date: text[..10].into(),
        time: text[11..16].into(),
    })
}

/// `1234567` as `1,234,567`.
pub(super) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A share that is neither rounded to nothing nor to all.
pub(super) fn percent(part: u64, all: u64) -> String {
    match part as f64 / all as f64 * 100.0 {
        _ if part == 0 || part == all => format!("{} %", u8::from(part > 0) * 100),
        share if share < 0.5 => "< 1 %".into(),
        share if share >= 99.5 => "> 99 %".into(),
        share => format!("{share:.0} %"),
    }
}

/// A power of ten in milliseconds: `10 ms`, `1 s`, `1,000 s`.
pub(super) fn milliseconds(power: i32) -> String {
    let unit = if power < 3 { "ms" } else { "s" };
    let power = power.unsigned_abs() % 3
        + if power < 3 {
            0
        } else {
            power.unsigned_abs() / 3 * 3 - 3
        };
    format!("{} {unit}", grouped(10_u64.saturating_pow(power)))
}

/// A text by strangers, with escapes in place of what has no shape of its own or would turn its neighbours around.
pub(super) fn visible(text: &str) -> Cow<'_, str> {
    if text.chars().all(|c| !is_invisible(c)) {
        return text.into();
    }
    let mut shown = String::new();
    for c in text.chars() {
        match is_invisible(c) {
            // Writing into a string can't fail.
            true => _ = write!(shown, "\\u{{{:x}}}", u32::from(c)),
            false => shown.push(c),
        }
    }
    shown.into()
}

/// Control characters, those that have no width, and those that set the direction of writing.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for (n, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(grouped(n), text);
        }
        for (part, all, text) in [
            (0, 10, "0 %"),
            (10, 10, "100 %"),
            (1, 1000, "< 1 %"),
            (999, 1000, "> 99 %"),
            (1, 3, "33 %"),
        ] {
            assert_eq!(percent(part, all), text);
        }
        for (power, text) in [
            (0, "1 ms"),
            (2, "100 ms"),
            (3, "1 s"),
            (4, "10 s"),
            (6, "1,000 s"),
            (9, "1,000,000 s"),
        ] {
            assert_eq!(milliseconds(power), text);
        }
    }

    #[test]
    fn times_outside_of_the_calendar_are_none() {
        let shown = |ms| moment(ms).map(|moment| format!("{} {}", moment.date, moment.time));
        for (ms, text) in [
            (0, Some("1970-01-01 00:00")),
            (1_795_341_600_123, Some("2026-11-22 10:00")),
            (253_402_300_799_999, Some("9999-12-31 23:59")),
            (253_402_300_800_000, None),
            (i64::MAX, None),
            (-1, None),
        ] {
            assert_eq!(shown(ms).as_deref(), text, "{ms}");
        }
    }

    #[test]
    fn what_can_not_be_seen_is_escaped() {
        for (text, shown) in [
            ("/pets/{id}", "/pets/{id}"),
            ("שלום", "שלום"),
            ("a\u{202e}b\n", "a\\u{202e}b\\u{a}"),
            (
                "\u{200b}\u{2066}\u{0}\u{85}",
                "\\u{200b}\\u{2066}\\u{0}\\u{85}",
            ),
        ] {
            assert_eq!(visible(text), shown);
        }
    }
}
