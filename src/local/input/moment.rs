//! The times that tools write in front of a line.

use crate::time::days_from_civil;

/// How the zone of a time is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Zone {
    /// Not at all: it is UTC.
    Absent,
    /// `Z`
    Utc,
    /// `+00:00`
    Offset,
}

/// A time that a text begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    /// In Unix milliseconds; `None` for a time of day.
    pub(super) ms: Option<i64>,
    pub(super) zone: Zone,
    /// Its length in bytes.
    pub(super) length: usize,
}

/// The time that `text` begins with: `2026-11-22T15:40:01.123+00:00` with or without its fraction and zone, and with a
/// space for its `T`; Unix milliseconds; or a time of day.
pub(super) fn moment(text: &[u8]) -> Option<Moment> {
    match text {
        [_, _, _, _, b'-', ..] => date_and_time(text),
        [_, _, b':', ..] => time_of_day(text).map(|(_, length)| Moment {
            ms: None,
            zone: Zone::Absent,
            length,
        }),
        _ => {
            let ms = unix_ms(text.get(..13)?)?;
            let is_end = text.get(13).is_none_or(|byte| !byte.is_ascii_digit());
            is_end.then_some(Moment {
                ms: Some(ms),
                zone: Zone::Absent,
                length: 13,
            })
        }
    }
}

/// Thirteen digits: Unix milliseconds from 2001 to 2286.
pub(super) fn unix_ms(text: &[u8]) -> Option<i64> {
    let is_number = text.len() == 13 && text[0] != b'0';
    if is_number { number(text) } else { None }
}

/// The time that is all of `text`, in Unix milliseconds.
pub(super) fn whole(text: &str) -> Option<i64> {
    let text = text.trim().as_bytes();
    let moment = moment(text).filter(|moment| moment.length == text.len())?;
    moment.ms
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0_i64, |value, &digit| {
        let digit = char::from(digit).to_digit(10)?;
        value.checked_mul(10)?.checked_add(i64::from(digit))
    })
}

fn field(text: &[u8], at: usize, length: usize, most: i64) -> Option<i64> {
    number(text.get(at..at + length)?).filter(|&value| value <= most)
}

fn date_and_time(text: &[u8]) -> Option<Moment> {
    let year = field(text, 0, 4, 9999).filter(|&year| year >= 1970)?;
    let month = field(text, 5, 2, 12).filter(|&month| month > 0)?;
    let day = field(text, 8, 2, 31).filter(|&day| day > 0)?;
    if text.get(7) != Some(&b'-') || !matches!(text.get(10), Some(b'T' | b' ')) {
        return None;
    }
    let (ms, length) = time_of_day(&text[11..])?;
    let mut length = 11 + length;
    let unsigned = |value| u64::try_from(value).ok();
    let days = days_from_civil(unsigned(year)?, unsigned(month)?, unsigned(day)?);
    let mut ms = i64::try_from(days).ok()? * 86_400_000 + ms;
    let zone = match text.get(length) {
        Some(b'Z') => {
            length += 1;
            Zone::Utc
        }
        Some(sign @ (b'+' | b'-')) => {
            let has_colon = text.get(length + 3) == Some(&b':');
            let minutes_at = length + 3 + usize::from(has_colon);
            let minutes = field(text, length + 1, 2, 23)? * 60 + field(text, minutes_at, 2, 59)?;
            ms -= if *sign == b'+' { minutes } else { -minutes } * 60_000;
            length = minutes_at + 2;
            Zone::Offset
        }
        _ => Zone::Absent,
    };
    Some(Moment {
        ms: Some(ms),
        zone,
        length,
    })
}

/// `15:40:01.123` in milliseconds, and its length in bytes.
fn time_of_day(text: &[u8]) -> Option<(i64, usize)> {
    if text.get(2) != Some(&b':') || text.get(5) != Some(&b':') {
        return None;
    }
    let seconds =
        field(text, 0, 2, 23)? * 3600 + field(text, 3, 2, 59)? * 60 + field(text, 6, 2, 60)?;
    let mut ms = seconds * 1000;
    let mut length = 8;
    if matches!(text.get(8), Some(b'.' | b',')) {
        let digits = text[9..].iter().take_while(|byte| byte.is_ascii_digit());
        let digits = digits.count();
        if digits > 0 {
            let fraction = &text[9..9 + digits.min(3)];
            let scale = [100, 10, 1][fraction.len() - 1];
            ms += number(fraction)? * scale;
            length = 9 + digits;
        }
    }
    Some((ms, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        const T: i64 = 1_795_362_001_000;
        for (text, ms, zone, length) in [
            ("2026-11-22T15:40:01 {", Some(T), Zone::Absent, 19),
            ("2026-11-22 15:40:01.123", Some(T + 123), Zone::Absent, 23),
            ("2026-11-22T15:40:01.123Z {", Some(T + 123), Zone::Utc, 24),
            (
                "2026-11-22T15:40:01.123456+00:00 s",
                Some(T + 123),
                Zone::Offset,
                32,
            ),
            (
                "2026-11-22T16:40:01.744+01:00",
                Some(T + 744),
                Zone::Offset,
                29,
            ),
            ("2026-11-22T10:10:01-0530", Some(T), Zone::Offset, 24),
            ("2026-11-22T15:40:01,5", Some(T + 500), Zone::Absent, 21),
            ("2026-11-22T15:40:01.Z", Some(T), Zone::Absent, 19),
            ("1795362001123\t{", Some(T + 123), Zone::Absent, 13),
            ("15:40:01", None, Zone::Absent, 8),
        ] {
            let expected = Some(Moment { ms, zone, length });
            assert_eq!(moment(text.as_bytes()), expected, "{text}");
        }
        for text in [
            "",
            "{",
            "2026-11-22",
            "2026-13-22T15:40:01",
            "2026-11-00T15:40:01",
            "2026-11-22x15:40:01",
            "2026-11-22T25:40:01",
            "2026-11-22T15:40:01+99:00",
            "2026-11-22T15:40:01+1",
            "17953620011234",
            "179536200112x",
            "0000000000000",
            "1:2:3",
            "é026-11-22T15:40:01",
        ] {
            assert_eq!(moment(text.as_bytes()), None, "{text}");
        }
    }
}
