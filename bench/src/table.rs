//! The table, in Markdown: it goes to a terminal and into the documentation.

use std::fmt::Write as _;

use crate::figures::LARGEST_OTHER_LOAD;
use crate::rows::{Bound, Row, Value};

/// One line for each row: value, bound and result.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut lines =
        vec![["row", "what", "measured", "min..max", "bound", "result"].map(str::to_owned)];
    for row in rows {
        let measured = row.measured().map_or_else(|_| "-".to_owned(), number);
        let spread = match &row.value {
            Ok(Value { min, max, .. }) => format!("{}..{}", number(*min), number(*max)),
            Err(_) => "-".to_owned(),
        };
        let result = match &row.value {
            Err(_) => "NOT MEASURED",
            Ok(_) if row.holds() => "ok",
            Ok(_) => "MISSED",
        };
        let mark = if row.disturbed.is_some() { " *" } else { "" };
        lines.push([
            row.number.to_string(),
            row.title.clone(),
            measured,
            spread,
            bound(row.bound),
            format!("{result}{mark}"),
        ]);
    }
    let width =
        |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..6).map(width).collect();
    let mut text = String::new();
    for (index, [row, what, measured, spread, bound, result]) in lines.iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {row:>0$} | {what:<1$} | {measured:>2$} | {spread:>3$} | {bound:>4$} \
             | {result:<5$} |",
            widths[0], widths[1], widths[2], widths[3], widths[4], widths[5]
        );
        if index == 0 {
            let rules: Vec<String> = widths.iter().map(|width| "-".repeat(width + 2)).collect();
            let _ = writeln!(text, "|{}|", rules.join("|"));
        }
    }
    if let Some(most) = rows.iter().filter_map(|row| row.disturbed).reduce(f64::max) {
        let _ = writeln!(
            text,
            "\n\\* disturbed: in a run of this row, other programs used more than {:.0} % of the \
             cores ({:.0} % at most). Repeat the row on a machine without other work.",
            LARGEST_OTHER_LOAD * 100.0,
            most * 100.0
        );
    }
    text
}

fn bound(bound: Bound) -> String {
    match bound {
        Bound::AtMost(bound) => format!("<= {bound}"),
        Bound::AtLeast(bound) => format!(">= {bound}"),
    }
}

/// A number with three to four significant digits.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        size if value.fract() == 0.0 && size < 1e6 => format!("{value:.0}"),
        size if size < 0.1 => format!("{value:.4}"),
        size if size < 10.0 => format!("{value:.3}"),
        size if size < 1000.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Decisive;

    #[test]
    fn every_row_shows_its_value_its_bound_and_its_result() {
        let row = |title: &str, bound, value| Row {
            number: 1,
            title: title.into(),
            bound,
            decisive: Decisive::Median,
            value,
            disturbed: None,
        };
        let value = |median| Ok(Value { median, min: 0.5, max: 1234.5 });
        let rows = [
            row("a", Bound::AtLeast(0.95), value(0.97)),
            row("longer", Bound::AtMost(0.02), value(0.03)),
            row("c", Bound::AtMost(0.0), Err("no repeat".into())),
        ];
        let expected = "\
| row | what   | measured |    min..max |   bound | result       |
|-----|--------|----------|-------------|---------|--------------|
|   1 | a      |    0.970 | 0.500..1234 | >= 0.95 | ok           |
|   1 | longer |   0.0300 | 0.500..1234 | <= 0.02 | MISSED       |
|   1 | c      |        - |           - |    <= 0 | NOT MEASURED |
";
        assert_eq!(table(&rows), expected);
    }

    #[test]
    fn a_disturbed_row_is_marked_and_the_mark_is_explained() {
        let row = |title: &str, disturbed| Row {
            number: 1,
            title: title.into(),
            bound: Bound::AtMost(1.0),
            decisive: Decisive::Median,
            value: Ok(Value { median: 0.5, min: 0.5, max: 0.5 }),
            disturbed,
        };
        let text = table(&[row("a", None), row("b", Some(0.35)), row("c", Some(0.2))]);
        assert!(
            text.contains("|   1 | b    |    0.500 | 0.500..0.500 |  <= 1 | ok *   |"),
            "{text}"
        );
        assert!(text.contains("\n\n\\* disturbed: ") && text.contains("(35 % at most)"), "{text}");
        assert!(!table(&[row("a", None)]).contains('*'));
    }
}
