//! How a text reaches the server exactly as it was written.
//!
//! Between the resource and the server stands the kubelet, which replaces `$(NAME)` in the
//! arguments of a container by the environment variable of that name. Its rules (the *expansion*
//! package of Kubernetes):
//!
//! | in the argument | becomes |
//! |---|---|
//! | `$$` | `$`; what follows begins anew |
//! | `$(NAME)` | the variable; unchanged where there is none of that name |
//! | `$` before anything else, or at the end | unchanged; but older kubelets garble a letter after it that is not ASCII |
//!
//! Every container has variables that nobody wrote into the pod (`KUBERNETES_SERVICE_HOST`,
//! whatever the image sets), so what would be replaced cannot be told beforehand: each `$` is
//! doubled, which is right for all of them.

use kubewright::Invalid;

/// `text`, written so that the kubelet makes `text` of it.
pub(super) fn escape(text: &str) -> String {
    text.replace('$', "$$")
}

/// Whether a server can be started with this text.
///
/// # Errors
/// [`Invalid`] says what to write instead.
pub(super) fn check(text: &str) -> Result<(), Invalid> {
    let refuse = |message: &str| Err(Invalid::new("TextNotUsable", message));
    if text.is_empty() {
        return refuse(
            "spec.text is empty, which the server takes for no text at all: write at least one character",
        );
    }
    if text.contains('\0') {
        return refuse(
            "spec.text has a NUL character (\\u0000), which no program can be started with: leave it out",
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

    /// What the kubelet makes of an argument: a model of the table above.
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
    fn only_what_cannot_be_an_argument_is_refused() {
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

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

        #[test]
        fn any_text_comes_out_as_it_went_in(text in ".{0,60}") {
            prop_assert_eq!(expand(&escape(&text), &environment()), text);
        }

        #[test]
        fn any_text_full_of_references_comes_out_as_it_went_in(
            parts in proptest::collection::vec(proptest::sample::select(&["$", "$", "(", ")", "A", " ", "B", "é", "\n", "$(A)", "$$"][..]), 0..20)
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
