//! Names as Belgian hospitals meet them, by community. All are common ones; who bears them here does not exist.

use crate::draw::Draw;
use crate::number::Sex;

/// Where a patient's name comes from. It says nothing of the nationality.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Community {
    Dutch,
    French,
    German,
    Maghreb,
    Turkish,
    CentralAfrican,
    SouthEuropean,
    EastEuropean,
    Asian,
}

/// The names of a community.
struct Names {
    last: &'static [&'static str],
    women: &'static [&'static str],
    men: &'static [&'static str],
}

/// Communities by their share, in thousandths.
const SHARES: &[(u32, Community)] = &[
    (500, Community::Dutch),
    (310, Community::French),
    (12, Community::German),
    (48, Community::Maghreb),
    (24, Community::Turkish),
    (20, Community::CentralAfrican),
    (46, Community::SouthEuropean),
    (28, Community::EastEuropean),
    (12, Community::Asian),
];

/// Draws a community.
pub(crate) fn community(draw: &mut Draw) -> Community {
    draw.weighted(SHARES, |share| share.0).1
}

/// Draws a last name. A few people bear two.
pub(crate) fn last_name(community: Community, draw: &mut Draw) -> String {
    let names = names(community);
    let mut name = draw.pick(names.last).to_owned();
    if draw.percent(3) {
        let second = draw.pick(names.last);
        if second != name {
            name.push('-');
            name.push_str(second);
        }
    }
    name
}

/// Draws a first name. A third of the children of migrants got one that is common in the country.
pub(crate) fn first_name(community: Community, sex: Sex, draw: &mut Draw) -> &'static str {
    let local = match community {
        Community::Dutch | Community::French | Community::German => community,
        _ if draw.percent(15) => Community::Dutch,
        _ if draw.percent(18) => Community::French,
        _ => community,
    };
    let names = names(local);
    match sex {
        Sex::Female => draw.pick(names.women),
        Sex::Male => draw.pick(names.men),
    }
}

const fn names(community: Community) -> &'static Names {
    match community {
        Community::Dutch => &DUTCH,
        Community::French => &FRENCH,
        Community::German => &GERMAN,
        Community::Maghreb => &MAGHREB,
        Community::Turkish => &TURKISH,
        Community::CentralAfrican => &CENTRAL_AFRICAN,
        Community::SouthEuropean => &SOUTH_EUROPEAN,
        Community::EastEuropean => &EAST_EUROPEAN,
        Community::Asian => &ASIAN,
    }
}

#[rustfmt::skip]
const DUTCH: Names = Names {
    last: &[
        "Peeters", "Janssens", "Maes", "Jacobs", "Willems", "Mertens", "Claes", "Goossens", "Wouters", "De Smet",
        "Vermeulen", "Pauwels", "Hermans", "Aerts", "Michiels", "Martens", "De Vos", "Smets", "Claeys", "Devos", "Segers",
        "Van Damme", "Verhoeven", "Coppens", "Van den Broeck", "Stevens", "Lemmens", "Cools", "Bogaert", "De Backer",
        "Wuyts", "Declercq", "Thijs", "Verstraete", "Van de Velde", "Bosmans", "Moens", "Verbeke", "De Clercq", "Desmet",
        "Van den Bossche", "Vandenberghe", "Cuypers", "D'Hondt", "Van Hoof", "Geerts", "Baert", "Lenaerts", "Bauwens",
        "Van der Auwera", "Vanhoutte", "Dewulf", "'t Kindt", "Nys", "Ooms", "Vandewalle", "Van Acker", "Huybrechts",
        "Roelandts", "Swinnen",
    ],
    women: &[
        "Maria", "Anna", "Godelieve", "Rita", "Monique", "Lieve", "Christiane", "Annemie", "Hilde", "Greet", "Ingrid",
        "Katrien", "Sofie", "Els", "Kristel", "Veerle", "Nele", "Liesbeth", "Ann-Sofie", "Charlotte", "Lotte", "Marijke",
        "Josée", "Yvonne", "Paula", "Simonne", "Mieke", "Ria", "Ilse", "Tine", "Margriet", "Leen",
    ],
    men: &[
        "Jan", "Jozef", "Luc", "Marc", "Patrick", "Dirk", "Johan", "Willy", "Paul", "Guido", "Eddy", "Koen", "Bart",
        "Tom", "Stijn", "Wim", "Geert", "Kristof", "Pieter-Jan", "Frans", "Gustaaf", "André", "Roger", "Walter", "Herman",
        "Filip", "Rik", "Jef", "Maarten", "Wouter", "Hugo", "Lucien",
    ],
};

#[rustfmt::skip]
const FRENCH: Names = Names {
    last: &[
        "Dubois", "Lambert", "Martin", "Dupont", "Simon", "Dumont", "Leclercq", "Laurent", "Denis", "Lejeune", "Renard",
        "François", "Gérard", "Mathieu", "Lefèbvre", "Leroy", "Adam", "Charlier", "Thiry", "Bodart", "Collard", "Delvaux",
        "Evrard", "Fontaine", "Gillet", "Henry", "Jadot", "Lacroix", "Marchal", "Noël", "Pirard", "Rousseau", "Servais",
        "Thomas", "Urbain", "Wéry", "Delfosse", "Bastin", "Piette", "Hubert", "Massart", "Poncelet", "Goffin", "Halleux",
        "Libert", "Mélard", "de Hemptinne", "Van Hove", "Jacquemin", "Wauters",
    ],
    women: &[
        "Marie", "Nathalie", "Isabelle", "Monique", "Jeannine", "Françoise", "Martine", "Anne", "Véronique", "Brigitte",
        "Chantal", "Dominique", "Sylvie", "Catherine", "Valérie", "Stéphanie", "Émilie", "Céline", "Anne-Marie",
        "Marie-Thérèse", "Élise", "Jacqueline", "Huguette", "Nicole", "Colette", "Ginette", "Laurence", "Aurélie",
        "Joëlle", "Lucie",
    ],
    men: &[
        "Jean", "Michel", "Philippe", "Alain", "Pierre", "André", "Jacques", "Daniel", "Christian", "Bernard", "Thierry",
        "Olivier", "Benoît", "Éric", "Frédéric", "Jean-Pierre", "Jean-François", "Marcel", "René", "Georges", "Albert",
        "Fernand", "Yves", "Didier", "Pascal", "Xavier", "Quentin", "Loïc", "Gaëtan", "Raphaël",
    ],
};

#[rustfmt::skip]
const GERMAN: Names = Names {
    last: &[
        "Schmitz", "Müller", "Heinen", "Kirch", "Lentz", "Küpper", "Schröder", "Pauels", "Cormann", "Hilgers", "Jost",
        "Langer", "Radermacher", "Schumacher", "Weiß", "Thielen", "Velz", "Brüls",
    ],
    women: &[
        "Helga", "Renate", "Ursula", "Karin", "Elke", "Gisela", "Käthe", "Monika", "Sabine", "Anneliese", "Jutta",
        "Bärbel",
    ],
    men: &[
        "Karl-Heinz", "Günther", "Manfred", "Jürgen", "Helmut", "Werner", "Dieter", "Rainer", "Björn", "Joachim", "Erwin",
    ],
};

#[rustfmt::skip]
const MAGHREB: Names = Names {
    last: &[
        "El Amrani", "Benali", "Bouazza", "El Idrissi", "Chaoui", "Ben Saïd", "Haddad", "El Khattabi", "Zerouali",
        "Boukhari", "Tahiri", "Aït Lahcen", "Mansouri", "Ouali", "Belhaj", "Bennani",
    ],
    women: &[
        "Fatima", "Khadija", "Naïma", "Aïcha", "Samira", "Rachida", "Malika", "Yasmina", "Zohra", "Soumaya",
        "Fatima-Zahra",
    ],
    men: &[
        "Mohamed", "Ahmed", "Rachid", "Hassan", "Youssef", "Abdelkader", "Mustapha", "Karim", "Saïd", "Driss", "Abdellah",
    ],
};

#[rustfmt::skip]
const TURKISH: Names = Names {
    last: &["Yılmaz", "Demir", "Kaya", "Şahin", "Çelik", "Yıldız", "Öztürk", "Aydın", "Arslan", "Doğan", "Kılıç", "Güneş"],
    women: &["Ayşe", "Fatma", "Emine", "Hatice", "Zeynep", "Elif", "Gülşen", "Sevgi", "Hülya", "Nuray"],
    men: &["Mehmet", "Mustafa", "Ali", "Hüseyin", "İbrahim", "Osman", "Yusuf", "Ömer", "Murat", "Ramazan"],
};

#[rustfmt::skip]
const CENTRAL_AFRICAN: Names = Names {
    last: &[
        "Mukendi", "Ilunga", "Kabongo", "Tshibangu", "Mbuyi", "Kalala", "Nsimba", "Lukusa", "Mutombo", "Uwimana",
        "Habimana", "Ndayishimiye", "Kasongo", "Matondo",
    ],
    women: &[
        "Béatrice", "Espérance", "Clémentine", "Marie-Josée", "Immaculée", "Odette", "Mireille", "Jolie", "Solange",
        "Ngalula",
    ],
    men: &["Dieudonné", "Emmanuel", "Patrice", "Faustin", "Trésor", "Fiston", "Innocent", "Célestin", "Gloire", "Kasereka"],
};

#[rustfmt::skip]
const SOUTH_EUROPEAN: Names = Names {
    last: &[
        "Rossi", "Russo", "Esposito", "Di Rupo", "Lo Bue", "D'Angelo", "Fernández", "García", "López", "Muñoz",
        "da Silva", "Ferreira", "Gonçalves", "dos Santos", "Papadopoulos", "Vitale", "Caruso", "Conceição", "Moscufo",
        "Di Giovanni",
    ],
    women: &[
        "Giuseppina", "Concetta", "Carmela", "Rosaria", "Lucia", "Carmen", "Dolores", "Begoña", "Conceição", "Inês",
        "Eleni",
    ],
    men: &[
        "Giuseppe", "Salvatore", "Antonio", "Calogero", "Domenico", "José", "Jesús", "Joaquim", "João", "Luís",
        "Dimitrios",
    ],
};

#[rustfmt::skip]
const EAST_EUROPEAN: Names = Names {
    last: &[
        "Kowalski", "Nowak", "Wiśniewska", "Wójcik", "Popescu", "Ionescu", "Ștefănescu", "Dimitrov", "Ivanova",
        "Shevchenko", "Kovalenko", "Novák", "Horváth", "Krasniqi", "Petrović", "Łukasik",
    ],
    women: &["Agnieszka", "Małgorzata", "Elżbieta", "Ioana", "Mihaela", "Oksana", "Olena", "Svetlana", "Zdeňka", "Ljiljana"],
    men: &["Krzysztof", "Stanisław", "Zbigniew", "Andrzej", "Gheorghe", "Ștefan", "Oleksandr", "Bohdan", "Václav", "Dragan"],
};

#[rustfmt::skip]
const ASIAN: Names = Names {
    last: &["Nguyễn", "Trần", "Wang", "Chen", "Singh", "Kaur", "Tamang", "Sherpa", "Hussain", "Khan", "Rahimi", "Hosseini"],
    women: &["Thị Hồng", "Mei Ling", "Xiuying", "Harpreet", "Sunita", "Zahra", "Shabnam", "Ngọc Anh", "Ananya"],
    men: &["Văn Minh", "Jianguo", "Gurpreet", "Rajesh", "Muhammad", "Reza", "Abdul Rahman", "Đức", "Bikash"],
};

#[cfg(test)]
pub(crate) fn all() -> impl Iterator<Item = &'static str> {
    SHARES.iter().flat_map(|share| {
        let names = names(share.1);
        names.last.iter().chain(names.women).chain(names.men).copied()
    })
}
