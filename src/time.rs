//! Dates of the Gregorian calendar and Unix time, by H. Hinnant's algorithms: years begin on
//! 1 March, so that the leap day is a year's last, and repeat in eras of 400 years.

use std::time::Duration;

/// From 1 March of the year 0 to 1 January 1970.
const DAYS_TO_1970: u64 = 719_468;

/// The days from 1 January 1970 to a date of that year or a later one.
pub(crate) fn days_from_civil(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = 365 * year + year / 4 - year / 100 + year / 400;
    days + (153 * month + 2) / 5 + day - 1 - DAYS_TO_1970
}

/// `2026-11-22T10:00:00.123Z`
pub(crate) fn rfc3339(unix: Duration) -> String {
    let (days, seconds) = (unix.as_secs() / 86_400, unix.as_secs() % 86_400);
    let days = days + DAYS_TO_1970;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
        unix.subsec_millis()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_825_599, "2000-02-29T11:59:59.000Z"),
            (1_795_305_600, "2026-11-22T00:00:00.000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(rfc3339(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn each_is_the_inverse_of_the_other() {
        for days in (0..200_000).step_by(13) {
            let text = rfc3339(Duration::from_secs(days * 86_400));
            let mut parts = text[..10].split('-').map(|part| part.parse().unwrap());
            let (year, month, day) = (parts.next(), parts.next(), parts.next());
            assert_eq!(
                days_from_civil(year.unwrap(), month.unwrap(), day.unwrap()),
                days,
                "{text}"
            );
        }
    }
}
