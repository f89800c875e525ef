//! The whole system on virtual time: every service of two hospitals, of eHealth and of healthdata, one thread, one seed.
//!
//! A test is a list of operations: somebody uploads rows, reopens or approves a registration, minutes or days pass, a service crashes, a publication is lost. After each
//! operation the invariants are checked (`simulator::simulation`), also in the middle of things; `come_to_rest` ends the faults, starts
//! what is down, lets time pass, and then everything must have come through.
//!
//! **What is a failure.** A registration that is confirmed at its hospital and that HD4RES does not hold. A registration, or one version
//! of it, that has its effect at healthdata twice. An older version over a newer one. A registration that was taken in and is neither
//! confirmed nor in an outbox. A dead letter that nobody forged. At rest: anything unconfirmed, without a verdict, or still on a queue.
//! At rest, too: a hospital and HD4RES that do not agree on a registration; its history anywhere outside the tables of statuses. A deleted
//! row that comes back. At any time: a name or number outside the hospitals, a pseudonym or a content outside healthdata and hospitals, a panic.
//!
//! **What is none.** A publication that arrives twice or late: everything may be delivered again, and is answered again. A confirmation
//! that is NOK for days while its STATUS is lost. A registration that was lost again and again for ten days: it is sent no more, and
//! stays NOK. The same for a version that was reopened before it arrived, which is sent no more. A hospital that never hears a researcher's
//! word because a broker lost what it had confirmed and did not end: nothing sends it again. An upload that a crash cuts off before anything of it was written down; the person at the desk repeats it.
//!
//! **What is not deterministic.** Keys and encapsulations, since they come from the operating system's randomness also here; so ciphertexts
//! and pseudonyms differ from run to run. Everything else follows from seed and list: the schedule, ids, times, faults and the itinerary,
//! byte for byte. A test that needs one seed names it; a list that failed once stands in `reproduction`.

mod crash;
mod dead_letters;
mod determinism;
mod faults;
mod happy_path;
mod life;
mod order;
mod privacy;
mod random;
mod reproduction;
mod resend;
mod rotation;
mod scenarios;
mod trace;
