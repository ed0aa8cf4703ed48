//! Calendar dates, as FHIR writes them: Gregorian, UTC.

use core::{fmt, str::FromStr};
use salus_primitives::{Moment, time::DAY};

/// A day of the Gregorian calendar, from 1850 on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

/// The text is no date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a date: expected a day of the calendar as YYYY-MM-DD, from 1850 on")]
pub struct NotADate;

impl Date {
    /// The day that holds this moment, in UTC.
    pub fn of(moment: Moment) -> Self {
        // Days are counted from 1 March of year 0, so that the leap day is a year's last.
        let days = moment.0 / DAY + 719_468;
        let (era, in_era) = (days / 146_097, days % 146_097);
        let year_of_era = (in_era - in_era / 1_460 + in_era / 36_524 - in_era / 146_096) / 365;
        let in_year = in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * in_year + 2) / 153;
        let day = in_year - (153 * from_march + 2) / 5 + 1;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        let year = era * 400 + year_of_era + u64::from(month <= 2);
        Self {
            year: u16::try_from(year).unwrap_or(u16::MAX),
            month: u8::try_from(month).expect("1 to 12"),
            day: u8::try_from(day).expect("1 to 31"),
        }
    }

    /// Its year.
    pub fn year(self) -> u16 {
        self.year
    }
}

fn days_in(year: u16, month: u8) -> u8 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl FromStr for Date {
    type Err = NotADate;

    fn from_str(text: &str) -> Result<Self, NotADate> {
        let digits = |range: core::ops::Range<usize>| -> Option<u16> {
            let part = text.get(range)?;
            part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok())?
        };
        let dashes = text.len() == 10 && text.as_bytes()[4] == b'-' && text.as_bytes()[7] == b'-';
        let (Some(year), Some(month), Some(day), true) = (digits(0..4), digits(5..7), digits(8..10), dashes) else {
            return Err(NotADate);
        };
        let (month, day) = (u8::try_from(month).map_err(|_| NotADate)?, u8::try_from(day).map_err(|_| NotADate)?);
        if year < 1850 || !(1..=12).contains(&month) || day == 0 || day > days_in(year, month) {
            return Err(NotADate);
        }
        Ok(Self { year, month, day })
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// A moment as FHIR's `instant`, to the second.
pub fn instant(moment: Moment) -> String {
    let seconds = moment.0 % DAY / 1000;
    format!("{}T{:02}:{:02}:{:02}Z", Date::of(moment), seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_fall_on_the_days_of_the_calendar() {
        for (ms, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399_000, "2000-02-28T23:59:59Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"),
            (951_868_800_999, "2000-03-01T00:00:00Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00Z"),
            (1_709_210_096_000, "2024-02-29T12:34:56Z"),
        ] {
            assert_eq!(instant(Moment(ms)), expected);
        }
    }

    #[test]
    fn a_date_reads_back_from_its_text() {
        for text in ["1974-01-25", "2000-02-29", "2024-12-31"] {
            assert_eq!(text.parse::<Date>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_day_of_the_calendar_is_refused() {
        for text in [
            "2023-02-29",
            "1900-02-29",
            "2024-04-31",
            "2024-13-01",
            "2024-00-10",
            "2024-01-00",
            "28.02.2024",
            "24-01-01",
            "2024-1-01",
            "2024-01-01T00:00",
            "1849-12-31",
            "+024-01-01",
            "",
            "２024-01-01",
        ] {
            assert_eq!(text.parse::<Date>(), Err(NotADate), "{text}");
        }
    }
}
