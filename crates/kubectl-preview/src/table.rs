//! Columns of text, formatted as kubectl does.

use kubewright_core::internals::printable::escape_line;

/// The text of an empty cell.
pub(crate) const EMPTY: &str = "-";
const GAP: &str = "   ";

/// A line with `headers`, then one line per row. Each line starts with `indent` and has no space
/// at its end.
pub(crate) fn table(headers: &[&str], rows: &[Vec<String>], indent: &str) -> String {
    let header = headers.iter().map(|&header| header.to_owned()).collect();
    let rows = rows.iter().map(|row| row.iter().map(|text| cell(text)).collect());
    let lines: Vec<Vec<String>> = std::iter::once(header).chain(rows).collect();
    let length =
        |line: &Vec<String>, column: usize| line.get(column).map_or(0, |cell| cell.chars().count());
    let widths: Vec<usize> = (0..headers.len())
        .map(|column| lines.iter().map(|line| length(line, column)).max().unwrap_or(0))
        .collect();
    let format = |cells: &Vec<String>| {
        let padded: Vec<String> =
            cells.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}")).collect();
        format!("{indent}{}\n", padded.join(GAP).trim_end())
    };
    lines.iter().map(format).collect()
}

/// The text on one line, with escaped control characters.
pub(crate) fn cell(text: &str) -> String {
    match text.trim() {
        "" => EMPTY.to_owned(),
        text => escape_line(text).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_as_wide_as_its_longest_cell_and_no_line_ends_with_a_space() {
        let rows = [
            vec!["web".to_owned(), "yes".to_owned()],
            vec!["a-longer-name".to_owned(), String::new()],
        ];
        let text = table(&["NAME", "READY"], &rows, "");
        assert_eq!(text, "NAME            READY\nweb             yes\na-longer-name   -\n");
    }

    #[test]
    fn the_width_of_a_column_is_counted_in_characters() {
        let rows = [["äöü", "x"], ["abc", "y"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(table(&["A", "B"], &rows, "  "), "  A     B\n  äöü   x\n  abc   y\n");
    }

    #[test]
    fn a_cell_is_one_line_without_control_characters() {
        assert_eq!(cell("a\n\u{1b}[31mb\u{7}\n"), "a\\n\\u{1b}[31mb\\u{7}");
        assert_eq!(cell(" \n"), "-");
    }
}
