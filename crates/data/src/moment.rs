//! Dates: forms that cells may have, and the numbers that a date has.
//!
//! Calendar: the proleptic Gregorian one, as Python's `datetime`. There are no time zones and no leap seconds.

use crate::step::DatePart;

/// A form that is ready to read dates.
#[derive(Debug)]
pub(crate) struct Form(Vec<Item>);

#[derive(Debug, PartialEq, Eq)]
enum Item {
    /// This character; white space stands for any white space.
    Text(char),
    Field(Field),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Year,
    ShortYear,
    Month,
    MonthName,
    Day,
    Hour,
    ShortHour,
    HalfDay,
    Minute,
    Second,
}

/// A day and a time of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    year: i32,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

impl Form {
    /// The form that text with `%` and letters says; the error is a sentence's fragment.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let mut items = Vec::new();
        let mut chars = text.chars();
        while let Some(char) = chars.next() {
            if char != '%' {
                items.push(Item::Text(char));
                continue;
            }
            items.push(Item::Field(match chars.next() {
                Some('Y') => Field::Year,
                Some('y') => Field::ShortYear,
                Some('m') => Field::Month,
                Some('b' | 'B') => Field::MonthName,
                Some('d') => Field::Day,
                Some('H') => Field::Hour,
                Some('I') => Field::ShortHour,
                Some('p') => Field::HalfDay,
                Some('M') => Field::Minute,
                Some('S') => Field::Second,
                Some('%') => {
                    items.push(Item::Text('%'));
                    continue;
                }
                Some(other) => return Err(format!("`%{other}` stands for no part of a date")),
                None => return Err(format!("the format `{text}` ends with %")),
            }));
        }
        let form = Self(items);
        let has = |fields: &[Field]| {
            form.0.iter().filter(|item| fields.iter().any(|field| item.is(*field))).count()
        };
        for (name, fields) in [
            ("year", &[Field::Year, Field::ShortYear][..]),
            ("month", &[Field::Month, Field::MonthName]),
            ("day", &[Field::Day]),
        ] {
            match has(fields) {
                1 => {}
                0 => return Err(format!("the format `{text}` has no {name}")),
                _ => return Err(format!("the format `{text}` has the {name} twice")),
            }
        }
        if has(&[Field::ShortHour]) != has(&[Field::HalfDay]) {
            return Err(format!("the format `{text}` has one of %I and %p without the other"));
        }
        Ok(form)
    }

    /// The moment that a cell says; none where the cell has another form or there is no such day.
    pub(crate) fn read(&self, cell: &str) -> Option<Moment> {
        let mut rest = cell.trim();
        let mut moment = Moment { year: 0, month: 1, day: 1, hour: 0, minute: 0, second: 0 };
        let mut afternoon = false;
        for item in &self.0 {
            match item {
                Item::Text(char) if char.is_whitespace() => {
                    let trimmed = rest.trim_start();
                    (trimmed.len() < rest.len()).then_some(())?;
                    rest = trimmed;
                }
                Item::Text(char) => rest = rest.strip_prefix(*char)?,
                Item::Field(Field::MonthName) => {
                    let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
                    let name = rest[..letters].to_ascii_lowercase();
                    let at = MONTHS.iter().position(|month| name == *month || name == month[..3])?;
                    moment.month = at as u32 + 1;
                    rest = &rest[letters..];
                }
                Item::Field(Field::HalfDay) => {
                    let half = rest.get(..2)?.to_ascii_lowercase();
                    afternoon = half == "pm";
                    (afternoon || half == "am").then_some(())?;
                    rest = &rest[2..];
                }
                Item::Field(field) => {
                    let most = if *field == Field::Year { 4 } else { 2 };
                    let digits = rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
                    let number: u32 = rest[..digits].parse().ok()?;
                    rest = &rest[digits..];
                    match field {
                        Field::Year => {
                            (digits == 4).then_some(())?;
                            moment.year = number as i32;
                        }
                        // As Python's: 69 to 99 are of the last century.
                        Field::ShortYear => {
                            (digits == 2).then_some(())?;
                            moment.year = number as i32 + if number < 69 { 2000 } else { 1900 };
                        }
                        Field::Month => moment.month = number,
                        Field::Day => moment.day = number,
                        Field::Hour => moment.hour = number,
                        Field::ShortHour => {
                            (1..=12).contains(&number).then_some(())?;
                            moment.hour = number % 12;
                        }
                        Field::Minute => moment.minute = number,
                        Field::Second => moment.second = number,
                        Field::MonthName | Field::HalfDay => {}
                    }
                }
            }
        }
        moment.hour += if afternoon { 12 } else { 0 };
        (rest.is_empty() && moment.exists()).then_some(moment)
    }
}

impl Item {
    fn is(&self, field: Field) -> bool {
        *self == Self::Field(field)
    }
}

impl Moment {
    fn exists(self) -> bool {
        self.year > 0
            && (1..=12).contains(&self.month)
            && (1..=days(self.year, self.month)).contains(&self.day)
            && self.hour < 24
            && self.minute < 60
            && self.second < 60
    }

    /// The part as a number.
    pub(crate) fn part(self, part: DatePart) -> f64 {
        match part {
            DatePart::Year => f64::from(self.year),
            DatePart::Month => f64::from(self.month),
            DatePart::Day => f64::from(self.day),
            DatePart::Weekday => f64::from(self.weekday()),
            DatePart::DayOfYear => f64::from(self.day_of_year()),
            DatePart::Hour => f64::from(self.hour),
            DatePart::Minute => f64::from(self.minute),
            DatePart::Second => f64::from(self.second),
        }
    }

    fn day_of_year(self) -> u32 {
        (1..self.month).map(|month| days(self.year, month)).sum::<u32>() + self.day
    }

    /// 0 is Monday, as the first day of year 1 was.
    fn weekday(self) -> u32 {
        let before = self.year as u32 - 1;
        (before * 365 + before / 4 - before / 100 + before / 400 + self.day_of_year() - 1) % 7
    }
}

fn days(year: i32, month: u32) -> u32 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parts by CPython 3.11: `datetime.strptime(cell, format)`, `weekday()`, `timetuple().tm_yday`.
    #[test]
    fn dates_as_python_reads_them() {
        let cases = [
            ("%Y-%m-%d", "2024-02-29", Some([2024, 2, 29, 3, 60, 0, 0, 0])),
            ("%Y-%m-%d", "1900-03-01", Some([1900, 3, 1, 3, 60, 0, 0, 0])),
            ("%Y-%m-%d", "2000-12-31", Some([2000, 12, 31, 6, 366, 0, 0, 0])),
            ("%Y-%m-%d", "2023-2-9", Some([2023, 2, 9, 3, 40, 0, 0, 0])),
            ("%Y-%m-%d %H:%M:%S", "1970-01-01 23:59:58", Some([1970, 1, 1, 3, 1, 23, 59, 58])),
            ("%d %b %y", "05 Sep 69", Some([1969, 9, 5, 4, 248, 0, 0, 0])),
            ("%B %d, %Y", "may 5, 2012", Some([2012, 5, 5, 5, 126, 0, 0, 0])),
            ("%d.%m.%y", "1.1.68", Some([2068, 1, 1, 6, 1, 0, 0, 0])),
            ("%m/%d/%Y %I:%M %p", "7/4/2021 12:30 PM", Some([2021, 7, 4, 6, 185, 12, 30, 0])),
            ("%m/%d/%Y %I:%M %p", "7/4/2021 12:30 am", Some([2021, 7, 4, 6, 185, 0, 30, 0])),
            ("%Y-%m-%d", "2023-02-29", None),
            ("%Y-%m-%d", "2023-13-01", None),
            ("%Y-%m-%d", "23-01-01", None),
            ("%Y-%m-%d", "2023-01-01 10:00", None),
            ("%Y-%m-%d", "", None),
            ("%Y%m%d", "20230131", Some([2023, 1, 31, 1, 31, 0, 0, 0])),
        ];
        for (format, cell, expected) in cases {
            let parts = [
                DatePart::Year,
                DatePart::Month,
                DatePart::Day,
                DatePart::Weekday,
                DatePart::DayOfYear,
                DatePart::Hour,
                DatePart::Minute,
                DatePart::Second,
            ];
            let found =
                Form::new(format).unwrap().read(cell).map(|moment| parts.map(|part| moment.part(part)));
            assert_eq!(found, expected.map(|numbers: [i32; 8]| numbers.map(f64::from)), "{format} {cell}");
        }
    }

    #[test]
    fn forms_name_a_day() {
        let error = |text: &str| Form::new(text).unwrap_err();
        assert_eq!(error("%Y-%m"), "the format `%Y-%m` has no day");
        assert_eq!(error("%Y-%m-%d %y"), "the format `%Y-%m-%d %y` has the year twice");
        assert_eq!(error("%Y-%m-%d %I"), "the format `%Y-%m-%d %I` has one of %I and %p without the other");
        assert_eq!(error("%Y-%m-%d%"), "the format `%Y-%m-%d%` ends with %");
    }
}
