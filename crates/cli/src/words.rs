//! Numbers and names as people read them.

use plan::Group;

/// `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`.
pub(crate) fn seconds(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        _ if seconds < 0.0995 => format!("{:.0} ms", seconds * 1000.0),
        _ if seconds < 9.95 => format!("{seconds:.1} s"),
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole / 60 % 60),
    }
}

/// The text with its control characters written out: names that come from files must not steer the terminal.
pub(crate) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '\n' => out.push(char),
            _ if char.is_control() => out.extend(char.escape_default()),
            _ => out.push(char),
        }
    }
    out
}

/// `512 B`, `1.5 kB`, `33 MB`; powers of ten.
pub(crate) fn bytes(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if value < 999.5 {
            let digits = usize::from(unit != "B" && value < 9.95);
            return format!("{value:.digits$} {unit}");
        }
        value /= 1000.0;
    }
    format!("{value:.1} TB")
}

/// `1 stage`, `2 stages`.
pub(crate) fn count(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// `train`, or `train × 5` where a sweep has multiplied it.
pub(crate) fn group(group: &Group<'_>) -> String {
    if group.is_swept() { format!("{} × {}", group.of, group.names.len()) } else { group.of.to_owned() }
}

/// Values of an axis that are written out.
const VALUES: usize = 8;

/// What a sweep goes over: `lr 0.01, 0.003; fold 0, 1, 2`.
pub(crate) fn axes(group: &Group<'_>) -> String {
    let axes = group.axes.iter().map(|(axis, values)| {
        let more = if values.len() > VALUES {
            format!(" and {} more", values.len() - VALUES)
        } else {
            String::new()
        };
        format!("{axis} {}{more}", values[..values.len().min(VALUES)].join(", "))
    });
    axes.collect::<Vec<_>>().join("; ")
}

/// Whole numbers as such, others with four digits after the point, large ones with fewer.
pub(crate) fn number(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        format!("{value:.0}")
    } else if value.abs() >= 1000.0 {
        format!("{value:.1}")
    } else if value != 0.0 && value.abs() < 0.001 {
        format!("{value:.2e}")
    } else {
        format!("{value:.4}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let cases = [
            (seconds(0.012), "12 ms"),
            (seconds(0.0996), "0.1 s"),
            (seconds(9.96), "10 s"),
            (seconds(59.6), "1 min 0 s"),
            (seconds(7500.0), "2 h 5 min"),
            (bytes(999), "999 B"),
            (bytes(1500), "1.5 kB"),
            (bytes(33_213_513), "33 MB"),
            (bytes(999_600), "1.0 MB"),
            (count(1, "stage"), "1 stage"),
            (count(0, "stage"), "0 stages"),
            (number(555.0), "555"),
            (number(0.95714), "0.9571"),
            (number(0.00012), "1.20e-4"),
        ];
        for (got, wanted) in cases {
            assert_eq!(got, wanted);
        }
    }

    #[test]
    fn axes_are_named_with_their_values() {
        let names = ["a@lr=0.1@fold=0", "a@lr=0.1@fold=1", "a@lr=1@fold=0"];
        assert_eq!(axes(&Group::of_names(names)[0]), "lr 0.1, 1; fold 0, 1");
        let many: Vec<String> = (0..11).map(|fold| format!("a@fold={fold}")).collect();
        let group = &Group::of_names(many.iter().map(String::as_str))[0];
        assert_eq!(axes(group), "fold 0, 1, 2, 3, 4, 5, 6, 7 and 3 more");
    }

    #[test]
    fn control_characters_are_written_out() {
        assert_eq!(visible("a\u{1b}[31mb\0\nété"), "a\\u{1b}[31mb\\u{0}\nété");
    }
}
