//! The columns that the population fills in, of all three registers.

macro_rules! columns {
    ($($variant:ident $text:literal)*) => {
        /// A column without the index of an item; columns of equal names in several registers are one.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Column {
            $($variant,)*
        }

        impl Column {
            /// Every column, in order.
            pub(crate) const ALL: &'static [(Self, &'static str)] = &[$((Self::$variant, $text),)*];
        }
    };
}

columns! {
    PatientId "patient_id"
    InternalId "patient_id|internal_patient_id"
    Generated "patient_id|generated"
    Name "patient_id|name"
    FirstName "patient_id|first_name"
    Birth "patient_id|date_of_birth"
    Sex "patient_id|sex"
    Deceased "patient_id|deceased"
    Death "patient_id|date_of_death"
    Residence "patient_id|place_of_residence"
    VcfIdentifier "vcf_identifier"

    Physician "responsible_physician"
    LocalDate "local_mab_date"
    LocalDisciplines "local_mab_disciplines"
    Site "primary_tumour_site"
    Histology "tumour_histology"
    DiagnosisCode "diagnosis_code"
    Laterality "laterality"
    Diagnosis "date_of_diagnosis"
    Stage "stage"
    Metastases "metastatic_sites"
    MetastasesSpecify "metastatic_sites|specify"
    Ecog "ecog_performance_status"
    Weight "anthropometry|weight"
    Height "anthropometry|height"
    G8Food "g8_screening|food_intake"
    G8Weight "g8_screening|weight_loss"
    G8Mobility "g8_screening|mobility"
    G8Neuro "g8_screening|neuropsychological"
    G8Bmi "g8_screening|bmi"
    G8Drugs "g8_screening|more_than_three_drugs"
    G8Health "g8_screening|health_compared"
    PreviousLines "number_of_previous_lines"
    PreviousType "previous_treatments|treatment_type"
    PreviousSubstance "previous_treatments|substance"
    PreviousStart "previous_treatments|start_date"
    PreviousEnd "previous_treatments|end_date"
    PreviousResponse "previous_treatments|best_response"
    VcfFile "vcf_file"
    Laboratory "ngs_laboratory"
    Panel "ngs_panel"
    SampleType "sample_type"
    SampleDate "sample_date"
    CellContent "tumour_cell_content"
    MutationalBurden "tumour_mutational_burden"
    Msi "msi_status"
    Gene "variants|gene"
    VariantType "variants|variant_type"
    HgvsC "variants|hgvs_c"
    HgvsP "variants|hgvs_p"
    Vaf "variants|vaf"
    CopyNumber "variants|copy_number"
    FusionPartner "variants|fusion_partner"
    Pathogenicity "variants|pathogenicity"
    Escat "variants|escat_tier"
    OncoKb "variants|oncokb_level"
    NoActionableVariant "no_actionable_variant"
    LocalAdvice "local_mab_advice"
    AdviceSubstance "local_mab_advice|substance"
    AdviceTrial "local_mab_advice|trial_number"
    AdviceSpecify "local_mab_advice|specify"
    Refer "refer_to_central_mab"
    LocalComment "local_mab_comment"

    SubmittingCentre "submitting_centre"
    Received "date_received"
    CentralDate "central_mab_date"
    MeetingType "meeting_type"
    Experts "number_of_experts"
    ExpertDisciplines "expert_disciplines"
    DiscussedGene "variants_discussed|gene"
    DiscussedP "variants_discussed|hgvs_p"
    DiscussedEscat "variants_discussed|escat_tier"
    DiscussedOncoKb "variants_discussed|oncokb_level"
    DiscussedAmp "variants_discussed|amp_tier"
    Germline "variants_discussed|germline_suspected"
    Interpretation "variants_discussed|interpretation"
    Consensus "consensus_reached"
    ConsensusReason "consensus_reached|reason"
    CentralAdvice "central_mab_advice"
    CentralSpecify "central_mab_advice|specify"
    Rank "recommendations|rank"
    RecommendedSubstance "recommendations|substance"
    RecommendedGene "recommendations|target_gene"
    RecommendedRoute "recommendations|access_route"
    RecommendedTrial "recommendations|trial_number"
    RecommendedEscat "recommendations|escat_tier"
    Rationale "recommendations|rationale"
    Agrees "agrees_with_local_advice"
    AdditionalTest "additional_test"
    Counselling "genetic_counselling"
    ReportSent "report_sent_date"
    Report "report"
    CentralComment "central_mab_comment"

    Followed "mab_advice_followed"
    NotFollowedReason "mab_advice_followed|reason"
    NotFollowedSpecify "mab_advice_followed|specify"
    Start "treatment_start_date"
    Line "line_of_therapy"
    TreatmentType "treatment_type"
    Intent "treatment_intent"
    Substance "drugs|substance"
    Dose "drugs|dose"
    DoseUnit "drugs|dose_unit"
    Schedule "drugs|schedule"
    TargetGene "target_gene"
    Route "access_route"
    RouteTrial "access_route|trial_number"
    RouteProgram "access_route|program_name"
    EcogAtStart "ecog_at_start"
    Imaging "baseline_imaging_date"
    AssessmentDate "response_assessments|assessment_date"
    AssessmentMethod "response_assessments|method"
    Response "response_assessments|response"
    Diameters "response_assessments|sum_of_diameters"
    EventTerm "adverse_events|term"
    EventGrade "adverse_events|grade"
    EventOnset "adverse_events|onset_date"
    EventRelated "adverse_events|related"
    Ongoing "treatment_ongoing"
    Stop "treatment_stop_date"
    StopReason "stop_reason"
    Progression "progression"
    ProgressionDate "progression|date"
    FollowUp "date_of_last_followup"
    Vital "vital_status"
    TreatmentComment "treatment_comment"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_columns_number_is_its_place() {
        for (place, (column, _)) in Column::ALL.iter().enumerate() {
            assert_eq!(*column as usize, place);
        }
    }
}
