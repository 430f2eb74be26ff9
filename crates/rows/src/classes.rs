//! Classes by name: which of those that a network tells are a label's.
//!
//! A pretrained head names its classes in an order of its own, a label sorts those that its training rows have. Nothing
//! relies on the two being the same.

/// The places of a label's classes among those that a network tells, then the places of the others; none where the network
/// does not tell a class of the label.
pub fn places(told: &[String], label: &[String]) -> Option<Vec<usize>> {
    let place = |class: &String| told.iter().position(|own| own == class);
    let mut places = label.iter().map(place).collect::<Option<Vec<usize>>>()?;
    let others = (0..told.len()).filter(|at| !places.contains(at));
    places.extend(others.collect::<Vec<_>>());
    Some(places)
}

/// Classes that a message lists.
const LISTED: usize = 12;

/// Classes in words.
pub(crate) fn listed(classes: &[String]) -> String {
    let shown = classes[..classes.len().min(LISTED)].join(", ");
    let rest = classes.len().saturating_sub(LISTED);
    if rest > 0 { format!("{shown} and {rest} more") } else { shown }
}

#[cfg(test)]
mod tests {
    use super::places;

    #[test]
    fn classes_are_found_by_name() {
        let names = |names: &str| names.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let told = names("negative neutral positive");
        assert_eq!(places(&told, &names("positive negative")), Some(vec![2, 0, 1]));
        assert_eq!(places(&told, &[]), Some(vec![0, 1, 2]));
        assert_eq!(places(&told, &names("positive bad")), None);
    }
}
