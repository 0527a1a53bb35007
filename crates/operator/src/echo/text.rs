//! Escapes a text, so that the server receives exactly this text.
//!
//! The kubelet replaces `$(NAME)` in the arguments of a container with an environment variable:
//!
//! | in the argument | becomes |
//! |---|---|
//! | `$$` | `$` |
//! | `$(NAME)` | the variable; unchanged if it does not exist |
//! | any other `$` | unchanged; older kubelets damage a following letter that is not ASCII |
//!
//! Containers have variables that the pod does not list, such as `KUBERNETES_SERVICE_HOST`. So the
//! operator doubles every `$`.

use kubewright::{ConditionType, Invalid};

/// Reasons of `Ready` for a text that cannot be served.
pub(super) const TEXT_REASONS: ConditionType =
    ConditionType::ready(&[("TextNotUsable", "no server can start with `spec.text`")]);

/// The argument that the kubelet expands to `text`.
pub(super) fn escape(text: &str) -> String {
    text.replace('$', "$$")
}

/// Checks that a server can start with this text.
///
/// # Errors
/// [`Invalid`] with what to change.
pub(super) fn check(text: &str) -> Result<(), Invalid> {
    let reject = |message: &str| Err(Invalid::new("TextNotUsable", message));
    if text.is_empty() {
        return reject(
            "spec.text is empty, which the server treats as no text: write at least one character",
        );
    }
    if text.contains('\0') {
        return reject(
            "spec.text has a NUL character (\\u0000), which no argument can contain: remove it",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    type Environment = BTreeMap<String, String>;

    /// The argument after the kubelet has expanded it: a model of the table above.
    fn expand(argument: &str, environment: &Environment) -> String {
        let mut expanded = String::new();
        let mut rest = argument;
        while let Some((before, after)) = rest.split_once('$') {
            expanded.push_str(before);
            rest = after;
            if let Some(after) = rest.strip_prefix('$') {
                expanded.push('$');
                rest = after;
            } else if let Some((name, after)) =
                rest.strip_prefix('(').and_then(|r| r.split_once(')'))
            {
                match environment.get(name) {
                    Some(value) => expanded.push_str(value),
                    None => expanded.extend(["$(", name, ")"]),
                }
                rest = after;
            } else {
                expanded.push('$');
            }
        }
        expanded + rest
    }

    fn environment() -> Environment {
        [
            ("A", "1"),
            ("", "empty"),
            ("A B", "spaced"),
            ("$", "dollar"),
            ("$A", "$(A)"),
            ("KUBERNETES_SERVICE_HOST", "10.96.0.1"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    #[test]
    fn the_model_follows_the_documented_examples() {
        let environment =
            Environment::from([("VAR_A".into(), "A".into()), ("VAR_EMPTY".into(), String::new())]);
        for (argument, expanded) in [
            ("$(VAR_A)", "A"),
            ("___$(VAR_A)___", "___A___"),
            ("$(VAR_EMPTY)", ""),
            ("$(UNKNOWN)", "$(UNKNOWN)"),
            ("$$(VAR_A)", "$(VAR_A)"),
            ("$$$(VAR_A)", "$A"),
            ("$$$$(VAR_A)", "$$(VAR_A)"),
            ("$(VAR_A", "$(VAR_A"),
            ("$VAR_A", "$VAR_A"),
            ("$$", "$"),
            ("foo$", "foo$"),
            ("$(VAR_A)$", "A$"),
            ("$é", "$é"),
        ] {
            assert_eq!(expand(argument, &environment), expanded, "{argument}");
        }
    }

    #[test]
    fn without_escaping_a_text_would_change() {
        let text = "host $(KUBERNETES_SERVICE_HOST), $$5";
        assert_eq!(expand(text, &environment()), "host 10.96.0.1, $5");
        assert_eq!(expand(&escape(text), &environment()), text);
    }

    #[test]
    fn only_a_text_that_cannot_be_an_argument_is_rejected() {
        for text in ["", "\0", "a\0b"] {
            assert!(check(text).is_err(), "{text:?}");
        }
        for text in [
            " ",
            "-text",
            "\"'\\",
            "$(A)",
            "two\nlines\r\n\ttabbed",
            "\u{1b}[31m",
            "𝄞",
            "=",
            &"x".repeat(4096),
        ] {
            assert_eq!(check(text), Ok(()), "{text:?}");
        }
    }

    const PARTS: &[&str] = &["$", "$", "(", ")", "A", " ", "B", "é", "\n", "$(A)", "$$"];

    proptest! {
        #![proptest_config(ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::with_cases(2_000)
        })]

        #[test]
        fn every_text_reaches_the_server_unchanged(text in ".{0,60}") {
            prop_assert_eq!(expand(&escape(&text), &environment()), text);
        }

        #[test]
        fn every_text_with_references_reaches_the_server_unchanged(
            parts in proptest::collection::vec(proptest::sample::select(PARTS), 0..20)
        ) {
            let text = parts.concat();
            prop_assert_eq!(expand(&escape(&text), &environment()), text);
        }

        #[test]
        fn different_texts_stay_different(one in "[$()A]{0,8}", two in "[$()A]{0,8}") {
            prop_assert_eq!(one == two, escape(&one) == escape(&two));
        }
    }
}
