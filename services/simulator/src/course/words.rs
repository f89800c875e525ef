//! What itineraries hold, in words.

use std::time::Duration;

/// An outcome.
pub(super) fn outcome(outcome: &str) -> String {
    match outcome.split_once(':') {
        Some(("dead-lettered", code)) => format!("set aside: {code}"),
        Some(("ignored", code)) => format!("ignored: {code}"),
        _ => match outcome {
            "resent" => "sent again",
            "forwarded" => "passed on",
            "known" => "arrived again, known",
            "receipt" => "arrived: the hospital has it",
            other => other,
        }
        .to_owned(),
    }
}

/// What passed.
pub(super) fn what(kind: &str) -> String {
    kind.to_ascii_lowercase().replace('_', " ").replace("status", "STATUS")
}

/// A span, short: `0`, `340 ms`, `12.3 s`, `48:00:07`.
pub(super) fn since(span: Duration) -> String {
    let (ms, seconds) = (span.as_millis(), span.as_secs());
    match seconds {
        _ if ms == 0 => "0".to_owned(),
        0 => format!("{ms} ms"),
        1..60 => format!("{seconds}.{} s", ms % 1_000 / 100),
        _ => format!("{}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_short() {
        let spans = [(0, "0"), (7, "7 ms"), (12_345, "12.3 s"), (60_000, "0:01:00"), (172_807_000, "48:00:07")];
        for (ms, text) in spans {
            assert_eq!(since(Duration::from_millis(ms)), text);
        }
    }

    #[test]
    fn codes_stay_as_they_are() {
        assert_eq!(outcome("dead-lettered:QUOTA"), "set aside: QUOTA");
        assert_eq!((outcome("arrived").as_str(), outcome("resent").as_str()), ("arrived", "sent again"));
        assert_eq!((what("STATUS").as_str(), what("CORRECTION_REQUEST").as_str()), ("STATUS", "correction request"));
    }
}
