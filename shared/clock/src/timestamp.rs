//! A moment in time.

use std::{fmt, str::FromStr, time::Duration};

/// A moment: microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// A text that is not a moment in RFC 3339 form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimestampError;

impl fmt::Display for TimestampError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a time of the form 2024-02-29T12:00:00Z")
    }
}

impl std::error::Error for TimestampError {}

impl Timestamp {
    /// The first moment that every part of the system can print: the start of 1970.
    pub const EPOCH: Self = Self(0);

    /// The moment `micros` microseconds after the Unix epoch.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the Unix epoch.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// The moment `pause` later. Saturates at the end of the range.
    #[must_use]
    pub fn plus(self, pause: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(pause.as_micros()).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` this moment is; zero when it is before.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The calendar day in UTC.
    #[must_use]
    pub fn date(self) -> jiff::civil::Date {
        self.zoned().date()
    }

    /// The same moment without fractions of a second. The TTP's envelopes carry only this, so that their time does not tell which
    /// submission they came from.
    #[must_use]
    pub fn rounded_to_seconds(self) -> Self {
        Self(self.0.div_euclid(1_000_000) * 1_000_000)
    }

    fn zoned(self) -> jiff::Zoned {
        jiff::Timestamp::from_microsecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_zoned(jiff::tz::TimeZone::UTC)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = self.zoned();
        let (date, time) = (moment.date(), moment.time());
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
            date.year(),
            date.month(),
            date.day(),
            time.hour(),
            time.minute(),
            time.second(),
            time.subsec_nanosecond() / 1_000
        )
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<jiff::Timestamp>().map(|moment| Self(moment.as_microsecond())).map_err(|_| TimestampError)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn prints_rfc_3339_in_microseconds() {
        assert_eq!(Timestamp::from_micros(1_709_208_000_000_001).to_string(), "2024-02-29T12:00:00.000001Z");
        assert_eq!(Timestamp::from_micros(1_709_208_000_999_999).rounded_to_seconds().to_string(), "2024-02-29T12:00:00.000000Z");
    }

    #[test]
    fn a_date_without_time_is_no_moment() {
        assert_eq!("2024-02-29".parse::<Timestamp>(), Err(TimestampError));
    }

    proptest! {
        #[test]
        fn printed_is_read_back(micros in 0_i64..4_102_444_800_000_000) {
            let moment = Timestamp::from_micros(micros);
            prop_assert_eq!(moment.to_string().parse::<Timestamp>(), Ok(moment));
        }

        #[test]
        fn order_of_texts_is_order_of_moments(a in 0_i64..4_102_444_800_000_000, b in 0_i64..4_102_444_800_000_000) {
            let (a, b) = (Timestamp::from_micros(a), Timestamp::from_micros(b));
            prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
        }
    }
}
