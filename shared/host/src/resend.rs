//! When something is sent again that has no answer: a registration without its STATUS, a researcher's feedback without its receipt.
//!
//! The published rule is about registrations: no status message within 48 hours makes the confirmation NOK, and the registration is sent
//! again until ten days after its first sending. The spacing is not published; every 24 hours is our decision, and so is the same for feedback.

use std::time::Duration;

use clock::Timestamp;

const HOUR: Duration = Duration::from_secs(3600);

/// From the first sending until the confirmation turns NOK.
pub const NOK_AFTER: Duration = Duration::from_secs(48 * 3600);
/// Between two sendings from then on.
pub const RESEND_EVERY: Duration = Duration::from_secs(24 * 3600);
/// From the first sending until it is sent no more.
pub const RESEND_UNTIL: Duration = Duration::from_secs(240 * 3600);

/// When what was first sent at `first` and is unanswered at `now` is due again: at 48 hours, then every 24 hours, for
/// the last time at ten days. `None` when it is sent no more.
#[must_use]
pub fn next_send(first: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let hours = now.since(first).as_secs() / HOUR.as_secs();
    let every = RESEND_EVERY.as_secs() / HOUR.as_secs();
    let start = NOK_AFTER.as_secs() / HOUR.as_secs();
    let next = if hours < start { start } else { start + (hours - start) / every * every + every };
    let after = HOUR.saturating_mul(u32::try_from(next).unwrap_or(u32::MAX));
    (after <= RESEND_UNTIL).then(|| first.plus(after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registration_without_answer_is_sent_ten_times_in_ten_days() {
        let first = Timestamp::EPOCH;
        let (mut now, mut hours) = (first, Vec::new());
        while let Some(next) = next_send(first, now) {
            assert!(next > now);
            now = next;
            hours.push(now.since(first).as_secs() / 3600);
        }
        assert_eq!(hours, [48, 72, 96, 120, 144, 168, 192, 216, 240]);
    }

    #[test]
    fn a_late_timer_skips_what_it_missed_and_keeps_the_rhythm() {
        let hours = |count: u64| Duration::from_secs(count * 3600);
        let now = Timestamp::EPOCH.plus(hours(50));
        assert_eq!(next_send(Timestamp::EPOCH, now), Some(Timestamp::EPOCH.plus(hours(72))));
        assert_eq!(next_send(Timestamp::EPOCH, Timestamp::EPOCH.plus(hours(500))), None);
    }
}
