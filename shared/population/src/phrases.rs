//! The sentences of the free texts. They speak of findings and of treatments, never of who the patient is.

use crate::draw::Draw;
use crate::residence::Tongue;

/// What a text is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Topic {
    LocalComment,
    CentralComment,
    TreatmentComment,
    Interpretation,
    Rationale,
    NoConsensus,
    OtherAdvice,
    OtherMetastasis,
    OtherReason,
    Program,
}

/// What a text may name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Names<'n> {
    pub(crate) gene: &'n str,
    pub(crate) drug: &'n str,
}

/// Writes a comment on a third of the rows: a sentence, and now and then a second one on its own line.
pub(crate) fn comment(topic: Topic, tongue: Tongue, names: Names<'_>, draw: &mut Draw, text: &mut String) {
    if !draw.percent(33) {
        return;
    }
    write(topic, tongue, names, draw, text);
    if draw.percent(5) {
        text.push('\n');
        write(topic, tongue, names, draw, text);
    }
}

/// Draws a sentence and writes it. Those that name a gene or a substance are passed over where there is none.
pub(crate) fn write(topic: Topic, tongue: Tongue, names: Names<'_>, draw: &mut Draw, text: &mut String) {
    let sentences = sentences(topic, tongue);
    let drawn = draw.pick(sentences);
    let fits = |sentence: &&str| {
        (!names.gene.is_empty() || !sentence.contains("{gene}")) && (!names.drug.is_empty() || !sentence.contains("{drug}"))
    };
    let sentence = Some(drawn).filter(|drawn| fits(drawn)).or_else(|| sentences.iter().copied().find(|sentence| fits(sentence)));
    let mut rest = sentence.unwrap_or_default();
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        rest = if let Some(after) = after.strip_prefix("gene}") {
            text.push_str(names.gene);
            after
        } else {
            text.push_str(names.drug);
            after.strip_prefix("drug}").unwrap_or(after)
        };
    }
    text.push_str(rest);
}

const fn sentences(topic: Topic, tongue: Tongue) -> &'static [&'static str] {
    let [dutch, french, english] = match topic {
        Topic::LocalComment => LOCAL_COMMENTS,
        Topic::CentralComment => CENTRAL_COMMENTS,
        Topic::TreatmentComment => TREATMENT_COMMENTS,
        Topic::Interpretation => INTERPRETATIONS,
        Topic::Rationale => RATIONALES,
        Topic::NoConsensus => NO_CONSENSUS,
        Topic::OtherAdvice => OTHER_ADVICE,
        Topic::OtherMetastasis => OTHER_METASTASES,
        Topic::OtherReason => OTHER_REASONS,
        Topic::Program => PROGRAMS,
    };
    match tongue {
        Tongue::Dutch => dutch,
        Tongue::French => french,
        Tongue::English => english,
    }
}

/// The sentences of a topic in Dutch, French and English. At least one of each names neither gene nor substance.
type Sentences = [&'static [&'static str]; 3];

const LOCAL_COMMENTS: Sentences = [
    &[
        "Beperkte hoeveelheid weefsel; bij progressie nieuwe biopsie nemen.",
        "Dekking voor {gene} was op enkele plaatsen laag.",
        "Besproken met de verwijzende arts; akkoord met het voorstel.",
        "Goede algemene toestand, staat open voor een studie.",
        "Eerst standaardbehandeling afwerken, dan opnieuw voorleggen.",
        "De variant in {gene} past bij het beeld van de pathologie.",
        "Terugbetaling van {drug} wordt nagekeken door de apotheek.",
        "Kiembaanonderzoek wordt aangevraagd.",
        "Staal van de metastase, primaire tumor niet beschikbaar.",
        "Resultaat van de \"liquid biopsy\" volgt later.",
    ],
    &[
        "Matériel limité ; nouvelle biopsie à prévoir en cas de progression.",
        "Couverture faible pour quelques régions de {gene}.",
        "Discuté avec l'oncologue référent, qui est d'accord.",
        "Bon état général, ouvert à une étude clinique.",
        "Terminer d'abord le traitement standard, puis rediscuter.",
        "Le variant de {gene} concorde avec l'histologie.",
        "Le remboursement de {drug} est à vérifier.",
        "Analyse constitutionnelle demandée.",
        "Prélèvement sur la métastase ; tumeur primitive non disponible.",
        "Résultat de la « biopsie liquide » attendu.",
    ],
    &[
        "Little tissue left; new biopsy at progression.",
        "Coverage of {gene} was low in a few exons.",
        "Discussed with the referring oncologist, who agrees.",
        "Good general condition, willing to enter a trial.",
        "Finish standard treatment first, then discuss again.",
        "The variant in {gene} fits the histology.",
        "Access to {drug} is being checked.",
        "Germline test requested.",
    ],
];

const CENTRAL_COMMENTS: Sentences = [
    &[
        "Unanieme aanbeveling van de experten.",
        "Voorkeur voor {drug} zolang de algemene toestand goed blijft.",
        "Graag terugkoppeling na drie maanden.",
        "Bij progressie een nieuw staal laten analyseren.",
        "Rol van {gene} besproken; voorstel ongewijzigd.",
        "Verwijzing naar de raadpleging genetica aanbevolen.",
    ],
    &[
        "Recommandation unanime des experts.",
        "Préférence pour {drug} tant que l'état général reste bon.",
        "Merci de nous informer de l'évolution après trois mois.",
        "Nouvelle analyse conseillée en cas de progression.",
        "Rôle de {gene} discuté ; proposition inchangée.",
        "Consultation d'oncogénétique conseillée.",
    ],
    &[
        "Unanimous recommendation.",
        "Prefer {drug} while the general condition allows it.",
        "Feedback after three months is welcome.",
        "Test a new sample at progression.",
        "Role of {gene} discussed; the proposal stands.",
    ],
];

const TREATMENT_COMMENTS: Sentences = [
    &[
        "Goed verdragen, geen dosisaanpassing nodig.",
        "Dosis van {drug} verlaagd na de tweede cyclus.",
        "Tijdelijk onderbroken wegens een infectie, daarna hervat.",
        "Duidelijke klinische verbetering na zes weken.",
        "Opvolging gebeurt samen met het regionale ziekenhuis.",
        "Gestart met {drug} na overleg met de apotheker.",
        "Beeldvorming om de acht weken.",
    ],
    &[
        "Bien toléré, sans adaptation de dose.",
        "Dose de {drug} réduite après le deuxième cycle.",
        "Interruption temporaire pour infection, puis reprise.",
        "Nette amélioration clinique après six semaines.",
        "Suivi partagé avec l'hôpital régional.",
        "Début de {drug} après accord de la pharmacie.",
        "Imagerie toutes les huit semaines.",
    ],
    &[
        "Well tolerated, no change of dose.",
        "Dose of {drug} reduced after the second cycle.",
        "Paused for an infection, then resumed.",
        "Clear clinical benefit after six weeks.",
        "Imaging every eight weeks.",
    ],
];

const INTERPRETATIONS: Sentences = [
    &["Bekende hotspot.", "Klinisch relevant in deze indicatie.", "Waarschijnlijk een begeleidende mutatie."],
    &["Hotspot connu.", "Pertinent dans cette indication.", "Probablement une mutation passagère."],
    &["Known hotspot.", "Relevant in this indication.", "Probably a passenger."],
];

const RATIONALES: Sentences = [
    &[
        "Beste bewijs in deze indicatie.",
        "Gunstige verhouding van baat en risico.",
        "Studie staat open in het land.",
        "Na falen van standaardtherapie.",
    ],
    &[
        "Meilleur niveau de preuve.",
        "Rapport bénéfice-risque favorable.",
        "Étude ouverte dans le pays.",
        "Après échec du traitement standard.",
    ],
    &[
        "Best evidence in this indication.",
        "Favourable benefit and risk.",
        "Trial open in the country.",
        "After failure of standard therapy.",
    ],
];

const NO_CONSENSUS: Sentences = [
    &["Meningen verdeeld over het nut van een kinaseremmer.", "Eerst bijkomend onderzoek nodig."],
    &["Avis partagés sur l'intérêt d'un inhibiteur de kinase.", "Analyses complémentaires nécessaires."],
    &["Opinions differ on the use of a kinase inhibitor.", "More tests are needed first."],
];

const OTHER_ADVICE: Sentences = [
    &["Comfortzorg voorgesteld.", "Opnieuw voorleggen na beeldvorming.", "Lokale behandeling van de metastase."],
    &["Soins de confort proposés.", "À rediscuter après imagerie.", "Traitement local de la métastase."],
    &["Best supportive care.", "To be discussed again after imaging.", "Local treatment of the metastasis."],
];

const OTHER_METASTASES: Sentences =
    [&["Pleura", "Milt", "Ovarium", "Nier"], &["Plèvre", "Rate", "Ovaire", "Rein"], &["Pleura", "Spleen", "Ovary", "Kidney"]];

const OTHER_REASONS: Sentences = [
    &["Advies kwam na de start van een andere lijn.", "Tweede advies elders gevraagd."],
    &["Avis reçu après le début d'une autre ligne.", "Deuxième avis demandé ailleurs."],
    &["The advice came after another line had begun.", "Second opinion sought elsewhere."],
];

const PROGRAMS: Sentences = [
    &["Medisch noodprogramma {drug}", "Medisch noodprogramma"],
    &["Programme médical d'urgence {drug}", "Programme médical d'urgence"],
    &["Medical need programme {drug}", "Medical need programme"],
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::draw::{Purpose, Source};

    const TOPICS: [Topic; 10] = [
        Topic::LocalComment,
        Topic::CentralComment,
        Topic::TreatmentComment,
        Topic::Interpretation,
        Topic::Rationale,
        Topic::NoConsensus,
        Topic::OtherAdvice,
        Topic::OtherMetastasis,
        Topic::OtherReason,
        Topic::Program,
    ];
    const TONGUES: [Tongue; 3] = [Tongue::Dutch, Tongue::French, Tongue::English];

    fn all() -> impl Iterator<Item = &'static str> {
        TOPICS.into_iter().flat_map(|topic| TONGUES.into_iter().flat_map(move |tongue| sentences(topic, tongue))).copied()
    }

    #[test]
    fn sentences_name_what_is_there_and_nothing_else() {
        let source = Source::new(1, Purpose::Visits, 0);
        for topic in TOPICS {
            for tongue in TONGUES {
                for number in 0..50 {
                    let said = |names| {
                        let mut text = String::new();
                        write(topic, tongue, names, &mut source.draw(number), &mut text);
                        text
                    };
                    let full = said(Names { gene: "BRAF", drug: "olaparib" });
                    assert!(!full.contains(['{', '}']) && !full.is_empty() && full.len() < 100, "{full}");
                    let bare = said(Names { gene: "", drug: "" });
                    assert!(!bare.contains("  ") && !bare.contains("{") && !bare.is_empty(), "{bare}");
                }
            }
        }
    }

    /// A name that is also a word of a text could not be told from a leak.
    #[test]
    fn no_name_is_a_word_of_a_sentence() {
        let words = |text: &str| -> Vec<String> {
            text.split(|character: char| !character.is_alphanumeric())
                .filter(|word| !word.is_empty())
                .map(str::to_lowercase)
                .collect()
        };
        let spoken: HashSet<String> = all().flat_map(words).collect();
        for name in crate::names::all() {
            assert!(!words(name).iter().all(|word| spoken.contains(word)), "{name}");
        }
    }
}
