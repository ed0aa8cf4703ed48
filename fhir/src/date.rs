//! Calendar dates, as FHIR writes them: Gregorian, UTC.

use core::{fmt, str::FromStr};

const SECOND: u64 = 1000;
const DAY: u64 = 86_400 * SECOND;

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
    /// The day that holds this moment, in ms since 1970, in UTC.
    pub fn of(moment: u64) -> Self {
        // Days are counted from 1 March of year 0, so that the leap day is a year's last.
        let days = moment / DAY + 719_468;
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

/// A moment, in ms since 1970, as FHIR's `instant`, to the second.
pub fn instant(moment: u64) -> String {
    let seconds = moment % DAY / SECOND;
    format!("{}T{:02}:{:02}:{:02}Z", Date::of(moment), seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// The same to the millisecond.
pub fn instant_ms(moment: u64) -> String {
    let whole = instant(moment);
    format!("{}.{:03}Z", whole.trim_end_matches('Z'), moment % SECOND)
}

/// What a `date`, `dateTime` or `instant` of FHIR stands for: all moments from `from` to before `until`, in ms since
/// 1970, negative before. "2024-02" is a month; without a time zone it is UTC's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    /// First moment inside.
    pub from: i64,
    /// First moment after.
    pub until: i64,
}

impl Span {
    /// Read it; none where a part is missing or is not of the calendar, as 30 February.
    pub fn parse(text: &str) -> Option<Self> {
        if !text.is_ascii() {
            return None;
        }
        let (date, time) = text.split_once('T').map_or((text, None), |(date, time)| (date, Some(time)));
        let parts: Vec<&str> = date.split('-').collect();
        let widths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
        if !matches!(widths[..], [4] | [4, 2] | [4, 2, 2]) || (time.is_some() && parts.len() != 3) {
            return None;
        }
        let numbers: Vec<u16> = parts.iter().map(|part| digits(part)).collect::<Option<_>>()?;
        let year = numbers[0];
        let month = numbers.get(1).map_or(Some(1), |month| u8::try_from(*month).ok())?;
        let day = numbers.get(2).map_or(Some(1), |day| u8::try_from(*day).ok())?;
        if year == 0 || !(1..=12).contains(&month) || day == 0 || day > days_in(year, month) {
            return None;
        }
        let start = day_number(year, month, day);
        let Some(time) = time else {
            let days = match numbers.len() {
                1 => day_number(year + 1, 1, 1) - start,
                2 => i64::from(days_in(year, month)),
                _ => 1,
            };
            return Some(Self { from: start * DAY as i64, until: (start + days) * DAY as i64 });
        };
        let (in_day, width) = time_of_day(time)?;
        let from = start * DAY as i64 + in_day;
        Some(Self { from, until: from + width })
    }
}

/// The number, if there are only digits.
fn digits(text: &str) -> Option<u16> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

/// Days since 1 January 1970, negative before.
fn day_number(year: u16, month: u8, day: u8) -> i64 {
    let before = i64::from(year) - 1;
    let in_year: i64 = (1..month).map(|month| i64::from(days_in(year, month))).sum();
    before * 365 + before / 4 - before / 100 + before / 400 + in_year + i64::from(day) - 719_163
}

/// `hh:mm:ss[.fff](Z|+hh:mm|-hh:mm)`: ms into the day in UTC, and how many ms it stands for.
fn time_of_day(text: &str) -> Option<(i64, i64)> {
    let (clock, offset) = match text.strip_suffix('Z') {
        Some(clock) => (clock, 0),
        None => {
            let place = text.rfind(['+', '-'])?;
            let (hours, minutes) = text[place + 1..].split_once(':')?;
            let (hours, minutes) = (pair(hours, 14)?, pair(minutes, 59)?);
            let minutes = hours * 60 + minutes;
            (&text[..place], if text[place..].starts_with('-') { -minutes } else { minutes })
        }
    };
    let (clock, fraction) = clock.split_once('.').map_or((clock, None), |(clock, fraction)| (clock, Some(fraction)));
    let parts: Vec<&str> = clock.split(':').collect();
    let [hours, minutes, seconds] = parts[..] else { return None };
    // Second 60 is a leap second.
    let seconds = pair(hours, 23)? * 3600 + pair(minutes, 59)? * 60 + pair(seconds, 60)? - offset * 60;
    let (ms, width) = match fraction {
        None => (0, 1000),
        Some(fraction) if !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit()) => {
            let three = format!("{fraction:0<3}");
            let width = match fraction.len() {
                1 => 100,
                2 => 10,
                _ => 1,
            };
            (three[..3].parse().ok()?, width)
        }
        Some(_) => return None,
    };
    Some((seconds * 1000 + ms, width))
}

/// Two digits, at most `max`.
fn pair(text: &str, max: u16) -> Option<i64> {
    digits(text).filter(|number| text.len() == 2 && *number <= max).map(i64::from)
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
            assert_eq!(instant(ms), expected);
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

    #[test]
    fn a_partial_date_stands_for_all_its_moments() {
        let day = DAY as i64;
        for (text, from, until) in [
            ("1970", 0, 365 * day),
            ("1970-02", 31 * day, 59 * day),
            ("1970-01-02", day, 2 * day),
            ("1970-01-01T00:00:01Z", 1000, 2000),
            ("1970-01-01T00:00:01.5Z", 1500, 1600),
            ("1970-01-01T00:00:01.250Z", 1250, 1251),
            ("1970-01-01T02:00:00+02:00", 0, 1000),
            ("1969-12-31T22:30:00-01:30", 0, 1000),
            ("1969-12-31", -day, 0),
            ("2024-02-29T12:34:56Z", 1_709_210_096_000, 1_709_210_097_000),
        ] {
            assert_eq!(Span::parse(text), Some(Span { from, until }), "{text}");
        }
    }

    #[test]
    fn what_is_of_no_calendar_stands_for_nothing() {
        for text in [
            "2024-02-30",
            "2023-02-29",
            "2024-13",
            "0000",
            "24",
            "2024-1-1",
            "2024-01T10:00:00Z",
            "2024-01-01T10:00:00",
            "2024-01-01T10:00Z",
            "2024-01-01T24:00:00Z",
            "2024-01-01T10:61:00Z",
            "2024-01-01T10:00:00.Z",
            "2024-01-01T10:00:00+15:00",
            "28.02.2024",
            "",
            "２024",
        ] {
            assert_eq!(Span::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_moment_reads_back_from_its_text() {
        for ms in [0, 999, 1_709_210_096_123, 4_107_542_400_000] {
            let from = i64::try_from(ms).unwrap();
            assert_eq!(Span::parse(&instant_ms(ms)), Some(Span { from, until: from + 1 }));
        }
    }
}
