//! The catalogue of problems: every code with its status and its text in three languages. Part of docs/ERRORS.md is written from it.

use std::fmt::{self, Write as _};

use axum::http::StatusCode;

use crate::Language;

/// One line per code: the variant, the code as it is written, its status, and its text in English, Dutch and French.
macro_rules! catalogue {
    ($($variant:ident $code:literal $status:ident $en:literal $nl:literal $fr:literal;)*) => {
        /// What keeps a request from being done.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $en] $variant,)*
        }

        impl Code {
            /// Every code, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The code as it is written.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// The status that it is answered with.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)* }
            }

            /// What it says: of the request and of the rules, never of a value.
            #[must_use]
            pub const fn text(self, language: Language) -> &'static str {
                match self {
                    $(Self::$variant => match language {
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
    Unauthenticated "UNAUTHENTICATED" UNAUTHORIZED
        "A token is needed: Authorization: Bearer, and a token that this service knows."
        "Een token is nodig: Authorization: Bearer, en een token dat deze dienst kent."
        "Un jeton est nécessaire : Authorization: Bearer, et un jeton connu de ce service.";
    TokenExpired "TOKEN_EXPIRED" UNAUTHORIZED
        "The token has expired."
        "Het token is verlopen."
        "Le jeton a expiré.";
    ForbiddenRole "FORBIDDEN_ROLE" FORBIDDEN
        "The token's role may not do this."
        "De rol van het token mag dit niet."
        "Le rôle du jeton ne permet pas cela.";
    ForeignOrganisation "FOREIGN_ORGANISATION" FORBIDDEN
        "The token belongs to another organisation."
        "Het token hoort bij een andere organisatie."
        "Le jeton appartient à une autre organisation.";
    ForeignRegister "FOREIGN_REGISTER" FORBIDDEN
        "The token does not extend to this register."
        "Het token geldt niet voor dit register."
        "Le jeton ne s'étend pas à ce registre.";
    UnknownRoute "UNKNOWN_ROUTE" NOT_FOUND
        "There is no such address."
        "Dit adres bestaat niet."
        "Cette adresse n'existe pas.";
    WrongMethod "WRONG_METHOD" METHOD_NOT_ALLOWED
        "This address does not take this method."
        "Dit adres aanvaardt deze methode niet."
        "Cette adresse n'accepte pas cette méthode.";
    WrongMediaType "WRONG_MEDIA_TYPE" UNSUPPORTED_MEDIA_TYPE
        "The body is of another media type than this address takes."
        "De inhoud is van een ander mediatype dan dit adres aanvaardt."
        "Le corps est d'un autre type de média que celui que cette adresse accepte.";
    TooLarge "TOO_LARGE" PAYLOAD_TOO_LARGE
        "The content is larger than this address takes."
        "De inhoud is groter dan dit adres aanvaardt."
        "Le contenu est plus grand que ce que cette adresse accepte.";
    SlowRequest "SLOW_REQUEST" REQUEST_TIMEOUT
        "The body did not arrive in time."
        "De inhoud is niet op tijd aangekomen."
        "Le corps n'est pas arrivé à temps.";
    UnexpectedBody "UNEXPECTED_BODY" BAD_REQUEST
        "This address takes no body."
        "Dit adres aanvaardt geen inhoud."
        "Cette adresse n'accepte pas de corps.";
    NotJson "NOT_JSON" BAD_REQUEST
        "The body is not one JSON document in UTF-8."
        "De inhoud is niet één JSON-document in UTF-8."
        "Le corps n'est pas un seul document JSON en UTF-8.";
    UnknownMember "UNKNOWN_MEMBER" BAD_REQUEST
        "The document has a member that this address does not know."
        "Het document heeft een onderdeel dat dit adres niet kent."
        "Le document contient un membre que cette adresse ne connaît pas.";
    MissingMember "MISSING_MEMBER" BAD_REQUEST
        "The document lacks a member."
        "Er ontbreekt een onderdeel in het document."
        "Il manque un membre dans le document.";
    InvalidMember "INVALID_MEMBER" BAD_REQUEST
        "A member of the document is of another kind or form."
        "Een onderdeel van het document heeft een andere soort of vorm."
        "Un membre du document est d'une autre nature ou forme.";
    UnknownParameter "UNKNOWN_PARAMETER" BAD_REQUEST
        "The address has a parameter that is not known here."
        "Het adres heeft een parameter die hier niet bekend is."
        "L'adresse contient un paramètre inconnu ici.";
    InvalidParameter "INVALID_PARAMETER" BAD_REQUEST
        "A parameter of the address is missing, is given twice, or is of another form."
        "Een parameter van het adres ontbreekt, staat er dubbel in of heeft een andere vorm."
        "Un paramètre de l'adresse manque, est donné deux fois ou est d'une autre forme.";
    InvalidCursor "INVALID_CURSOR" BAD_REQUEST
        "The cursor is none of this list: take it from `next` of a page with the same parameters."
        "De cursor hoort niet bij deze lijst: neem die uit `next` van een pagina met dezelfde parameters."
        "Le curseur n'est pas de cette liste : prenez celui de `next` d'une page aux mêmes paramètres.";
    KeyMissing "IDEMPOTENCY_KEY_MISSING" BAD_REQUEST
        "A change needs the header Idempotency-Key."
        "Een wijziging heeft de header Idempotency-Key nodig."
        "Une modification nécessite l'en-tête Idempotency-Key.";
    KeyInvalid "IDEMPOTENCY_KEY_INVALID" BAD_REQUEST
        "Idempotency-Key is given once and has 8 to 128 visible ASCII characters."
        "Idempotency-Key staat er één keer in en heeft 8 tot 128 zichtbare ASCII-tekens."
        "Idempotency-Key est donné une fois et compte de 8 à 128 caractères ASCII visibles.";
    KeyReused "IDEMPOTENCY_KEY_REUSED" UNPROCESSABLE_ENTITY
        "The Idempotency-Key belongs to another request: take a new one."
        "De Idempotency-Key hoort bij een andere vraag: neem een nieuwe."
        "L'Idempotency-Key appartient à une autre demande : prenez-en une nouvelle.";
    InProgress "IN_PROGRESS" CONFLICT
        "A request with this Idempotency-Key is being worked on: ask again later."
        "Er loopt al een vraag met deze Idempotency-Key: vraag het later opnieuw."
        "Une demande avec cette Idempotency-Key est en cours : réessayez plus tard.";
    VersionMissing "VERSION_MISSING" PRECONDITION_REQUIRED
        "This change needs the header If-Match with the ETag of what was looked at."
        "Deze wijziging heeft de header If-Match nodig, met de ETag van wat bekeken werd."
        "Cette modification nécessite l'en-tête If-Match avec l'ETag de ce qui a été consulté.";
    InvalidVersion "INVALID_VERSION" BAD_REQUEST
        "If-Match holds exactly one ETag as this service gives them."
        "If-Match bevat precies één ETag zoals deze dienst die geeft."
        "If-Match contient exactement un ETag tel que ce service les donne.";
    StaleVersion "STALE_VERSION" PRECONDITION_FAILED
        "It has changed since it was looked at: look again, and decide again."
        "Het is veranderd sinds het bekeken werd: bekijk het opnieuw en beslis opnieuw."
        "Cela a changé depuis la consultation : consultez à nouveau, puis décidez à nouveau.";
    UnknownRegister "UNKNOWN_REGISTER" NOT_FOUND
        "There is no register of this name and version."
        "Er is geen register met deze naam en versie."
        "Il n'y a pas de registre de ce nom et de cette version.";
    UnknownRecord "UNKNOWN_RECORD" NOT_FOUND
        "There is no such record."
        "Dit dossier bestaat niet."
        "Cet enregistrement n'existe pas.";
    UnknownAttachment "UNKNOWN_ATTACHMENT" NOT_FOUND
        "There is no such attachment."
        "Deze bijlage bestaat niet."
        "Cette pièce jointe n'existe pas.";
    UnknownFault "UNKNOWN_FAULT" NOT_FOUND
        "No fault of this number is on."
        "Er staat geen fout met dit nummer aan."
        "Aucune panne de ce numéro n'est active.";
    InvalidFault "INVALID_FAULT" UNPROCESSABLE_ENTITY
        "These words say no fault that can be had here: `findings` says what was expected, and `faults/vocabulary` which words there are."
        "Deze woorden zeggen geen fout die hier mogelijk is: `findings` zegt wat verwacht werd, en `faults/vocabulary` welke woorden er zijn."
        "Ces mots ne disent aucune panne possible ici : `findings` dit ce qui était attendu, et `faults/vocabulary` quels mots il y a.";
    ServiceDown "SERVICE_DOWN" SERVICE_UNAVAILABLE
        "The service was stopped by an operator."
        "De dienst is door een operator gestopt."
        "Le service a été arrêté par un opérateur.";
    UnknownItem "UNKNOWN_ITEM" NOT_FOUND
        "The data warehouse has no verdict on such an item."
        "Het datawarehouse heeft geen oordeel over zo'n item."
        "L'entrepôt de données n'a pas de verdict sur un tel élément.";
    WrongStatus "WRONG_STATUS" CONFLICT
        "The status does not allow it."
        "De status laat dit niet toe."
        "Le statut ne le permet pas.";
    NotValidated "NOT_VALIDATED" CONFLICT
        "The current version has no verdict yet."
        "De huidige versie heeft nog geen oordeel."
        "La version actuelle n'a pas encore de verdict.";
    ForbiddenText "FORBIDDEN_TEXT" UNPROCESSABLE_ENTITY
        "A text holds something in the form of a national number or of a pseudonym."
        "Een tekst bevat iets in de vorm van een rijksregisternummer of van een pseudoniem."
        "Un texte contient quelque chose de la forme d'un numéro national ou d'un pseudonyme.";
    NoComment "NO_COMMENT" UNPROCESSABLE_ENTITY
        "A request needs at least one comment, and no empty one."
        "Een vraag heeft ten minste één opmerking nodig, en geen lege."
        "Une demande nécessite au moins un commentaire, et aucun vide.";
    UnknownField "UNKNOWN_FIELD" UNPROCESSABLE_ENTITY
        "The register has no such column."
        "Het register heeft deze kolom niet."
        "Le registre n'a pas cette colonne.";
    UnknownRegistration "UNKNOWN_REGISTRATION" NOT_FOUND
        "The hospital has no such registration."
        "Het ziekenhuis heeft deze registratie niet."
        "L'hôpital n'a pas cet enregistrement.";
    UnknownUpload "UNKNOWN_UPLOAD" NOT_FOUND
        "There is no such upload, or no such report of it."
        "Deze upload bestaat niet, of heeft dit verslag niet."
        "Ce chargement n'existe pas, ou n'a pas ce rapport.";
    ValidationErrors "VALIDATION_ERRORS" UNPROCESSABLE_ENTITY
        "The values have errors: `findings` has them."
        "De waarden bevatten fouten: zie `findings`."
        "Les valeurs comportent des erreurs : voir `findings`.";
    FileRefused "FILE_REFUSED" UNPROCESSABLE_ENTITY
        "The file is not this register's, and nothing of it was taken in: `findings` says why."
        "Het bestand hoort niet bij dit register en er is niets van opgenomen: `findings` zegt waarom."
        "Le fichier n'est pas de ce registre et rien n'en a été repris : `findings` dit pourquoi.";
    OtherUniqueId "OTHER_UNIQUE_ID" CONFLICT
        "The values have another unique id: they are another registration."
        "De waarden hebben een andere unieke identificatie: ze zijn een andere registratie."
        "Les valeurs ont un autre identifiant unique : elles sont un autre enregistrement.";
    UniqueIdTaken "UNIQUE_ID_TAKEN" CONFLICT
        "The register has a registration with this unique id already."
        "Het register heeft al een registratie met deze unieke identificatie."
        "Le registre a déjà un enregistrement avec cet identifiant unique.";
    IdTaken "ID_TAKEN" CONFLICT
        "The id is that of another registration."
        "De identificatie is die van een andere registratie."
        "L'identifiant est celui d'un autre enregistrement.";
    NotFilterable "NOT_FILTERABLE" UNPROCESSABLE_ENTITY
        "The register is not searched by this column."
        "In het register wordt niet op deze kolom gezocht."
        "Le registre ne se consulte pas par cette colonne.";
    UnknownComment "UNKNOWN_COMMENT" UNPROCESSABLE_ENTITY
        "There is no comment that this would answer."
        "Er is geen opmerking waarop dit een antwoord is."
        "Il n'y a pas de commentaire auquel cela répondrait.";
    NoAnswer "NO_ANSWER" UNPROCESSABLE_ENTITY
        "An answer may not be empty."
        "Een antwoord mag niet leeg zijn."
        "Une réponse ne peut pas être vide.";
    NoNationalNumber "NO_NATIONAL_NUMBER" UNPROCESSABLE_ENTITY
        "A national number is expected: 11 digits with correct check digits."
        "Een rijksregisternummer wordt verwacht: 11 cijfers met een juist controlegetal."
        "Un numéro national est attendu : 11 chiffres avec un nombre de contrôle correct.";
    CreationClosed "CREATION_CLOSED" CONFLICT
        "The data collection takes no new registrations today."
        "De gegevensverzameling aanvaardt vandaag geen nieuwe registraties."
        "La collecte de données n'accepte pas de nouveaux enregistrements aujourd'hui.";
    SubmissionClosed "SUBMISSION_CLOSED" CONFLICT
        "The data collection takes no versions today."
        "De gegevensverzameling aanvaardt vandaag geen versies."
        "La collecte de données n'accepte pas de versions aujourd'hui.";
    CommentsClosed "COMMENTS_CLOSED" CONFLICT
        "The data collection takes no answers to comments today."
        "De gegevensverzameling aanvaardt vandaag geen antwoorden op opmerkingen."
        "La collecte de données n'accepte pas de réponses aux commentaires aujourd'hui.";
    UnknownDeadLetter "UNKNOWN_DEAD_LETTER" NOT_FOUND
        "No such dead letter stands in any queue."
        "Zo'n onbestelbaar bericht staat in geen enkele wachtrij."
        "Aucune lettre morte de ce nom ne se trouve dans une file.";
    UnknownJob "UNKNOWN_JOB" NOT_FOUND
        "There is no such job; jobs are forgotten with their process."
        "Deze taak bestaat niet; taken worden met hun proces vergeten."
        "Cette tâche n'existe pas ; les tâches sont oubliées avec leur processus.";
    NotReady "NOT_READY" SERVICE_UNAVAILABLE
        "The service is not ready."
        "De dienst is niet klaar."
        "Le service n'est pas prêt.";
    Busy "BUSY" SERVICE_UNAVAILABLE
        "Too much is being asked at once: ask again later."
        "Er wordt te veel tegelijk gevraagd: vraag het later opnieuw."
        "Trop de demandes à la fois : réessayez plus tard.";
    StoreUnavailable "STORE_UNAVAILABLE" SERVICE_UNAVAILABLE
        "The store does not answer: ask again later."
        "De opslag antwoordt niet: vraag het later opnieuw."
        "Le dépôt ne répond pas : réessayez plus tard.";
    BrokerUnavailable "BROKER_UNAVAILABLE" SERVICE_UNAVAILABLE
        "The broker does not answer: ask again later."
        "De broker antwoordt niet: vraag het later opnieuw."
        "Le courtier de messages ne répond pas : réessayez plus tard.";
    Deadline "DEADLINE" SERVICE_UNAVAILABLE
        "It took too long: ask again later, with the same Idempotency-Key if it was a change."
        "Het duurde te lang: vraag het later opnieuw, met dezelfde Idempotency-Key als het een wijziging was."
        "Cela a pris trop de temps : réessayez plus tard, avec la même Idempotency-Key s'il s'agissait d'une modification.";
    Internal "INTERNAL" INTERNAL_SERVER_ERROR
        "Something went wrong in the service; its log knows more."
        "Er ging iets fout in de dienst; het logboek weet meer."
        "Une erreur est survenue dans le service ; son journal en sait plus.";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The page of problems, as docs/ERRORS.md has it.
#[must_use]
pub fn problems_markdown() -> String {
    let mut page = String::from(
        "# Problems of the APIs\n\n\
         This part is written from the catalogue in `shared/web/src/code.rs`; change it there.\n\n\
         A request that cannot be done is answered with a problem document (RFC 9457, `application/problem+json`): `type`, `title` in the language of\n\
         Accept-Language (en, nl, fr), `status`, `code`, and `pointer` to the member of the body where there is one. No problem repeats a value.\n\n\
         | code | status | en | nl | fr |\n| --- | --- | --- | --- | --- |\n",
    );
    for code in Code::ALL {
        let text = |language| code.text(language);
        let _ = writeln!(
            page,
            "| `{code}` | {} | {} | {} | {} |",
            code.status().as_u16(),
            text(Language::English),
            text(Language::Dutch),
            text(Language::French)
        );
    }
    page
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_unique_and_every_text_is_a_sentence() {
        let codes: BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(codes.len(), Code::ALL.len());
        for code in Code::ALL {
            assert!(code.status().is_client_error() || code.status().is_server_error(), "{code}");
            for language in [Language::English, Language::Dutch, Language::French] {
                let text = code.text(language);
                assert!(text.ends_with('.') && !text.contains('|'), "{code}: {text}");
            }
        }
    }
}
