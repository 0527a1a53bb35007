//! Chooses how progress is shown.

use std::io::IsTerminal;

use super::bars::Bars;
use super::plain::Plain;
use super::step::Progress;

/// [`Bars`] when standard error is a terminal, else [`Plain`].
pub fn detect() -> Box<dyn Progress> {
    if std::io::stderr().is_terminal() {
        Box::new(Bars::new())
    } else {
        Box::new(Plain::new(Box::new(std::io::stderr()), Plain::HEARTBEAT))
    }
}
