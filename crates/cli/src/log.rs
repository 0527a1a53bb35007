//! The log of `run`. An event is one line without unsafe characters, because its messages contain
//! texts of other users: a message cannot control a terminal, and cannot imitate another event.

use std::borrow::Cow;
use std::fmt::{self, Debug};
use std::io::{self, IsTerminal, Write};

use kubewright_core::internals::printable::{escape_coloured_line, escape_json, escape_line};
use tracing::Subscriber;
use tracing::field::Field;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::SubscriberBuilder;
use tracing_subscriber::fmt::format::{Writer, debug_fn};

use crate::args::{LogFormat, RunArgs};

/// Logs to standard error, unless the program already installed a log.
pub(crate) fn install(args: &RunArgs) {
    // The argument parser already checked the filter.
    let filter = EnvFilter::builder().parse_lossy(&args.log);
    let colour =
        io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    let log = subscriber(filter, args.log_format, colour, io::stderr);
    if tracing::subscriber::set_global_default(log).is_err() {
        tracing::debug!("the program installed its own log; --log and --log-format are ignored");
    }
}

fn subscriber<W: Write + 'static>(
    filter: EnvFilter,
    format: LogFormat,
    colour: bool,
    output: impl Fn() -> W + Send + Sync + 'static,
) -> Box<dyn Subscriber + Send + Sync> {
    let escape: fn(&str) -> Cow<'_, str> = match format {
        // The only ESC are those of the formatter: `write_field` escapes those in texts.
        LogFormat::Text if colour => escape_coloured_line,
        LogFormat::Text => escape_line,
        LogFormat::Json => escape_json,
    };
    let builder = SubscriberBuilder::default()
        .with_env_filter(filter)
        .with_ansi(colour && format == LogFormat::Text)
        .with_writer(move || Lines { output: output(), escape });
    match format {
        LogFormat::Text => {
            Box::new(builder.fmt_fields(debug_fn(write_field).delimited(" ")).finish())
        }
        LogFormat::Json => Box::new(builder.json().flatten_event(true).finish()),
    }
}

/// The default formatter escapes the message, but no text that a field displays.
fn write_field(writer: &mut Writer<'_>, field: &Field, value: &dyn Debug) -> fmt::Result {
    let text = format!("{value:?}");
    let text = escape_line(&text);
    match field.name() {
        "message" => write!(writer, "{text}"),
        name if writer.has_ansi_escapes() => {
            write!(writer, "\u{1b}[3m{name}\u{1b}[0m\u{1b}[2m=\u{1b}[0m{text}")
        }
        name => write!(writer, "{name}={text}"),
    }
}

/// Escapes the events that the formatter writes, each with one call of `write`.
struct Lines<W> {
    output: W,
    escape: fn(&str) -> Cow<'_, str>,
}

impl<W: Write> Write for Lines<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = text.strip_suffix('\n').unwrap_or(&text);
        self.output.write_all(format!("{}\n", (self.escape)(line)).as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::{Arc, Mutex};

    use kubewright_core::internals::printable::is_unsafe;
    use serde_json::Value;

    use super::*;

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn hostile() -> String {
        ('\0'..='\u{ffff}').filter(|&c| is_unsafe(c)).collect()
    }

    /// Logs one event whose message and fields are `text`.
    fn logged(format: LogFormat, colour: bool, text: &str) -> String {
        let memory = Memory::default();
        let output = memory.clone();
        let log = subscriber(EnvFilter::new("info"), format, colour, move || output.clone());
        tracing::subscriber::with_default(log, || {
            let error = io::Error::other(text.to_owned());
            let error: &dyn std::error::Error = &error;
            tracing::warn!(text, display = %text, debug = ?text, error, "{text}");
        });
        let bytes = memory.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn an_event_is_one_line_without_unsafe_characters() {
        for (format, colour) in
            [(LogFormat::Text, false), (LogFormat::Json, false), (LogFormat::Json, true)]
        {
            let log = logged(format, colour, &hostile());
            let line = log.strip_suffix('\n').unwrap();
            assert_eq!(line.chars().find(|&c| is_unsafe(c)), None, "{line:?}");
        }
    }

    #[test]
    fn the_only_escape_sequences_of_an_event_are_colours() {
        let log = logged(LogFormat::Text, true, &hostile());
        let line = log.strip_suffix('\n').unwrap();
        assert!(line.contains('\u{1b}'), "{line:?}");
        assert_eq!(line.chars().find(|&c| c != '\u{1b}' && is_unsafe(c)), None, "{line:?}");
        let is_colour = |sequence: &str| {
            let code = sequence.strip_prefix('[').and_then(|rest| rest.split_once('m'));
            code.is_some_and(|(code, _)| code.bytes().all(|b| b.is_ascii_digit() || b == b';'))
        };
        assert!(line.split('\u{1b}').skip(1).all(is_colour), "{line:?}");
    }

    #[test]
    fn a_text_event_has_its_message_and_then_its_fields() {
        let log = logged(LogFormat::Text, false, "a");
        let fields = "a text=\"a\" display=a debug=\"a\" error=a\n";
        assert!(log.ends_with(fields) && log.contains(" WARN "), "{log}");
    }

    #[test]
    fn a_json_event_keeps_its_texts() {
        let log = logged(LogFormat::Json, false, &hostile());
        let event: Value = serde_json::from_str(&log).unwrap();
        for field in ["message", "text", "display", "error"] {
            assert_eq!(event[field], *hostile(), "{field}: {log:?}");
        }
    }
}
