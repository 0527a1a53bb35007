//! Descriptions of fields: text, and an optional example at the end (`... Example: 8080`).

/// Prefix of an example.
const EXAMPLE: &str = "Example: ";

/// The example of a description: the rest of the line after the prefix.
pub(crate) fn example(description: &str) -> Option<&str> {
    let (_, example) = description.split_once(EXAMPLE)?;
    Some(example.lines().next().unwrap_or_default().trim())
}

/// The description without its example.
pub(crate) fn text(description: &str) -> String {
    match description.split_once(EXAMPLE) {
        Some((before, after)) => {
            let rest = after.split_once('\n').map_or("", |(_, rest)| rest);
            format!("{}\n{rest}", before.trim_end()).trim().to_owned()
        }
        None => description.trim().to_owned(),
    }
}

/// The first sentence of the first line. It ends with a dot only if no sentence follows.
pub(crate) fn first_sentence(description: &str) -> &str {
    let first = description.lines().next().unwrap_or_default();
    first.split_once(". ").map_or(first, |(sentence, _)| sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PORT: &str = "The port: 1 to 65535, by default 80. The Service has it. Example: 8080\n\n\
                        Not that of the pods.";

    #[test]
    fn an_example_is_the_rest_of_its_line() {
        assert_eq!(example(PORT), Some("8080"));
        assert_eq!(example("No example."), None);
    }

    #[test]
    fn the_text_is_the_description_without_the_example() {
        assert_eq!(
            text(PORT),
            "The port: 1 to 65535, by default 80. The Service has it.\n\nNot that of the pods."
        );
        assert_eq!(text("No example. "), "No example.");
        assert_eq!(text("Example: 1"), "");
    }

    #[test]
    fn a_sentence_ends_with_a_dot_and_a_space() {
        assert_eq!(first_sentence(PORT), "The port: 1 to 65535, by default 80");
        assert_eq!(
            first_sentence("Written as in example.com/v1."),
            "Written as in example.com/v1."
        );
        assert_eq!(first_sentence(""), "");
    }
}
