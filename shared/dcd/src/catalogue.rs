//! The catalogue of findings: every code with its level and its text in three languages. docs/ERRORS.md is written from it.

use std::fmt::{self, Write as _};

use crate::finding::{Level, Severity};
use crate::text::Language;

/// One line per code: the code, its level, and its text in English, Dutch and French. Words in braces are filled in from what was expected.
macro_rules! catalogue {
    ($($code:ident $level:ident $en:literal $nl:literal $fr:literal;)*) => {
        /// What a finding is. `E` and `V` codes are errors, `W` codes warnings.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $en] $code,)*
        }

        impl Code {
            /// Every code, in order.
            pub const ALL: &'static [Self] = &[$(Self::$code,)*];

            /// The code as it is written.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$code => stringify!($code),)* }
            }

            /// Whether it is about a file, a row or a field.
            #[must_use]
            pub const fn level(self) -> Level {
                match self { $(Self::$code => Level::$level,)* }
            }

            /// The text with its words in braces.
            pub(crate) const fn template(self, language: Language) -> &'static str {
                match self {
                    $(Self::$code => match language {
                        Language::English => $en,
                        Language::Dutch => $nl,
                        Language::French => $fr,
                    },)*
                }
            }
        }
    };
}

catalogue! {
    E01 File "this column is not a field of the register"
        "deze kolom is geen veld van het register"
        "cette colonne n'est pas un champ du registre";
    E02 File "a UTF-8 file is expected, with semicolons between the fields and the technical column names on its first line"
        "een UTF-8-bestand wordt verwacht, met puntkomma's tussen de velden en de technische kolomnamen op de eerste regel"
        "un fichier UTF-8 est attendu, avec des points-virgules entre les champs et les noms techniques des colonnes sur la première ligne";
    E03 Row "the row must have as many fields as the header: {expected}, not {found}"
        "de rij moet evenveel velden hebben als de kopregel: {expected}, niet {found}"
        "la ligne doit avoir autant de champs que l'en-tête : {expected}, et non {found}";
    E04 Field "an existing date in the form dd/mm/yyyy is expected"
        "een bestaande datum in de vorm dd/mm/jjjj wordt verwacht"
        "une date existante au format jj/mm/aaaa est attendue";
    E05 Field "a number is expected, with a comma as decimal mark"
        "een getal wordt verwacht, met een komma als decimaalteken"
        "un nombre est attendu, avec une virgule comme séparateur décimal";
    E06 Field "a code of the list {list} is expected"
        "een code uit de lijst {list} wordt verwacht"
        "un code de la liste {list} est attendu";
    E07 Field "TRUE or FALSE is expected"
        "TRUE of FALSE wordt verwacht"
        "TRUE ou FALSE est attendu";
    E08 File "the items of a list must be numbered from 0, without gaps and all with the same number of digits"
        "de items van een lijst moeten genummerd zijn vanaf 0, zonder gaten en met overal evenveel cijfers"
        "les éléments d'une liste doivent être numérotés à partir de 0, sans saut et tous avec le même nombre de chiffres";
    E09 Field "an item of a list may not be empty when a later one is filled"
        "een item van een lijst mag niet leeg zijn als een later item ingevuld is"
        "un élément d'une liste ne peut pas être vide lorsqu'un élément suivant est rempli";
    E10 Field "a national number is expected: 11 digits with correct check digits"
        "een rijksregisternummer of bisnummer wordt verwacht: 11 cijfers met een juist controlegetal"
        "un numéro national est attendu : 11 chiffres avec un nombre de contrôle correct";
    E11 Field "the name of a file that lies next to the CSV is expected, of at most {max} bytes and with one of the extensions {extensions}"
        "de naam van een bestand naast de CSV wordt verwacht, van ten hoogste {max} bytes en met een van de extensies {extensions}"
        "le nom d'un fichier situé à côté du CSV est attendu, de {max} octets au plus et avec l'une des extensions {extensions}";
    E12 File "the file may hold at most {max} bytes"
        "het bestand mag ten hoogste {max} bytes groot zijn"
        "le fichier peut compter au plus {max} octets";
    E13 File "the data collection is not open: it takes registrations {period}"
        "de gegevensverzameling is niet open: ze aanvaardt registraties {period}"
        "la collecte de données n'est pas ouverte : elle accepte des enregistrements {period}";
    E14 File "a column may occur only once in the header"
        "een kolom mag maar één keer in de kopregel staan"
        "une colonne ne peut figurer qu'une seule fois dans l'en-tête";
    E15 Row "a field that opens with a quotation mark must also close with one"
        "een veld dat met een aanhalingsteken begint, moet er ook mee eindigen"
        "un champ qui commence par un guillemet doit aussi se terminer par un guillemet";
    E16 File "this column is required and must be in the header"
        "deze kolom is verplicht en moet in de kopregel staan"
        "cette colonne est obligatoire et doit figurer dans l'en-tête";
    E17 Field "a text without a national number is expected"
        "een tekst zonder rijksregisternummer of bisnummer wordt verwacht"
        "un texte sans numéro national est attendu";
    E18 Row "the registration is approved and cannot be changed by a file"
        "de registratie is goedgekeurd en kan niet door een bestand gewijzigd worden"
        "l'enregistrement est approuvé et ne peut pas être modifié par un fichier";
    E19 Field "TRUE is expected only when the patient has no national number"
        "TRUE wordt alleen verwacht als de patiënt geen rijksregisternummer heeft"
        "TRUE n'est attendu que si le patient n'a pas de numéro national";
    E20 Row "the attachments of a registration may together hold at most {max} bytes"
        "de bijlagen van een registratie mogen samen ten hoogste {max} bytes groot zijn"
        "les annexes d'un enregistrement peuvent compter ensemble au plus {max} octets";
    E21 Field "a text is expected without the patient's internal number, full date of birth, or name with first name"
        "een tekst wordt verwacht zonder het interne nummer, de volledige geboortedatum of de naam met voornaam van de patiënt"
        "un texte est attendu sans le numéro interne, la date de naissance complète ou le nom avec le prénom du patient";
    E22 Field "an internal number is expected, not a national number"
        "een intern nummer wordt verwacht, geen rijksregisternummer of bisnummer"
        "un numéro interne est attendu, pas un numéro national";
    E23 Field "at most {max} characters are expected"
        "ten hoogste {max} tekens worden verwacht"
        "{max} caractères au plus sont attendus";
    E24 Field "this field is computed: leave it empty or give the value that follows from the other fields"
        "dit veld wordt berekend: laat het leeg of geef de waarde die uit de andere velden volgt"
        "ce champ est calculé : laissez-le vide ou donnez la valeur qui découle des autres champs";
    E25 Field "a value of this form is expected: {form}"
        "een waarde van deze vorm wordt verwacht: {form}"
        "une valeur de cette forme est attendue : {form}";
    E26 Field "a text in UTF-8 is expected"
        "een tekst in UTF-8 wordt verwacht"
        "un texte en UTF-8 est attendu";
    E27 Field "a number is expected with at most 12 digits and {max} decimals"
        "een getal wordt verwacht met ten hoogste 12 cijfers en {max} decimalen"
        "un nombre est attendu avec au plus 12 chiffres et {max} décimales";
    E28 Field "a text without control characters is expected, and on one line unless the field has several"
        "een tekst zonder stuurtekens wordt verwacht, en op één regel tenzij het veld er meer heeft"
        "un texte sans caractères de contrôle est attendu, et sur une seule ligne sauf si le champ en a plusieurs";
    E29 Field "each value may be given only once"
        "elke waarde mag maar één keer gegeven worden"
        "chaque valeur ne peut être donnée qu'une seule fois";
    E30 File "the list may have at most {max} items"
        "de lijst mag ten hoogste {max} items hebben"
        "la liste peut compter au plus {max} éléments";
    E31 Row "a registration with this unique id exists already with other values, and the conflict mode refuses to change it"
        "er bestaat al een registratie met deze unieke identificatie en andere waarden, en de conflictmodus weigert ze te wijzigen"
        "un enregistrement avec cet identifiant unique existe déjà avec d'autres valeurs, et le mode de conflit refuse de le modifier";
    E32 Row "the registration is being sent; it can be opened again as soon as it is submitted"
        "de registratie wordt verzonden; ze kan heropend worden zodra ze verstuurd is"
        "l'enregistrement est en cours d'envoi ; il pourra être rouvert dès qu'il sera envoyé";
    E33 Row "other rows of the file have errors, and nothing of it is taken in unless all rows are right"
        "andere rijen van het bestand bevatten fouten, en er wordt niets opgenomen zolang niet alle rijen juist zijn"
        "d'autres lignes du fichier contiennent des erreurs, et rien n'est repris tant que toutes les lignes ne sont pas correctes";
    E34 Row "the registration was deleted; its unique id cannot be used again"
        "de registratie is verwijderd; haar unieke identificatie kan niet opnieuw gebruikt worden"
        "l'enregistrement a été supprimé ; son identifiant unique ne peut pas être réutilisé";
    E35 Field "a file is expected whose content is what its extension says, one of {extensions}"
        "een bestand wordt verwacht waarvan de inhoud is wat zijn extensie zegt, een van {extensions}"
        "un fichier est attendu dont le contenu correspond à son extension, l'une de {extensions}";
    E36 Field "a plain file name is expected, of at most {max} bytes: no folder, no control character, no point or space at its ends, and no name that operating systems reserve"
        "een gewone bestandsnaam wordt verwacht, van ten hoogste {max} bytes: geen map, geen stuurteken, geen punt of spatie aan het begin of einde, en geen naam die besturingssystemen voorbehouden"
        "un simple nom de fichier est attendu, de {max} octets au plus : sans dossier, sans caractère de contrôle, sans point ni espace au début ou à la fin, et sans nom réservé par les systèmes d'exploitation";
    V01 Field "a value is required"
        "een waarde is verplicht"
        "une valeur est obligatoire";
    V02 Field "a date that is not in the future is expected"
        "een datum die niet in de toekomst ligt, wordt verwacht"
        "une date qui n'est pas dans le futur est attendue";
    V03 Field "{rule}"
        "{rule}"
        "{rule}";
    V04 Field "a number {range} is expected"
        "een getal {range} wordt verwacht"
        "un nombre {range} est attendu";
    V05 Field "{rule}"
        "{rule}"
        "{rule}";
    W01 Row "the registration equals the stored one and is not sent again"
        "de registratie is gelijk aan de bewaarde en wordt niet opnieuw verstuurd"
        "l'enregistrement est égal à celui qui est conservé et n'est pas renvoyé";
    W02 Row "the registration differs from the stored one; the conflict master decided"
        "de registratie verschilt van de bewaarde; de conflictregel heeft beslist"
        "l'enregistrement diffère de celui qui est conservé ; la règle de conflit a décidé";
    W03 Field "the code has the form of the list {list}, but the list is not complete and does not hold it"
        "de code heeft de vorm van de lijst {list}, maar de lijst is niet volledig en bevat hem niet"
        "le code a la forme de la liste {list}, mais la liste est incomplète et ne le contient pas";
    W04 Field "the value differs from the computed one by rounding; the computed one is taken"
        "de waarde verschilt door afronding van de berekende; de berekende wordt genomen"
        "la valeur diffère de la valeur calculée par l'arrondi ; la valeur calculée est retenue";
    W05 Field "{rule}"
        "{rule}"
        "{rule}";
    W06 Field "{rule}"
        "{rule}"
        "{rule}";
}

impl Code {
    /// Error or warning.
    #[must_use]
    pub fn severity(self) -> Severity {
        if self.as_str().starts_with('W') { Severity::Warning } else { Severity::Error }
    }

    /// What stands in the catalogue for the codes whose whole text comes from a definition.
    const fn described(self, language: Language) -> Option<&'static str> {
        match (self, language) {
            (Self::V03, Language::English) => Some("a rule of the register is broken; the text is the rule's"),
            (Self::V03, Language::Dutch) => Some("een regel van het register is niet gevolgd; de tekst is die van de regel"),
            (Self::V03, Language::French) => Some("une règle du registre n'est pas respectée ; le texte est celui de la règle"),
            (Self::V05, Language::English) => {
                Some("a rule across the registrations of a patient is broken; the text is the rule's")
            }
            (Self::V05, Language::Dutch) => {
                Some("een regel over de registraties van een patiënt is niet gevolgd; de tekst is die van de regel")
            }
            (Self::V05, Language::French) => Some(
                "une règle portant sur les enregistrements d'un patient n'est pas respectée ; le texte est celui de la règle",
            ),
            (Self::W05, Language::English) => Some("a rule of the register asks for attention; the text is the rule's"),
            (Self::W05, Language::Dutch) => Some("een regel van het register vraagt aandacht; de tekst is die van de regel"),
            (Self::W05, Language::French) => Some("une règle du registre demande l'attention ; le texte est celui de la règle"),
            (Self::W06, Language::English) => {
                Some("a rule across the registrations of a patient asks for attention; the text is the rule's")
            }
            (Self::W06, Language::Dutch) => {
                Some("een regel over de registraties van een patiënt vraagt aandacht; de tekst is die van de regel")
            }
            (Self::W06, Language::French) => Some(
                "une règle portant sur les enregistrements d'un patient demande l'attention ; le texte est celui de la règle",
            ),
            _ => None,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The catalogue as Markdown: the text of docs/ERRORS.md.
#[must_use]
pub fn errors_markdown() -> String {
    let mut page = String::from(
        "# Findings in registrations\n\n\
         This page is written from the catalogue in `shared/dcd`; change it there.\n\n\
         A finding names a level (file, row or field), a severity, the line, the column, the rule when a definition's rule made it, and what was\n\
         expected, in English, Dutch and French. No finding repeats what a cell holds. `E` and `V` codes are errors and reject the row (at level\n\
         file: the whole file); `W` codes are warnings and let it pass. All findings of a row are given at once. Words in braces are filled in.\n\n\
         | code | level | severity | English | Dutch | French |\n\
         | --- | --- | --- | --- | --- | --- |\n",
    );
    for &code in Code::ALL {
        let _ = write!(page, "| {code} | {} | {} |", code.level().as_str(), code.severity().as_str());
        for language in Language::ALL {
            let _ = write!(page, " {} |", code.described(language).unwrap_or(code.template(language)));
        }
        page.push('\n');
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_text_in_every_language() {
        for &code in Code::ALL {
            let texts = Language::ALL.map(|language| code.described(language).unwrap_or(code.template(language)));
            assert!(texts.iter().all(|text| text.len() > 5), "{code}");
            if code != Code::E07 {
                assert!(texts[0] != texts[1] && texts[1] != texts[2] && texts[0] != texts[2], "{code}");
            }
        }
    }

    /// A word in braces that one language lacks would leave a gap there.
    #[test]
    fn the_languages_of_a_code_fill_in_the_same_words() {
        let words = |text: &str| {
            let mut words: Vec<_> =
                text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(word, _)| word.to_owned()).collect();
            words.sort();
            words
        };
        for &code in Code::ALL {
            let english = words(code.template(Language::English));
            assert_eq!(english, words(code.template(Language::Dutch)), "{code}");
            assert_eq!(english, words(code.template(Language::French)), "{code}");
        }
    }

    #[test]
    fn codes_are_in_order_and_the_page_holds_each_once() {
        assert!(Code::ALL.windows(2).all(|pair| pair[0].as_str() < pair[1].as_str()));
        let page = errors_markdown();
        for code in Code::ALL {
            assert_eq!(page.matches(&format!("| {code} |")).count(), 1, "{code}");
        }
    }
}
