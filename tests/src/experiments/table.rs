//! The results of experiments as a Markdown table.

use std::fmt::Write as _;
use std::time::Duration;

use super::experiment::{BOUND, FIRST};

/// The result of one experiment.
#[derive(Clone, Debug)]
pub struct Row {
    /// What happened.
    pub about: String,
    /// The number of previews that were up before.
    pub up: usize,
    /// What was found at which time after the change.
    pub counts: Vec<Count>,
    /// How the change was taken back, and when all were up again.
    pub back: String,
    /// Whether the previews were deleted on purpose: then [`BOUND`] does not hold.
    pub is_expiry: bool,
}

/// What was found at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// The time after the change.
    pub after: Duration,
    /// The number of previews that were not up.
    pub down: usize,
    /// The number of previews whose Deployment was changed or is gone.
    pub changed: usize,
    /// The number of previews whose change waits for the rollout limiter.
    pub waiting: usize,
}

impl Row {
    /// How many previews the change took down within the first minute.
    #[must_use]
    pub fn lost(&self) -> usize {
        let early = self.counts.iter().filter(|count| count.after <= FIRST && !self.is_expiry);
        early.map(|count| count.down).max().unwrap_or_default()
    }
}

/// The table, and whether the bound holds.
#[must_use]
pub fn markdown(rows: &[Row], times: &[Duration]) -> String {
    let times: Vec<_> = times.iter().map(|time| format!("down after {}", words(*time))).collect();
    let mut text = format!("| change | up before | {} | taken back |\n", times.join(" | "));
    text.push_str(&"|---".repeat(times.len() + 3));
    text.push_str("|\n");
    for row in rows {
        let count = |count: &Count| match (count.changed, count.waiting) {
            (0, 0) => count.down.to_string(),
            (changed, 0) => format!("{} ({changed} changed)", count.down),
            (changed, waiting) => {
                format!("{} ({changed} changed, {waiting} wait)", count.down)
            }
        };
        let counts: Vec<_> = row.counts.iter().map(count).collect();
        let (about, up, back) = (&row.about, row.up, &row.back);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| {about} | {up} | {} | {back} |", counts.join(" | "));
    }
    let missed: Vec<_> = rows.iter().filter(|row| row.lost() > BOUND).collect();
    let bound = format!("None may lose more than {BOUND} in the first {}: ", words(FIRST));
    text.push('\n');
    text.push_str(&bound);
    if missed.is_empty() {
        text.push_str("it holds.\n");
    }
    for (index, row) in missed.into_iter().enumerate() {
        let start = if index == 0 { "" } else { ", " };
        let _ = write!(text, "{start}`{}` loses {}", row.about, row.lost());
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// Such as `5 s` or `10 min`.
fn words(time: Duration) -> String {
    match time.as_secs() {
        seconds if seconds >= 60 && seconds % 60 == 0 => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_shows_what_was_down_and_whether_the_bound_holds() {
        let times = [5, 60, 600].map(Duration::from_secs);
        let row = |about: &str, down: [usize; 3], is_expiry| Row {
            about: about.to_owned(),
            up: 50,
            counts: (0..3)
                .map(|index| Count {
                    after: times[index],
                    down: down[index],
                    changed: down[index],
                    waiting: 50 - down[index],
                })
                .collect(),
            back: "edit: all up after 3 s".to_owned(),
            is_expiry,
        };
        let rows = [row("a", [0, 6, 50], false), row("b", [30, 30, 50], true)];
        assert_eq!(
            markdown(&rows, &times),
            "| change | up before | down after 5 s | down after 1 min | down after 10 min | taken \
             back |\n|---|---|---|---|---|---|\n\
             | a | 50 | 0 (0 changed, 50 wait) | 6 (6 changed, 44 wait) | 50 (50 changed) | edit: \
             all up after 3 s |\n\
             | b | 50 | 30 (30 changed, 20 wait) | 30 (30 changed, 20 wait) | 50 (50 changed) | \
             edit: all up after 3 s |\n\n\
             None may lose more than 5 in the first 1 min: `a` loses 6\n"
        );
        let kept = [row("a", [0, 5, 50], false)];
        assert!(markdown(&kept, &times).ends_with("in the first 1 min: it holds.\n"));
    }
}
