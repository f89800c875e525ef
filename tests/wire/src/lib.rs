//! The wire format of docs/WIRE.md, held against the services that speak it.
//!
//! What a failure means:
//!
//! - `vectors`: the documents of docs/vectors are no longer what the code writes, or what it reads. A client in another language
//!   would stop working.
//! - `refusals`: a party takes what it must refuse, refuses it under another code than documented, loses it instead of setting it
//!   aside, or lets a bad item cost its publication, or a bad publication the next one.
//! - `lengths`: the length of something sealed tells what is in it.
//! - `codes`: docs/WIRE.md lists other codes than the services have.
//!
//! The services are the real ones, each run by itself on virtual time (`rig`): what a test changes is a document on its way or a key,
//! and what it looks at is what then stands in the queues. Keys and encapsulations are random but in the vectors, so no two runs see the
//! same bytes; nothing else is.

#[cfg(test)]
mod codes;
#[cfg(test)]
mod document;
#[cfg(test)]
mod journey;
#[cfg(test)]
mod lengths;
#[cfg(test)]
mod log;
#[cfg(test)]
mod parties;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod vectors;
