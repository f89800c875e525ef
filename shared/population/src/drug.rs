//! The substances that the population's patients get, with their usual dose and what they do to people.

/// A substance as it is given.
#[derive(Debug)]
pub(crate) struct Drug {
    /// ATC code, or the name where the code list has none yet.
    pub(crate) atc: &'static str,
    /// The international name, for texts.
    pub(crate) name: &'static str,
    /// Kind of treatment that it makes, code of TREATTYPE.
    pub(crate) kind: &'static str,
    /// In the form of hospital files.
    pub(crate) dose: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) schedule: &'static str,
    /// Adverse events that are seen with it, codes of CTCAE.
    pub(crate) toxicity: &'static [&'static str],
}

/// Drugs that are given together.
#[derive(Debug)]
pub(crate) struct Regimen {
    /// Code of TREATTYPE.
    pub(crate) kind: &'static str,
    pub(crate) drugs: &'static [&'static Drug],
}

/// Puts a regimen together.
pub(crate) const fn regimen(kind: &'static str, drugs: &'static [&'static Drug]) -> Regimen {
    Regimen { kind, drugs }
}

const CYTOTOXIC: &[&str] =
    &["NAUSEA", "FATIGUE", "NEUTROPENIA", "ANAEMIA", "THROMBOCYTOPENIA", "ALOPECIA", "VOMITING", "ANOREXIA"];
const NEUROTOXIC: &[&str] = &["PERIPHERAL_NEUROPATHY", "FATIGUE", "NEUTROPENIA", "NAUSEA", "DYSGEUSIA"];
const ANTIMETABOLITE: &[&str] = &["DIARRHOEA", "PPE_SYNDROME", "MUCOSITIS_ORAL", "FATIGUE", "NAUSEA", "NEUTROPENIA"];
const SKIN_AND_GUT: &[&str] = &["RASH_ACNEIFORM", "DIARRHOEA", "PARONYCHIA", "DRY_SKIN", "FATIGUE", "PRURITUS"];
const LIVER_AND_OEDEMA: &[&str] = &["OEDEMA_LIMBS", "ALT_INCREASED", "AST_INCREASED", "FATIGUE", "CONSTIPATION", "NAUSEA"];
const FEVERS: &[&str] = &["FEVER", "FATIGUE", "ARTHRALGIA", "RASH_MACULOPAPULAR", "NAUSEA", "DIARRHOEA"];
const VESSELS: &[&str] = &["HYPERTENSION", "PROTEINURIA", "PPE_SYNDROME", "DIARRHOEA", "FATIGUE", "THROMBOEMBOLIC_EVENT"];
const IMMUNE: &[&str] = &["FATIGUE", "HYPOTHYROIDISM", "COLITIS", "PNEUMONITIS", "RASH_MACULOPAPULAR", "HEPATITIS", "PRURITUS"];
const MARROW: &[&str] = &["ANAEMIA", "FATIGUE", "NAUSEA", "THROMBOCYTOPENIA", "ANOREXIA"];
const HEART: &[&str] = &["EJECTION_FRACTION_DECREASED", "INFUSION_REACTION", "DIARRHOEA", "FATIGUE", "NAUSEA"];
const HORMONES: &[&str] = &["ARTHRALGIA", "FATIGUE", "HYPERTENSION", "INSOMNIA", "MYALGIA"];
const SUGAR: &[&str] = &["HYPERGLYCAEMIA", "DIARRHOEA", "RASH_MACULOPAPULAR", "MUCOSITIS_ORAL", "FATIGUE"];

macro_rules! drugs {
    ($($constant:ident $atc:literal $name:literal $kind:literal $dose:literal $unit:literal $schedule:literal $toxicity:ident;)*) => {
        $(pub(crate) const $constant: Drug = Drug {
            atc: $atc, name: $name, kind: $kind, dose: $dose, unit: $unit, schedule: $schedule, toxicity: $toxicity,
        };)*
    };
}

drugs! {
    TEMOZOLOMIDE "L01AX03" "temozolomide" "40" "150" "mg/m2" "d1-5 q28d" CYTOTOXIC;
    PEMETREXED "L01BA04" "pemetrexed" "40" "500" "mg/m2" "d1 q21d" CYTOTOXIC;
    FLUOROURACIL "L01BC02" "fluorouracil" "40" "2400" "mg/m2" "46 h q14d" ANTIMETABOLITE;
    GEMCITABINE "L01BC05" "gemcitabine" "40" "1000" "mg/m2" "d1 d8 q21d" CYTOTOXIC;
    CAPECITABINE "L01BC06" "capecitabine" "40" "1000" "mg/m2" "2x/d d1-14 q21d" ANTIMETABOLITE;
    TRIFLURIDINE "L01BC59" "trifluridine" "40" "35" "mg/m2" "2x/d d1-5 d8-12 q28d" CYTOTOXIC;
    VINORELBINE "L01CA04" "vinorelbine" "40" "60" "mg/m2" "q7d" CYTOTOXIC;
    ETOPOSIDE "L01CB01" "etoposide" "40" "100" "mg/m2" "d1-3 q21d" CYTOTOXIC;
    PACLITAXEL "L01CD01" "paclitaxel" "40" "80" "mg/m2" "q7d" NEUROTOXIC;
    DOCETAXEL "L01CD02" "docetaxel" "40" "75" "mg/m2" "d1 q21d" CYTOTOXIC;
    IRINOTECAN "L01CE02" "irinotecan" "40" "180" "mg/m2" "q14d" ANTIMETABOLITE;
    DOXORUBICIN "L01DB01" "doxorubicin" "40" "60" "mg/m2" "d1 q21d" CYTOTOXIC;
    CISPLATIN "L01XA01" "cisplatin" "40" "75" "mg/m2" "d1 q21d" NEUROTOXIC;
    CARBOPLATIN "L01XA02" "carboplatin" "40" "5" "AUC" "d1 q21d" CYTOTOXIC;
    OXALIPLATIN "L01XA03" "oxaliplatin" "40" "85" "mg/m2" "q14d" NEUROTOXIC;
    ERIBULIN "L01XX41" "eribulin" "40" "1,23" "mg/m2" "d1 d8 q21d" NEUROTOXIC;
    CYCLOPHOSPHAMIDE "L01AA01" "cyclophosphamide" "40" "600" "mg/m2" "d1 q21d" CYTOTOXIC;
    IMATINIB "L01EA01" "imatinib" "45" "400" "mg" "1x/d" LIVER_AND_OEDEMA;
    SUNITINIB "L01EX01" "sunitinib" "45" "50" "mg" "1x/d d1-28 q42d" VESSELS;
    REGORAFENIB "L01EX05" "regorafenib" "45" "160" "mg" "1x/d d1-21 q28d" VESSELS;
    SORAFENIB "L01EX02" "sorafenib" "45" "400" "mg" "2x/d" VESSELS;
    PAZOPANIB "L01EX03" "pazopanib" "45" "800" "mg" "1x/d" VESSELS;
    CABOZANTINIB "L01EX07" "cabozantinib" "45" "60" "mg" "1x/d" VESSELS;
    LENVATINIB "L01EX08" "lenvatinib" "45" "24" "mg" "1x/d" VESSELS;
    OSIMERTINIB "L01EB04" "osimertinib" "45" "80" "mg" "1x/d" SKIN_AND_GUT;
    AMIVANTAMAB "L01FX18" "amivantamab" "45" "1050" "mg" "q14d" SKIN_AND_GUT;
    DABRAFENIB "L01EC02" "dabrafenib" "45" "150" "mg" "2x/d" FEVERS;
    TRAMETINIB "L01EE01" "trametinib" "45" "2" "mg" "1x/d" FEVERS;
    ENCORAFENIB "L01EC03" "encorafenib" "45" "300" "mg" "1x/d" FEVERS;
    BINIMETINIB "L01EE03" "binimetinib" "45" "45" "mg" "2x/d" FEVERS;
    CRIZOTINIB "L01ED01" "crizotinib" "45" "250" "mg" "2x/d" LIVER_AND_OEDEMA;
    ALECTINIB "L01ED03" "alectinib" "45" "600" "mg" "2x/d" LIVER_AND_OEDEMA;
    LORLATINIB "L01ED05" "lorlatinib" "45" "100" "mg" "1x/d" LIVER_AND_OEDEMA;
    PALBOCICLIB "L01EF01" "palbociclib" "45" "125" "mg" "1x/d d1-21 q28d" MARROW;
    EVEROLIMUS "L01EG02" "everolimus" "45" "10" "mg" "1x/d" SUGAR;
    TUCATINIB "L01EH03" "tucatinib" "45" "300" "mg" "2x/d" LIVER_AND_OEDEMA;
    ALPELISIB "L01EM03" "alpelisib" "45" "300" "mg" "1x/d" SUGAR;
    ERDAFITINIB "L01EN01" "erdafitinib" "45" "8" "mg" "1x/d" SKIN_AND_GUT;
    PEMIGATINIB "L01EN02" "pemigatinib" "45" "13,5" "mg" "1x/d d1-14 q21d" SKIN_AND_GUT;
    LAROTRECTINIB "L01EX12" "larotrectinib" "45" "100" "mg" "2x/d" LIVER_AND_OEDEMA;
    ENTRECTINIB "L01EX14" "entrectinib" "45" "600" "mg" "1x/d" LIVER_AND_OEDEMA;
    CAPMATINIB "L01EX17" "capmatinib" "45" "400" "mg" "2x/d" LIVER_AND_OEDEMA;
    TEPOTINIB "L01EX21" "tepotinib" "45" "450" "mg" "1x/d" LIVER_AND_OEDEMA;
    SELPERCATINIB "L01EX22" "selpercatinib" "45" "160" "mg" "2x/d" LIVER_AND_OEDEMA;
    SOTORASIB "L01XX73" "sotorasib" "45" "960" "mg" "1x/d" LIVER_AND_OEDEMA;
    ADAGRASIB "L01XX77" "adagrasib" "45" "600" "mg" "2x/d" LIVER_AND_OEDEMA;
    CAPIVASERTIB "capivasertib" "capivasertib" "45" "400" "mg" "2x/d d1-4 q7d" SUGAR;
    IVOSIDENIB "ivosidenib" "ivosidenib" "45" "500" "mg" "1x/d" LIVER_AND_OEDEMA;
    AVAPRITINIB "avapritinib" "avapritinib" "45" "300" "mg" "1x/d" LIVER_AND_OEDEMA;
    TRASTUZUMAB "L01FD01" "trastuzumab" "45" "6" "mg/kg" "q21d" HEART;
    TRASTUZUMAB_DERUXTECAN "L01FD04" "trastuzumab deruxtecan" "45" "5,4" "mg/kg" "q21d" HEART;
    SACITUZUMAB "L01FX17" "sacituzumab govitecan" "45" "10" "mg/kg" "d1 d8 q21d" CYTOTOXIC;
    CETUXIMAB "L01FE01" "cetuximab" "45" "500" "mg/m2" "q14d" SKIN_AND_GUT;
    BEVACIZUMAB "L01FG01" "bevacizumab" "45" "5" "mg/kg" "q14d" VESSELS;
    RAMUCIRUMAB "L01FG02" "ramucirumab" "45" "8" "mg/kg" "q14d" VESSELS;
    NIVOLUMAB "L01FF01" "nivolumab" "60" "240" "mg" "q14d" IMMUNE;
    PEMBROLIZUMAB "L01FF02" "pembrolizumab" "60" "200" "mg" "q21d" IMMUNE;
    DURVALUMAB "L01FF03" "durvalumab" "60" "1500" "mg" "q28d" IMMUNE;
    ATEZOLIZUMAB "L01FF05" "atezolizumab" "60" "1200" "mg" "q21d" IMMUNE;
    IPILIMUMAB "L01FX04" "ipilimumab" "60" "3" "mg/kg" "q21d" IMMUNE;
    OLAPARIB "L01XK01" "olaparib" "45" "300" "mg" "2x/d" MARROW;
    NIRAPARIB "L01XK02" "niraparib" "45" "200" "mg" "1x/d" MARROW;
    TALAZOPARIB "L01XK04" "talazoparib" "45" "1" "mg" "1x/d" MARROW;
    LEUPRORELIN "L02AE02" "leuprorelin" "50" "22,5" "mg" "q12w" HORMONES;
    FULVESTRANT "L02BA03" "fulvestrant" "50" "500" "mg" "q28d" HORMONES;
    ENZALUTAMIDE "L02BB04" "enzalutamide" "50" "160" "mg" "1x/d" HORMONES;
    LETROZOLE "L02BG04" "letrozole" "50" "2,5" "mg" "1x/d" HORMONES;
    ABIRATERONE "L02BX03" "abiraterone" "50" "1000" "mg" "1x/d" HORMONES;
}
