//! What people do to registrations that were sent: at each hospital and at healthdata one person, who does one thing after the other.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
};

use futures_util::{FutureExt, future::BoxFuture};
use hd4dp::{Hd4dp, LifeError, store::Refusal};
use hd4res::{ActRefusal, Action, Hd4res, store::By};
use registration::{Comment, Place};
use uuid::Uuid;

use super::{
    Violation,
    desk::lock,
    laboratory::CANARY_OF_CONTENT,
    op::{Deed, Hospital, Service, Whose},
    violation::broken,
};

impl Deed {
    /// Where it is done.
    pub(crate) const fn place(self, hospital: Hospital) -> Service {
        match self {
            Self::Reopen | Self::SubmitAgain | Self::Delete => Service::Hd4dp(hospital),
            Self::Approve | Self::RequestCorrections | Self::RequestFollowUp => Service::Hd4res,
        }
    }
}

/// A deed and its registration, as [`super::Op`] names it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish {
    pub(crate) deed: Deed,
    pub(crate) of: Whose,
}

/// How a deed ended, once it has.
pub(crate) type Progress = Arc<Mutex<Option<Result<(), Violation>>>>;

/// The screen of one person.
#[derive(Default)]
pub(crate) struct Screen {
    waiting: VecDeque<Wish>,
    current: Option<Progress>,
}

impl Screen {
    pub(crate) fn put(&mut self, wish: Wish) {
        self.waiting.push_back(wish);
    }

    /// Whether everything is done.
    pub(crate) fn is_clear(&self) -> bool {
        self.waiting.is_empty() && self.current.is_none()
    }

    /// The service died. Whether the deed was done shows on the screen afterwards; nobody repeats it.
    pub(crate) fn break_off(&mut self) {
        self.current = None;
    }

    /// The next deed, when the one before is done.
    pub(crate) fn next(&mut self) -> Result<Option<Wish>, Violation> {
        if let Some(progress) = &self.current {
            match lock(progress).take() {
                None => return Ok(None),
                Some(outcome) => outcome?,
            }
            self.current = None;
        }
        Ok(self.waiting.pop_front())
    }

    pub(crate) fn begin(&mut self, progress: Progress) {
        self.current = Some(progress);
    }
}

/// What a person at a hospital does. That the status does not allow it is an ordinary outcome, and so is being told of a full disk.
pub(crate) fn at_hospital(
    hd4dp: Arc<Hd4dp>,
    deed: Deed,
    registration: Uuid,
    (progress, is_full): (Progress, impl Fn() -> bool + Send + 'static),
) -> BoxFuture<'static, ()> {
    const AUTHOR: &str = "person";
    async move {
        let outcome = match deed {
            Deed::Reopen => hd4dp.reopen(registration, AUTHOR).await.map(drop),
            Deed::SubmitAgain => hd4dp.submit_again(registration, AUTHOR).await.map(drop),
            Deed::Delete => hd4dp.delete(registration, AUTHOR).await,
            Deed::Approve | Deed::RequestCorrections | Deed::RequestFollowUp => Ok(()),
        };
        let outcome = match outcome {
            Ok(()) | Err(LifeError::Refused(Refusal::WrongStatus { .. })) => Ok(()),
            Err(LifeError::Trouble(_)) if is_full() => Ok(()),
            Err(error) => Err(broken("act at a hospital")(error)),
        };
        *lock(&progress) = Some(outcome);
    }
    .boxed()
}

/// What a researcher does; nothing as long as HD4RES does not have the registration.
pub(crate) fn at_hd4res(
    hd4res: Arc<Hd4res>,
    deed: Deed,
    registration: Uuid,
    comments_on: BTreeMap<u32, Place>,
    progress: Progress,
) -> BoxFuture<'static, ()> {
    // Comments are for the hospital and healthdata, as contents are.
    let comment = |place, text: &str| Comment { place, text: format!("{CANARY_OF_CONTENT}: {text}") };
    // The field has another number in another version of the definition.
    let action = move |version: u32| {
        let on = comments_on.get(&version).copied();
        let comments = || vec![comment(None, "please look at this again"), comment(on, "is this right?")];
        match deed {
            Deed::RequestCorrections => Some(Action::RequestCorrections(comments())),
            Deed::RequestFollowUp => Some(Action::RequestFollowUp(comments())),
            Deed::Approve => Some(Action::Approve),
            Deed::Reopen | Deed::SubmitAgain | Deed::Delete => None,
        }
    };
    async move {
        let outcome = act(&hd4res, registration, action).await;
        *lock(&progress) = Some(outcome);
    }
    .boxed()
}

async fn act(hd4res: &Hd4res, registration: Uuid, action: impl Fn(u32) -> Option<Action>) -> Result<(), Violation> {
    let record = hd4res.store().of_registration(registration).await.map_err(broken("find a record"))?;
    let Some(record) = record else { return Ok(()) };
    let view = hd4res.store().view(record).await.map_err(broken("look at a record"))?;
    let Some(action) = view.and_then(|view| action(view.row.dcd_version)) else { return Ok(()) };
    match hd4res.act(record, &action, &By::role("researcher")).await.map_err(broken("act at HD4RES"))? {
        Ok(_) | Err(ActRefusal::WrongStatus { .. } | ActRefusal::NotValidated) => Ok(()),
        Err(refusal) => Err(broken("act at HD4RES")(refusal)),
    }
}
