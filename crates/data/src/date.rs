//! Dates of ISO 8601, as far as data has them.

/// Microseconds since 1970-01-01T00:00:00Z of `2024-05-31`, `2024-05-31 18:30`, `2024-05-31T18:30:00.25+02:00`; a
/// time without a zone is taken as UTC.
pub(crate) fn micros(text: &str) -> Option<i64> {
    let text = text.trim();
    let (date, rest) = text.split_at_checked(10)?;
    let days = days(date)?;
    let Some(time) = rest.strip_prefix(['T', 't', ' ']) else {
        return rest.is_empty().then(|| days * 86_400_000_000);
    };
    let (time, offset) = match time.find(['Z', 'z', '+', '-']) {
        Some(at) => (&time[..at], minutes_of_zone(&time[at..])?),
        None => (time, 0),
    };
    let mut parts = time.trim_end().split(':');
    let hours = number(parts.next()?, 2).filter(|hours| *hours <= 24)?;
    let minutes = number(parts.next()?, 2).filter(|minutes| *minutes < 60)?;
    let seconds = match parts.next() {
        Some(seconds) => micros_of_seconds(seconds)?,
        None => 0,
    };
    if parts.next().is_some() {
        return None;
    }
    Some(days * 86_400_000_000 + (hours * 60 + minutes - offset) * 60_000_000 + seconds)
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar (Howard Hinnant, "chrono-compatible low-level date
/// algorithms").
fn days(date: &str) -> Option<i64> {
    let bytes = date.as_bytes();
    if bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let (year, month, day) =
        (number(date.get(..4)?, 4)?, number(date.get(5..7)?, 2)?, number(date.get(8..)?, 2)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=last).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

/// The day that many days after 1970-01-01 as `2024-05-31` (the same source).
pub(crate) fn day(days: i64) -> String {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// The moment that many units after 1970-01-01T00:00:00 as `2024-05-31T18:30:00.25Z`, where a second has ten to the
/// power of `digits` units.
pub(crate) fn moment(units: i64, digits: u32, zone: &str) -> String {
    let of_second = 10_i64.pow(digits);
    let seconds = units.div_euclid(of_second);
    let fraction = match units.rem_euclid(of_second) {
        0 => String::new(),
        fraction => {
            let text = format!(".{fraction:0width$}", width = digits as usize);
            text.trim_end_matches('0').to_owned()
        }
    };
    let of_day = seconds.rem_euclid(86_400);
    let (hours, minutes) = (of_day / 3600, of_day / 60 % 60);
    let day = day(seconds.div_euclid(86_400));
    format!("{day}T{hours:02}:{minutes:02}:{:02}{fraction}{zone}", of_day % 60)
}

fn minutes_of_zone(zone: &str) -> Option<i64> {
    let sign = match zone.as_bytes()[0] {
        b'Z' | b'z' => return (zone.len() == 1).then_some(0),
        b'-' => -1,
        _ => 1,
    };
    let digits = &zone[1..];
    let (hours, minutes) = match digits.split_once(':') {
        Some((hours, minutes)) => (hours, minutes),
        None if digits.len() == 4 => digits.split_at_checked(2)?,
        None => (digits, "00"),
    };
    Some(sign * (number(hours, 2)? * 60 + number(minutes, 2)?))
}

fn micros_of_seconds(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds = number(whole, 2).filter(|seconds| *seconds <= 60)?;
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits: String = fraction.chars().chain(std::iter::repeat('0')).take(6).collect();
    Some(seconds * 1_000_000 + digits.parse::<i64>().ok()?)
}

fn number(digits: &str, width: usize) -> Option<i64> {
    (digits.len() == width && digits.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_pythons() {
        // datetime.fromisoformat(...).timestamp() * 1e6, UTC where there is no zone.
        for (text, expected) in [
            ("1970-01-01", 0),
            ("2024-05-31", 1_717_113_600_000_000),
            ("2000-02-29 23:59", 951_868_740_000_000),
            ("1969-12-31T23:59:59.5", -500_000),
            ("2024-05-31T18:30:00.25+02:00", 1_717_173_000_250_000),
            ("2024-05-31T18:30:00Z", 1_717_180_200_000_000),
            ("1600-03-01", -11_670_912_000_000_000),
        ] {
            assert_eq!(micros(text), Some(expected), "{text}");
        }
        for text in [
            "",
            "2024",
            "2023-02-29",
            "2024-13-01",
            "31.05.2024",
            "2024-05-31x",
            "2024-05-31T25:00",
            "é024-05-31",
        ] {
            assert_eq!(micros(text), None, "{text}");
        }
        // datetime.isoformat() of the same moments.
        assert_eq!(moment(951_868_740_000, 3, "Z"), "2000-02-29T23:59:00Z");
        assert_eq!(moment(-500_000_000, 9, ""), "1969-12-31T23:59:59.5");
        assert_eq!(moment(1_717_173_000_250_000, 6, "Z"), "2024-05-31T16:30:00.25Z");
        for text in ["1600-03-01", "1970-01-01", "2000-02-29", "2024-12-31", "2100-01-01"] {
            assert_eq!(day(micros(text).unwrap() / 86_400_000_000), text);
        }
    }
}
