//! Columns of text, as kubectl sets them.

/// What stands where there is nothing.
pub(crate) const NOTHING: &str = "-";
/// What is between columns.
const GAP: &str = "   ";

/// Lines of columns, the first line with `headers`; each begins with `indent` and ends with its
/// last word.
pub(crate) fn table(headers: &[&str], rows: &[Vec<String>], indent: &str) -> String {
    let header = headers.iter().map(|&header| header.to_owned()).collect();
    let lines: Vec<Vec<String>> = std::iter::once(header)
        .chain(rows.iter().map(|row| row.iter().map(|cell| shown(cell)).collect()))
        .collect();
    let width = |column: usize| {
        lines
            .iter()
            .filter_map(|line| line.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..headers.len()).map(width).collect();
    let line = |cells: &Vec<String>| {
        let padded: Vec<String> =
            cells.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}")).collect();
        format!("{indent}{}\n", padded.join(GAP).trim_end())
    };
    lines.iter().map(line).collect()
}

/// A text in one line that does nothing but be shown: much of it was written by others, and a
/// terminal obeys what it prints.
pub(crate) fn shown(text: &str) -> String {
    let visible: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match visible.trim() {
        "" => NOTHING.to_owned(),
        text => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_longest_cell_and_lines_end_with_a_word() {
        let rows = [
            vec!["web".to_owned(), "yes".to_owned()],
            vec!["a-longer-name".to_owned(), String::new()],
        ];
        let text = table(&["NAME", "READY"], &rows, "");
        assert_eq!(text, "NAME            READY\nweb             yes\na-longer-name   -\n");
    }

    #[test]
    fn letters_are_counted_and_not_bytes() {
        let text = table(
            &["A", "B"],
            &[vec!["äöü".to_owned(), "x".to_owned()], vec!["abc".to_owned(), "y".to_owned()]],
            "  ",
        );
        assert_eq!(text, "  A     B\n  äöü   x\n  abc   y\n");
    }

    #[test]
    fn what_others_wrote_cannot_do_anything_to_a_terminal() {
        assert_eq!(shown("a\n\u{1b}[31mb\u{7}"), "a  [31mb");
        assert_eq!(shown(" \n"), "-");
    }
}
