use crate::{Actor, Nihdi, QueueName, Route};

/// A trust zone: a broker (or a vhost) of its own, run by those whom the zone belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Zone {
    /// Inside one hospital.
    Hospital,
    /// At the eHealth platform, which sees sealed parts only.
    EHealth,
    /// Inside healthdata.
    Hd,
}

impl Zone {
    /// The zone's name in tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hospital => "hospital",
            Self::EHealth => "eHealth",
            Self::Hd => "HD",
        }
    }
}

/// Whether the items of an arrow may be read by everyone in its zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Form {
    /// Readable by whoever may read the queue.
    Clear,
    /// Every part is sealed for its reader.
    Sealed,
}

impl Form {
    /// The form's name in tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::Sealed => "sealed",
        }
    }
}

/// One arrow of the flow: an exchange that one kind of actor feeds, and the queue (of each hospital) that one kind of actor reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Arrow {
    /// Step 3: HD4DP hands a registration over to the hospital's messaging client.
    HandOver,
    /// Step 4: the hospital's messaging client sends to the TTP.
    ToTtp,
    /// Step 5: the TTP sends to healthdata's messaging client, with a pseudonym.
    ToHd,
    /// Step 6: healthdata's messaging client gives to HD4RES.
    ToHd4res,
    /// Step 7: HD4RES gives to the data warehouse.
    ToDhw,
    /// Step 7 back: the data warehouse's verdicts.
    Verdicts,
    /// Step 6 back: feedback of HD4RES.
    FeedbackOut,
    /// Step 5 back: feedback to the TTP, addressed by a return handle.
    ToTtpBack,
    /// Step 4 back: feedback to the hospital's messaging client, with the identity.
    ToHco,
    /// Step 3 back: feedback to HD4DP.
    ToHd4dp,
    /// Re-coding: healthdata's messaging client asks the TTP for pseudonyms of the current epoch.
    RecodeRequest,
    /// Re-coding: the TTP's answer.
    RecodeAnswer,
    /// Re-coding: healthdata's messaging client tells HD4RES.
    RecodedToHd4res,
    /// Re-coding: HD4RES tells the data warehouse.
    RecodedToDhw,
}

impl Arrow {
    /// All arrows: forward, the way back, and re-coding.
    pub const ALL: [Self; 14] = [
        Self::HandOver,
        Self::ToTtp,
        Self::ToHd,
        Self::ToHd4res,
        Self::ToDhw,
        Self::Verdicts,
        Self::FeedbackOut,
        Self::ToTtpBack,
        Self::ToHco,
        Self::ToHd4dp,
        Self::RecodeRequest,
        Self::RecodeAnswer,
        Self::RecodedToHd4res,
        Self::RecodedToDhw,
    ];

    /// The arrows that a registration and its answers take: forward, then the way back.
    pub const FLOW: [Self; 10] = [
        Self::HandOver,
        Self::ToTtp,
        Self::ToHd,
        Self::ToHd4res,
        Self::ToDhw,
        Self::Verdicts,
        Self::FeedbackOut,
        Self::ToTtpBack,
        Self::ToHco,
        Self::ToHd4dp,
    ];

    /// The step's number as published: `3`, … `3 back`; `R1` to `R4` for re-coding, of which nothing is published.
    #[must_use]
    pub fn step(self) -> &'static str {
        self.row().step
    }

    /// The zone whose broker it stands on.
    #[must_use]
    pub fn zone(self) -> Zone {
        self.row().zone
    }

    /// The form in which its items travel.
    #[must_use]
    pub fn form(self) -> Form {
        self.row().form
    }

    /// Who feeds it.
    #[must_use]
    pub fn from(self) -> Actor {
        self.row().from
    }

    /// Who reads it.
    #[must_use]
    pub fn to(self) -> Actor {
        self.row().to
    }

    /// Whether its sender and its reader are at home in two zones, so that what travels on it passes the border between them.
    #[must_use]
    pub fn crosses_border(self) -> bool {
        self.from().home() != self.to().home()
    }

    /// What travels on it, for tables.
    #[must_use]
    pub fn travels(self) -> &'static str {
        self.row().travels
    }

    /// Whether every hospital has a queue of its own on it.
    #[must_use]
    pub fn per_hospital(self) -> bool {
        self.row().queue.1.is_some()
    }

    /// The direct exchange that its senders publish to. No queue has an exchange's name: one permission never covers both.
    #[must_use]
    pub fn exchange(self) -> &'static str {
        self.row().exchange
    }

    /// The queue, of this hospital where [`Arrow::per_hospital`] says so. Otherwise `nihdi` is not looked at.
    ///
    /// Without a number, a hospital's arrow gives the name without one, which no topology has: consuming from it is an error.
    #[must_use]
    pub fn queue(self, nihdi: Option<&Nihdi>) -> QueueName {
        let (head, tail) = self.row().queue;
        QueueName::new(match (tail, nihdi) {
            (Some(tail), Some(nihdi)) => format!("{head}.{nihdi}.{tail}"),
            (Some(tail), None) => format!("{head}.{tail}"),
            (None, _) => head.to_owned(),
        })
    }

    /// Where a sender publishes to reach [`Arrow::queue`].
    #[must_use]
    pub fn route(self, nihdi: Option<&Nihdi>) -> Route {
        Route { exchange: self.exchange().to_owned(), routing_key: self.queue(nihdi).as_str().to_owned() }
    }

    /// Where the reader of [`Arrow::queue`] publishes single items that it gives up on. Every queue has a dead exchange of its own, so that
    /// nobody can write to another hospital's dead letters.
    #[must_use]
    pub fn dead_route(self, nihdi: Option<&Nihdi>) -> Route {
        let queue = self.queue(nihdi);
        Route { exchange: format!("dead.{queue}"), routing_key: queue.dead().as_str().to_owned() }
    }

    fn row(self) -> Row {
        use Actor::{Dhw, EhboxHco, EhboxHd, EhealthTtp, Hd4dp, Hd4res};
        use Form::{Clear, Sealed};
        use Zone::{EHealth, Hd, Hospital};
        #[rustfmt::skip]
        let (step, from, to, zone, form, exchange, queue, travels) = match self {
            Self::HandOver => ("3", Hd4dp, EhboxHco, Hospital, Clear, "step-3", ("hd4dp", Some("out")), "identity and content"),
            Self::ToTtp => ("4", EhboxHco, EhealthTtp, EHealth, Sealed, "step-4", ("ttp.in", None), "identity sealed for the TTP, content sealed for HD"),
            Self::ToHd => ("5", EhealthTtp, EhboxHd, EHealth, Sealed, "step-5", ("hd.in", None), "pseudonym, sender code and return handle sealed for HD; content untouched"),
            Self::ToHd4res => ("6", EhboxHd, Hd4res, Hd, Clear, "step-6", ("hd4res.in", None), "pseudonym and content"),
            Self::ToDhw => ("7", Hd4res, Dhw, Hd, Clear, "step-7", ("dhw.in", None), "pseudonym and registration variables"),
            Self::Verdicts => ("7 back", Dhw, Hd4res, Hd, Clear, "step-7-back", ("hd4res.verdicts", None), "verdict and findings"),
            Self::FeedbackOut => ("6 back", Hd4res, EhboxHd, Hd, Clear, "step-6-back", ("hd4res.out", None), "feedback and return handle"),
            Self::ToTtpBack => ("5 back", EhboxHd, EhealthTtp, EHealth, Sealed, "step-5-back", ("ttp.return", None), "return handle sealed for the TTP, feedback sealed for the HCO"),
            Self::ToHco => ("4 back", EhealthTtp, EhboxHco, EHealth, Sealed, "step-4-back", ("hco", Some("in")), "identity sealed for the HCO, feedback untouched"),
            Self::ToHd4dp => ("3 back", EhboxHco, Hd4dp, Hospital, Clear, "step-3-back", ("hd4dp", Some("in")), "feedback and identity"),
            Self::RecodeRequest => ("R1", EhboxHd, EhealthTtp, EHealth, Sealed, "recode-1", ("ttp.recode", None), "pseudonyms of earlier epochs sealed for the TTP"),
            Self::RecodeAnswer => ("R2", EhealthTtp, EhboxHd, EHealth, Sealed, "recode-2", ("hd.recoded", None), "the same with those of the current epoch, sealed for HD"),
            Self::RecodedToHd4res => ("R3", EhboxHd, Hd4res, Hd, Clear, "recode-3", ("hd4res.recoded", None), "pseudonyms of earlier epochs with those of the current one"),
            Self::RecodedToDhw => ("R4", Hd4res, Dhw, Hd, Clear, "recode-4", ("dhw.recoded", None), "pseudonyms of earlier epochs with those of the current one"),
        };
        Row { step, from, to, zone, form, exchange, queue, travels }
    }
}

struct Row {
    step: &'static str,
    from: Actor,
    to: Actor,
    zone: Zone,
    form: Form,
    exchange: &'static str,
    /// Head and, for the queues of one hospital, what follows its number.
    queue: (&'static str, Option<&'static str>),
    travels: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of design section 3, written a second time.
    #[test]
    fn queue_names_are_those_of_the_design() {
        let nihdi: Nihdi = "71000012".parse().unwrap();
        let names: Vec<_> = Arrow::ALL.iter().map(|arrow| (arrow.step(), arrow.queue(Some(&nihdi)).to_string())).collect();
        let expected = [
            ("3", "hd4dp.71000012.out"),
            ("4", "ttp.in"),
            ("5", "hd.in"),
            ("6", "hd4res.in"),
            ("7", "dhw.in"),
            ("7 back", "hd4res.verdicts"),
            ("6 back", "hd4res.out"),
            ("5 back", "ttp.return"),
            ("4 back", "hco.71000012.in"),
            ("3 back", "hd4dp.71000012.in"),
            ("R1", "ttp.recode"),
            ("R2", "hd.recoded"),
            ("R3", "hd4res.recoded"),
            ("R4", "dhw.recoded"),
        ]
        .map(|(step, queue)| (step, queue.to_owned()));
        assert_eq!(names, expected);
    }

    /// Who stands on eHealth's broker passes a border, and nobody else does: what is not to pass one can be told by the broker.
    #[test]
    fn borders_are_crossed_on_ehealths_broker_and_nowhere_else() {
        for arrow in Arrow::ALL {
            assert_eq!(arrow.crosses_border(), arrow.zone() == Zone::EHealth, "{arrow:?}");
        }
    }

    /// Promise 2: nothing readable stands on eHealth's broker.
    #[test]
    fn nothing_clear_stands_in_the_ehealth_zone() {
        for arrow in Arrow::ALL {
            assert!(arrow.zone() != Zone::EHealth || arrow.form() == Form::Sealed, "{arrow:?}");
        }
    }

    /// Each arrow's sender is the receiver of the arrow before, so the flow is one way there and one way back.
    #[test]
    fn arrows_are_chained() {
        for pair in Arrow::FLOW.windows(2) {
            assert_eq!(pair[0].to(), pair[1].from(), "{pair:?}");
        }
        assert_eq!(Arrow::HandOver.from(), Arrow::ToHd4dp.to());
    }

    #[test]
    fn no_actor_meets_more_than_two_zones() {
        for actor in Actor::ALL {
            let mut zones: Vec<_> = Arrow::ALL
                .iter()
                .filter(|arrow| arrow.from() == actor || arrow.to() == actor)
                .map(|arrow| arrow.zone())
                .collect();
            zones.sort_unstable();
            zones.dedup();
            let allowed = if matches!(actor, Actor::EhboxHco | Actor::EhboxHd) { 2 } else { 1 };
            assert_eq!(zones.len(), allowed, "{actor}");
        }
    }
}
