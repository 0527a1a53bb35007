//! What a preview reports about its end: the condition Expiring, and the Event when it expires.

use kubewright::{Condition, ConditionType};
use operator_api::preview::EXPIRING;

use super::expiry::{Expiry, Phase, Source};

/// The condition of a preview that expires soon.
pub(crate) const EXPIRING_CONDITION: ConditionType = ConditionType::new(
    EXPIRING,
    &[
        (EXPIRED, "the preview is deleted as soon as the operator's limit of expirations allows"),
        ("ExpiresSoon", "the preview is deleted at the time in the message"),
    ],
);

/// The reason of an expired preview, in the condition and in the Event.
const EXPIRED: &str = "Expired";

/// Reason and message of the Event, if the preview has expired.
pub(crate) fn event(expiry: &Expiry) -> Option<(&'static str, String)> {
    let is_counted = expiry.source != Source::ExpiresAt && !expiry.is_postponed;
    let counted = if is_counted { ", counted from the last change of the spec" } else { "" };
    let message = format!("expired at {}: {}{counted}", expiry.at, name(&expiry.source));
    (expiry.phase == Phase::Over).then_some((EXPIRED, message))
}

pub(crate) fn condition(expiry: &Expiry) -> Option<Condition> {
    let (at, source) = (expiry.at, name(&expiry.source));
    let remedy = match expiry.source {
        Source::ExpiresAt => "write a later spec.expiresAt, or spec.pinned: true",
        Source::Ttl => {
            "write a later time as spec.expiresAt, or spec.pinned: true; each change of the spec \
             also starts spec.ttl again"
        }
        Source::DefaultTtl(_) => "write spec.ttl, spec.expiresAt or spec.pinned: true",
        Source::MaxTtl(_) | Source::OperatorMaximum => {
            "change the spec, for example spec.revision, which starts the time again, or write \
             spec.pinned: true"
        }
    };
    let (reason, message) = match expiry.phase {
        Phase::Later => return None,
        Phase::Soon => ("ExpiresSoon", format!("expires at {at} ({source})")),
        Phase::Over => (
            EXPIRED,
            format!(
                "expired at {at} ({source}), and is deleted as soon as the clock of the API \
                 server and the operator's limit of expirations allow"
            ),
        ),
    };
    let message = format!("{message}: to keep the preview longer, {remedy}");
    Some(Condition::new(EXPIRING, Some(true), reason, message).with_warning())
}

/// The field or setting that ends the preview.
fn name(source: &Source) -> String {
    match source {
        Source::ExpiresAt => "spec.expiresAt".to_owned(),
        Source::Ttl => "spec.ttl".to_owned(),
        Source::DefaultTtl(policy) => format!("limits.defaultTtl of PreviewPolicy {policy}"),
        Source::MaxTtl(policy) => format!("limits.maxTtl of PreviewPolicy {policy}"),
        Source::OperatorMaximum => "--preview-maximum-ttl of the operator".to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn message(source: Source, phase: Phase) -> String {
        let at = kubewright::Timestamp::UNIX_EPOCH;
        condition(&Expiry { at, source, is_postponed: false, phase }).unwrap().message
    }

    #[test]
    fn the_message_names_the_source_of_the_end_and_how_to_keep_the_preview() {
        for (source, name, remedy) in [
            (Source::ExpiresAt, "(spec.expiresAt)", "write a later spec.expiresAt"),
            (Source::Ttl, "(spec.ttl)", "write a later time as spec.expiresAt"),
            (
                Source::DefaultTtl("p".into()),
                "(limits.defaultTtl of PreviewPolicy p)",
                "write spec.ttl, spec.expiresAt",
            ),
            (
                Source::MaxTtl("p".into()),
                "(limits.maxTtl of PreviewPolicy p)",
                "for example spec.revision",
            ),
            (
                Source::OperatorMaximum,
                "(--preview-maximum-ttl of the operator)",
                "for example spec.revision",
            ),
        ] {
            for phase in [Phase::Soon, Phase::Over] {
                let message = message(source.clone(), phase);
                assert!(message.contains(name) && message.contains(remedy), "{message}");
                assert!(message.contains("spec.pinned: true"), "{message}");
            }
        }
    }
}
