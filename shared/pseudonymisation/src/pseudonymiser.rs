//! From identity to pseudonym, and from epoch to epoch.

use crate::{PseudonymisationError, derive_key, keyed_mac};
use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, Mac};
use identifying::Identity;
use pseudonymised::Pseudonym;
use sha2::Sha256;
use std::collections::BTreeMap;
use std::fmt;

/// Makes the pseudonyms of one domain.
///
/// The key of an epoch is HKDF-SHA256 of the epoch's master key, with the salt `precision/pseudonym/1` and, as info, the
/// domain behind its length and the epoch (both numbers 4 bytes, big endian). In epoch 1 the code is the first 130 bits, in
/// base32, of HMAC-SHA256 over the identity's kind and value, each behind its length. From epoch 2 on it is the same of the
/// 26 characters of the epoch before, so that rotation needs pseudonyms only and no identity.
pub struct Pseudonymiser {
    domain: String,
    /// Of the epochs 1, 2, 3 and so on. Keys are taken in once, since a pseudonym is made per registration.
    keyed: Vec<Hmac<Sha256>>,
    epoch: u32,
}

const SALT: &[u8] = b"precision/pseudonym/1";
const CODE_CHARACTERS: usize = 26;

impl Pseudonymiser {
    /// Makes pseudonyms of this domain in the last epoch that has a master key.
    ///
    /// # Errors
    ///
    /// [`PseudonymisationError::Epochs`] when epochs are missing or there are none, and
    /// [`PseudonymisationError::Malformed`] when the domain is no domain.
    pub fn new<'a>(domain: &str, masters: impl IntoIterator<Item = (u32, &'a [u8; 32])>) -> Result<Self, PseudonymisationError> {
        let masters: BTreeMap<u32, &[u8; 32]> = masters.into_iter().collect();
        let epoch = u32::try_from(masters.len()).map_err(|_| PseudonymisationError::Epochs)?;
        if epoch == 0 || !masters.keys().copied().eq(1..=epoch) {
            return Err(PseudonymisationError::Epochs);
        }
        // Only the domain can be wrong here.
        Pseudonym::assemble(domain, epoch, &"A".repeat(CODE_CHARACTERS))?;
        let keyed = masters.into_iter().map(|(epoch, master)| Ok(keyed_mac(&*epoch_key(domain, epoch, master)?)));
        let keyed = keyed.collect::<Result<_, PseudonymisationError>>()?;
        Ok(Self { domain: domain.to_owned(), keyed, epoch })
    }

    /// The epoch in which pseudonyms are made.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// The pseudonym of an identity in the current epoch.
    ///
    /// # Errors
    ///
    /// None that a pseudonymiser with a good domain could have.
    pub fn pseudonym(&self, identity: &Identity) -> Result<Pseudonym, PseudonymisationError> {
        let (first, later) = self.keyed.split_first().ok_or(PseudonymisationError::Epochs)?;
        let mut mac = first.clone();
        for part in [identity.kind().as_str(), identity.reveal()] {
            // Kinds and values are far shorter than 4 GiB.
            mac.update(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            mac.update(part.as_bytes());
        }
        self.in_current_epoch(code(mac), later)
    }

    /// The pseudonym of the same patient in the current epoch, from one of any epoch before it.
    ///
    /// # Errors
    ///
    /// [`PseudonymisationError::OtherDomain`] and [`PseudonymisationError::UnknownEpoch`] for pseudonyms not made here.
    pub fn recode(&self, pseudonym: &Pseudonym) -> Result<Pseudonym, PseudonymisationError> {
        if pseudonym.domain() != self.domain {
            return Err(PseudonymisationError::OtherDomain);
        }
        let unknown = PseudonymisationError::UnknownEpoch(pseudonym.epoch());
        let epochs = usize::try_from(pseudonym.epoch()).map_err(|_| unknown)?;
        let later = self.keyed.get(epochs..).ok_or(unknown)?;
        self.in_current_epoch(pseudonym.code().to_owned(), later)
    }

    fn in_current_epoch(&self, first: String, later: &[Hmac<Sha256>]) -> Result<Pseudonym, PseudonymisationError> {
        let last = later.iter().fold(first, |before, keyed| {
            let mut mac = keyed.clone();
            mac.update(before.as_bytes());
            code(mac)
        });
        Ok(Pseudonym::assemble(&self.domain, self.epoch, &last)?)
    }
}

impl fmt::Debug for Pseudonymiser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pseudonymiser")
    }
}

fn epoch_key(domain: &str, epoch: u32, master: &[u8; 32]) -> Result<zeroize::Zeroizing<[u8; 32]>, PseudonymisationError> {
    let length = u32::try_from(domain.len()).map_err(|_| PseudonymisationError::KeyDerivation)?;
    derive_key(SALT, master, &[&length.to_be_bytes(), domain.as_bytes(), &epoch.to_be_bytes()])
}

/// The first 130 bits of a MAC in base32: 26 characters.
fn code(mac: Hmac<Sha256>) -> String {
    let mut code = BASE32_NOPAD.encode(&mac.finalize().into_bytes()[..17]);
    code.truncate(CODE_CHARACTERS);
    code
}

#[cfg(test)]
mod tests {
    use super::*;
    use identifying::{GeneratedId, IdentityKind, SharedHospitalKey};
    use proptest::prelude::*;

    const MASTERS: [[u8; 32]; 3] = [[1; 32], [2; 32], [3; 32]];

    fn pseudonymiser(domain: &str, epochs: u32) -> Pseudonymiser {
        Pseudonymiser::new(domain, (1..=epochs).zip(&MASTERS)).unwrap()
    }

    fn ssin() -> Identity {
        Identity::from_parts(IdentityKind::Ssin, "64031299906").unwrap()
    }

    /// Computed apart, with Python's hmac and base64, after the documentation above.
    #[test]
    fn pseudonyms_of_fixed_keys() {
        let pseudonyms = [1, 2, 3].map(|epochs| pseudonymiser("healthdata", epochs).pseudonym(&ssin()).unwrap().to_string());
        assert_eq!(
            pseudonyms,
            [
                "healthdata.1.L3FTAOXERZTFXKSG2EB2PHDKZIE",
                "healthdata.2.M5MMBRICJTCPQ2ZZTPZ7LZSMEG5",
                "healthdata.3.7AQPDNGHHCKMCKLDO26JY7K24YF"
            ]
        );
    }

    #[test]
    fn pseudonyms_differ_by_patient_domain_key_and_kind() {
        let base = pseudonymiser("healthdata", 1).pseudonym(&ssin()).unwrap();
        let other_patient = Identity::from_parts(IdentityKind::Ssin, "64031200035").unwrap();
        let generated = GeneratedId::derive(&SharedHospitalKey::new([7; 32]), "a", "b", (1964, 3, 12), "1");
        let others = [
            pseudonymiser("healthdata", 1).pseudonym(&other_patient),
            pseudonymiser("healthdata", 1).pseudonym(&Identity::Generated(generated)),
            pseudonymiser("register", 1).pseudonym(&ssin()),
            pseudonymiser("healthdata", 2).pseudonym(&ssin()),
            Pseudonymiser::new("healthdata", [(1, &MASTERS[1])]).unwrap().pseudonym(&ssin()),
        ];
        for other in others {
            assert_ne!(other.unwrap().code(), base.code());
        }
    }

    /// One master key for two epochs still gives two keys, and one for two domains.
    #[test]
    fn the_key_depends_on_domain_and_epoch() {
        let key = |domain, epoch| *epoch_key(domain, epoch, &MASTERS[0]).unwrap();
        assert_ne!(key("healthdata", 1), key("healthdata", 2));
        assert_ne!(key("healthdata", 1), key("health", 1));
    }

    #[test]
    fn refuses_gaps_and_other_domains() {
        let refused = |domain, epochs: &[u32]| Pseudonymiser::new(domain, epochs.iter().copied().zip(&MASTERS)).unwrap_err();
        for epochs in [&[][..], &[0], &[2], &[1, 3], &[0, 1]] {
            assert_eq!(refused("healthdata", epochs), PseudonymisationError::Epochs);
        }
        assert!(matches!(refused("Health Data", &[1]), PseudonymisationError::Malformed(_)));
        assert!(Pseudonymiser::new("healthdata", [2, 1].into_iter().zip(&MASTERS)).is_ok());
    }

    #[test]
    fn recodes_only_what_was_made_here() {
        let (second, third) = (pseudonymiser("healthdata", 2), pseudonymiser("healthdata", 3));
        let later = third.pseudonym(&ssin()).unwrap();
        assert_eq!(second.recode(&later), Err(PseudonymisationError::UnknownEpoch(3)));
        let other = pseudonymiser("register", 1).pseudonym(&ssin()).unwrap();
        assert_eq!(second.recode(&other), Err(PseudonymisationError::OtherDomain));
    }

    proptest! {
        /// Re-coding gives what the identity itself would, from any epoch to any later one, in one go or step by step.
        #[test]
        fn recoding_equals_the_direct_pseudonym(first_nine in 0_u32..1_000_000_000, from in 1_u32..=3, to in 1_u32..=3) {
            prop_assume!(from <= to);
            let check = national_number_check(first_nine);
            let identity = Identity::from_parts(IdentityKind::Ssin, &format!("{first_nine:09}{check:02}")).unwrap();
            let in_epoch = |epoch| pseudonymiser("healthdata", epoch).pseudonym(&identity).unwrap();
            prop_assert_eq!(pseudonymiser("healthdata", to).recode(&in_epoch(from)).unwrap(), in_epoch(to));
            let mut step_by_step = in_epoch(from);
            for epoch in from..=to {
                step_by_step = pseudonymiser("healthdata", epoch).recode(&step_by_step).unwrap();
            }
            prop_assert_eq!(step_by_step, in_epoch(to));
        }
    }

    fn national_number_check(first_nine: u32) -> u32 {
        97 - first_nine % 97
    }
}
