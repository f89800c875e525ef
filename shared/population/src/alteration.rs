//! Alterations of tumour genes that panels find often, with their usual description.

/// A variant as a panel reports it.
#[derive(Debug)]
pub(crate) struct Alteration {
    pub(crate) gene: &'static str,
    /// Code of VARTYPE.
    pub(crate) kind: &'static str,
    /// On the coding DNA; empty for gains, losses and fusions.
    pub(crate) coding: &'static str,
    /// On the protein; empty likewise.
    pub(crate) protein: &'static str,
    /// The other gene of a fusion.
    pub(crate) partner: &'static str,
    /// Code of PATHO.
    pub(crate) pathogenicity: &'static str,
    /// Often inherited when it is found.
    pub(crate) may_be_inherited: bool,
}

impl Alteration {
    const fn new(gene: &'static str, kind: &'static str, coding: &'static str, protein: &'static str) -> Self {
        Self { gene, kind, coding, protein, partner: "", pathogenicity: "P", may_be_inherited: false }
    }

    /// One nucleotide changed.
    const fn snv(gene: &'static str, coding: &'static str, protein: &'static str) -> Self {
        Self::new(gene, "SNV", coding, protein)
    }

    /// Nucleotides inserted or deleted.
    const fn indel(gene: &'static str, coding: &'static str, protein: &'static str) -> Self {
        Self::new(gene, "INDEL", coding, protein)
    }

    const fn gain(gene: &'static str) -> Self {
        Self::new(gene, "CNV_GAIN", "", "")
    }

    const fn loss(gene: &'static str) -> Self {
        Self::new(gene, "CNV_LOSS", "", "")
    }

    const fn fusion(gene: &'static str, partner: &'static str) -> Self {
        Self { partner, ..Self::new(gene, "FUSION", "", "") }
    }

    const fn inherited(self) -> Self {
        Self { may_be_inherited: true, ..self }
    }

    const fn graded(self, pathogenicity: &'static str) -> Self {
        Self { pathogenicity, ..self }
    }
}

macro_rules! alterations {
    ($($constant:ident = $alteration:expr;)*) => {
        $(pub(crate) const $constant: Alteration = $alteration;)*

        #[cfg(test)]
        pub(crate) const ALL: &[&Alteration] = &[$(&$constant,)*];
    };
}

alterations! {
    KRAS_G12C = Alteration::snv("KRAS", "c.34G>T", "p.(Gly12Cys)");
    KRAS_G12D = Alteration::snv("KRAS", "c.35G>A", "p.(Gly12Asp)");
    KRAS_G12V = Alteration::snv("KRAS", "c.35G>T", "p.(Gly12Val)");
    KRAS_G13D = Alteration::snv("KRAS", "c.38G>A", "p.(Gly13Asp)");
    NRAS_Q61K = Alteration::snv("NRAS", "c.181C>A", "p.(Gln61Lys)");
    NRAS_Q61R = Alteration::snv("NRAS", "c.182A>G", "p.(Gln61Arg)");
    BRAF_V600E = Alteration::snv("BRAF", "c.1799T>A", "p.(Val600Glu)");
    BRAF_V600K = Alteration::indel("BRAF", "c.1798_1799delinsAA", "p.(Val600Lys)");
    EGFR_L858R = Alteration::snv("EGFR", "c.2573T>G", "p.(Leu858Arg)");
    EGFR_DEL19 = Alteration::indel("EGFR", "c.2235_2249del", "p.(Glu746_Ala750del)");
    EGFR_INS20 = Alteration::indel("EGFR", "c.2300_2308dup", "p.(Ala767_Val769dup)");
    EGFR_GAIN = Alteration::gain("EGFR");
    ALK_EML4 = Alteration::fusion("ALK", "EML4");
    ROS1_CD74 = Alteration::fusion("ROS1", "CD74");
    RET_KIF5B = Alteration::fusion("RET", "KIF5B");
    RET_CCDC6 = Alteration::fusion("RET", "CCDC6");
    RET_M918T = Alteration::snv("RET", "c.2753T>C", "p.(Met918Thr)").inherited();
    NTRK1_TPM3 = Alteration::fusion("NTRK1", "TPM3");
    NTRK3_ETV6 = Alteration::fusion("NTRK3", "ETV6");
    FGFR2_BICC1 = Alteration::fusion("FGFR2", "BICC1");
    FGFR3_TACC3 = Alteration::fusion("FGFR3", "TACC3");
    FGFR3_S249C = Alteration::snv("FGFR3", "c.746C>G", "p.(Ser249Cys)");
    FGFR1_GAIN = Alteration::gain("FGFR1");
    TMPRSS2_ERG = Alteration::fusion("TMPRSS2", "ERG");
    MET_EXON14 = Alteration::new("MET", "SPLICE", "c.3028+1G>T", "p.?");
    MET_GAIN = Alteration::gain("MET");
    ERBB2_GAIN = Alteration::gain("ERBB2");
    ERBB2_INS20 = Alteration::indel("ERBB2", "c.2313_2324dup", "p.(Tyr772_Ala775dup)");
    ERBB2_S310F = Alteration::snv("ERBB2", "c.929C>T", "p.(Ser310Phe)");
    PIK3CA_H1047R = Alteration::snv("PIK3CA", "c.3140A>G", "p.(His1047Arg)");
    PIK3CA_E545K = Alteration::snv("PIK3CA", "c.1633G>A", "p.(Glu545Lys)");
    PIK3CA_E542K = Alteration::snv("PIK3CA", "c.1624G>A", "p.(Glu542Lys)");
    AKT1_E17K = Alteration::snv("AKT1", "c.49G>A", "p.(Glu17Lys)");
    ESR1_D538G = Alteration::snv("ESR1", "c.1613A>G", "p.(Asp538Gly)");
    ESR1_Y537S = Alteration::snv("ESR1", "c.1610A>C", "p.(Tyr537Ser)");
    PTEN_R130X = Alteration::snv("PTEN", "c.388C>T", "p.(Arg130*)");
    PTEN_LOSS = Alteration::loss("PTEN");
    BRCA1_5266DUP = Alteration::indel("BRCA1", "c.5266dup", "p.(Gln1756Profs*74)").inherited();
    BRCA1_68DEL = Alteration::indel("BRCA1", "c.68_69del", "p.(Glu23Valfs*17)").inherited();
    BRCA2_5946DEL = Alteration::indel("BRCA2", "c.5946del", "p.(Ser1982Argfs*22)").inherited();
    PALB2_509DEL = Alteration::indel("PALB2", "c.509_510del", "p.(Arg170Ilefs*14)").inherited();
    ATM_V2424G = Alteration::snv("ATM", "c.7271T>G", "p.(Val2424Gly)").inherited();
    CHEK2_1100DEL = Alteration::indel("CHEK2", "c.1100del", "p.(Thr367Metfs*15)").inherited();
    CDK12_LOSS = Alteration::loss("CDK12");
    IDH1_R132C = Alteration::snv("IDH1", "c.394C>T", "p.(Arg132Cys)");
    IDH1_R132H = Alteration::snv("IDH1", "c.395G>A", "p.(Arg132His)");
    KIT_DEL11 = Alteration::indel("KIT", "c.1669_1674del", "p.(Trp557_Lys558del)");
    PDGFRA_D842V = Alteration::snv("PDGFRA", "c.2525A>T", "p.(Asp842Val)");
    GNAQ_Q209P = Alteration::snv("GNAQ", "c.626A>C", "p.(Gln209Pro)");
    GNA11_Q209L = Alteration::snv("GNA11", "c.626A>T", "p.(Gln209Leu)");
    TSC2_LOSS = Alteration::loss("TSC2");
    POLE_P286R = Alteration::snv("POLE", "c.857C>G", "p.(Pro286Arg)");
    MLH1_LOSS = Alteration::loss("MLH1").inherited();
    MDM2_GAIN = Alteration::gain("MDM2");
    CDK4_GAIN = Alteration::gain("CDK4");
    AR_GAIN = Alteration::gain("AR");
    AR_L702H = Alteration::snv("AR", "c.2105T>A", "p.(Leu702His)");
    TP53_R175H = Alteration::snv("TP53", "c.524G>A", "p.(Arg175His)");
    TP53_R248Q = Alteration::snv("TP53", "c.743G>A", "p.(Arg248Gln)");
    TP53_R273H = Alteration::snv("TP53", "c.818G>A", "p.(Arg273His)");
    TP53_Y220C = Alteration::snv("TP53", "c.659A>G", "p.(Tyr220Cys)");
    TP53_R213X = Alteration::snv("TP53", "c.637C>T", "p.(Arg213*)");
    APC_R1450X = Alteration::snv("APC", "c.4348C>T", "p.(Arg1450*)");
    SMAD4_R361H = Alteration::snv("SMAD4", "c.1082G>A", "p.(Arg361His)").graded("LP");
    CDKN2A_LOSS = Alteration::loss("CDKN2A");
    CDKN2A_R80X = Alteration::snv("CDKN2A", "c.238C>T", "p.(Arg80*)");
    STK11_Q37X = Alteration::snv("STK11", "c.109C>T", "p.(Gln37*)");
    KEAP1_R320Q = Alteration::snv("KEAP1", "c.959G>A", "p.(Arg320Gln)").graded("LP");
    ARID1A_R1276X = Alteration::snv("ARID1A", "c.3826C>T", "p.(Arg1276*)");
    CTNNB1_S45F = Alteration::snv("CTNNB1", "c.134C>T", "p.(Ser45Phe)");
    RB1_R579X = Alteration::snv("RB1", "c.1735C>T", "p.(Arg579*)");
    NF1_R1362X = Alteration::snv("NF1", "c.4084C>T", "p.(Arg1362*)");
    FBXW7_R465H = Alteration::snv("FBXW7", "c.1394G>A", "p.(Arg465His)").graded("LP");
    SMARCA4_T910M = Alteration::snv("SMARCA4", "c.2729C>T", "p.(Thr910Met)").graded("LP");
    VHL_R167W = Alteration::snv("VHL", "c.499C>T", "p.(Arg167Trp)").inherited();
    TERT_PROMOTER = Alteration::snv("TERT", "c.-124C>T", "p.?");
    MYC_GAIN = Alteration::gain("MYC");
    CCND1_GAIN = Alteration::gain("CCND1");
    CCNE1_GAIN = Alteration::gain("CCNE1");
    ATM_VUS = Alteration::snv("ATM", "c.4258C>T", "p.(Leu1420Phe)").graded("VUS");
    BRCA2_VUS = Alteration::snv("BRCA2", "c.7544C>T", "p.(Thr2515Ile)").graded("VUS");
    MTOR_VUS = Alteration::snv("MTOR", "c.4448C>T", "p.(Ala1483Val)").graded("VUS");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_fit_the_kind_of_variant() {
        for alteration in ALL {
            let described = !alteration.coding.is_empty() && !alteration.protein.is_empty();
            assert_eq!(described, matches!(alteration.kind, "SNV" | "INDEL" | "SPLICE"), "{alteration:?}");
            assert_eq!(!alteration.partner.is_empty(), alteration.kind == "FUSION", "{alteration:?}");
        }
    }
}
