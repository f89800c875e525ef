//! From fates and judgements to what is written down and what is answered: pure.

use std::collections::HashSet;

use crate::{
    across::{Judgement, Member, Touched, judge},
    decide::{Answer, Decision, Fate},
    findings::{FindingKey, StoredFinding, travelling_own},
    registers::Registers,
    validate::Registration,
};

/// What a batch leads to besides its registrations.
#[derive(Debug, Default)]
pub struct Conclusion {
    /// Findings that are new, of the batch and of registrations that stood before.
    pub added: Vec<StoredFinding>,
    /// Findings across registrations that hold no more.
    pub cleared: Vec<FindingKey>,
    /// One answer per registration of the batch, in order.
    pub answers: Vec<Answer>,
}

/// The groups that a decided batch touches: those of the registrations that come and of those that go.
#[must_use]
pub fn touched<'a>(
    registers: &Registers,
    batch: &'a [Registration],
    decision: &Decision,
    removed: impl IntoIterator<Item = &'a Member>,
) -> Touched<'a> {
    let written = decision.with(&Fate::Written).filter_map(|at| batch.get(at)).map(|registration| &registration.member);
    Touched::by(registers, written.chain(removed))
}

/// Judges the touched groups and concludes. `standing` are the registrations of these groups that stood before and stay; those of a
/// patient may be left out when no fact that must be constant varies over them and the batch, and no finding is kept of them. `stored`
/// are the findings across registrations that are kept of them.
#[must_use]
pub fn conclude(
    registers: &Registers,
    batch: &[Registration],
    decision: &Decision,
    touched: &Touched<'_>,
    standing: &[&Member],
    stored: &HashSet<FindingKey>,
) -> Conclusion {
    let written: Vec<usize> = decision.with(&Fate::Written).collect();
    let of_batch = written.iter().filter_map(|at| batch.get(*at)).map(|registration| &registration.member);
    let members: Vec<&Member> = standing.iter().copied().chain(of_batch).collect();
    let mut conclusion = Conclusion::default();
    let mut found: Vec<Vec<_>> =
        batch.iter().map(|registration| registration.findings.iter().map(travelling_own).collect()).collect();
    conclusion.added.extend(written.iter().filter_map(|at| batch.get(*at)).flat_map(|one| StoredFinding::own(registers, one)));
    for Judgement { member: at, rule, broken } in judge(registers, &members, touched) {
        let is_new = at.checked_sub(standing.len());
        if !broken && (is_new.is_some() || stored.is_empty()) {
            continue;
        }
        let Some(member) = members.get(at) else { continue };
        if is_new.is_none() {
            let key = FindingKey::of_rule(registers, member, rule);
            let was_broken = stored.contains(&key);
            if was_broken && !broken {
                conclusion.cleared.push(key);
            }
            if was_broken || !broken {
                continue;
            }
        }
        let Some(finding) = StoredFinding::across(registers, member, rule) else { continue };
        if let Some(found) = is_new.and_then(|new| written.get(new)).and_then(|at| found.get_mut(*at)) {
            found.push(finding.travelling());
        }
        conclusion.added.push(finding);
    }
    for (fate, findings) in decision.fates.iter().zip(found) {
        let answer = match fate {
            Fate::Known(answer) => answer.clone(),
            Fate::Repeated(earlier) => conclusion.answers.get(*earlier).cloned().unwrap_or_else(Answer::clean),
            Fate::Overtaken | Fate::Deleted => Answer::clean(),
            Fate::Written => Answer::of(findings),
        };
        conclusion.answers.push(answer);
    }
    conclusion
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ::store::{Location, test_server};
    use proptest::prelude::*;

    use crate::{
        registers::Registers,
        sample::{Draft, cure, draft, found, registers, settle},
        store::{DhwStore, MemoryStore, SqlStore},
    };

    /// Versions and deletions of a few registrations of two hospitals, whose patients, codes and dates often meet. Unique ids belong to one
    /// registration each, as they do at a hospital.
    fn arrivals() -> impl Strategy<Value = Vec<Draft>> {
        let one = (0..2_u8, 0..4_u32, any::<bool>(), 1..4_u32, 0..3_u8, 0..4_u32, 0..2_u8, 0..8_u8, 1..4_u32);
        let one = one.prop_map(|(hospital, slot, is_cure, version, patient, code, sex, kind, day)| {
            let draft = if is_cure {
                cure(10 + slot, &format!("2024-01-0{}", slot + 1)).with("code", &format!("C{code}"))
            } else {
                let given = format!("2024-01-0{day}");
                draft("Advice", 1 + version % 2, slot).with("code", &format!("C{slot}")).with("given", &given)
            };
            let sex = if sex == 0 { "248153007" } else { "248152002" };
            let draft = draft.with("patient_id|sex", sex).of_patient(patient).at_hospital(hospital).in_version(version);
            if kind == 0 { draft.deleted() } else { draft }
        });
        let distinct = prop::collection::vec(one, 1..14).prop_map(|mut drafts| {
            // One item has one content.
            drafts.sort_by_key(Draft::item_id);
            drafts.dedup_by_key(|draft| draft.item_id());
            drafts
        });
        distinct.prop_flat_map(|drafts| Just(drafts).prop_shuffle())
    }

    type Left = (Vec<(String, String, String)>, Vec<Vec<String>>);

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
    }

    fn left(registers: &Arc<Registers>, drafts: &[Draft], batch: usize) -> Left {
        runtime().block_on(left_in(&MemoryStore::new(Arc::clone(registers)), registers, drafts, batch))
    }

    async fn left_in(store: &dyn DhwStore, registers: &Registers, drafts: &[Draft], batch: usize) -> Left {
        for batch in drafts.chunks(batch) {
            settle(store, registers, batch).await;
        }
        let mut rows = Vec::new();
        for register in 0..registers.list().len() {
            let of_register = store.rows(register, None, 100).await.unwrap();
            rows.extend(of_register.into_iter().map(|row| row.cells.into_iter().map(|cell| cell.value).collect()));
        }
        (found(store).await, rows)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn the_order_of_arrival_does_not_change_what_stands_and_what_was_found(drafts in arrivals(), batch in 1..15_usize) {
            let registers = registers();
            let mut sorted = drafts.clone();
            sorted.sort_by_key(Draft::item_id);
            prop_assert_eq!(left(&registers, &sorted, 1), left(&registers, &drafts, batch));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        // The store in SQL reads fewer of the registrations that stood before than the one in memory.
        #[test]
        fn what_is_not_read_makes_no_difference(drafts in arrivals(), batch in 1..15_usize) {
            let registers = registers();
            let left_at = |location: Location| runtime().block_on(async {
                let store = SqlStore::open(location, Arc::clone(&registers)).await.unwrap();
                left_in(&store, &registers, &drafts, batch).await
            });
            let folder = tempfile::tempdir().unwrap();
            let server = runtime().block_on(test_server::database()).unwrap();
            let expected = left(&registers, &drafts, batch);
            prop_assert_eq!(&expected, &left_at(folder.path().into()));
            prop_assert_eq!(&expected, &left_at(server), "in PostgreSQL");
        }
    }
}
