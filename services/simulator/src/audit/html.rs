//! A report as one page that needs nothing else: to be read, printed, and handed to a data protection officer.

use std::fmt::Write as _;

use super::{
    field::Kind,
    onlooker::Role,
    report::{FieldLine, Report, Seen, Standing, Verdict},
};

const STYLE: &str = "
:root{--ink:#1c2430;--soft:#5b6675;--line:#d8dde4;--good:#1d6b3c;--goodbg:#e6f4ea;--bad:#a11622;--badbg:#fde8e8;--part:#7a5a00;--partbg:#fff4d6}
*{box-sizing:border-box}body{font:15px/1.5 system-ui,'Segoe UI',Helvetica,Arial,sans-serif;color:var(--ink);max-width:78rem;margin:2rem auto;padding:0 1.5rem}
h1{font-size:1.7rem;margin:0 0 .3rem}h2{font-size:1.15rem;margin:2.2rem 0 .6rem;border-bottom:1px solid var(--line);padding-bottom:.2rem}
p{margin:.4rem 0}.soft{color:var(--soft)}.verdict{font-size:1.1rem;font-weight:600;padding:.7rem 1rem;border-radius:.4rem;margin:1rem 0}
.holds{background:var(--goodbg);color:var(--good)}.broken{background:var(--badbg);color:var(--bad)}.open{background:var(--partbg);color:var(--part)}
table{border-collapse:collapse;width:100%;font-size:.85rem}th,td{border:1px solid var(--line);padding:.25rem .45rem;text-align:left;vertical-align:top}
th{background:#f4f6f8;font-weight:600}td.c{text-align:center;white-space:nowrap}td.n{text-align:right;font-variant-numeric:tabular-nums}
.seen{background:#eef2f7}.reduced{background:var(--partbg);color:var(--part)}.breach{background:var(--bad);color:#fff;font-weight:700}.none{color:var(--soft)}
.tag{display:inline-block;padding:.05rem .5rem;border-radius:.7rem;font-size:.8rem;font-weight:600}dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem;margin:.6rem 0}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}ul{margin:.3rem 0;padding-left:1.2rem}.wide{overflow-x:auto}
thead{display:table-header-group}tr{break-inside:avoid}
@media print{body{margin:0;max-width:none;font-size:10pt}h2{break-after:avoid}table{font-size:7.5pt}@page{size:A4 landscape;margin:12mm}}
";

impl Report {
    /// The report as a page.
    #[must_use]
    pub fn html(&self) -> String {
        let mut page = String::with_capacity(64 * 1024);
        let class = if self.holds {
            "holds"
        } else if self.promises.iter().any(|verdict| verdict.standing == Standing::Broken) {
            "broken"
        } else {
            "open"
        };
        let _ = write!(
            page,
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
             <title>Who saw what</title><style>{STYLE}</style></head><body>\
             <h1>Who saw what</h1><p class=\"soft\">An audit of the PRECISION route: which party could see which field, and whether the promises hold. \
             No value of a patient stands in this report.</p><p class=\"verdict {class}\">{}</p>",
            escaped(self.sentence())
        );
        self.about(&mut page);
        self.promises_to(&mut page);
        self.matrix_to(&mut page);
        self.evidence_to(&mut page);
        self.fields_to(&mut page);
        self.searched_to(&mut page);
        page.push_str("</body></html>\n");
        page
    }

    fn about(&self, page: &mut String) {
        page.push_str("<dl>");
        let mut line = |name: &str, value: &str| {
            let _ = write!(page, "<dt>{}</dt><dd>{}</dd>", escaped(name), escaped(value));
        };
        line("date", &self.made_at);
        line("program", &self.program);
        line("stores", &self.subject);
        if let Some(data) = &self.data {
            line("folder of the run", data);
        }
        line("hospitals", &self.hospitals.join(", "));
        line("registers", &self.registers.join(", "));
        let taken = self.registrations;
        let planted = if self.is_planted { "; planted values among them" } else { "" };
        line("registrations", &format!("{}, the values of {} of them looked for{planted}", taken.registrations, taken.sampled));
        line("publications", &self.publications.to_string());
        page.push_str("</dl>");
    }

    fn promises_to(&self, page: &mut String) {
        page.push_str(
            "<h2>The promises</h2><table><thead><tr><th>promise</th><th>verdict</th><th>on what ground</th></tr></thead><tbody>",
        );
        for verdict in &self.promises {
            let number = verdict.number.map_or_else(String::new, |number| format!("<b>{number}.</b> "));
            let _ = write!(
                page,
                "<tr><td>{number}{}</td><td class=\"c\"><span class=\"tag {}\">{}</span></td><td>{}</td></tr>",
                escaped(verdict.sentence),
                class(verdict.standing),
                verdict.standing.as_str(),
                escaped(&verdict.ground)
            );
        }
        page.push_str("</tbody></table><p class=\"soft\">Those with a number are published by healthdata.be; the others follow from how they are kept.</p>");
    }

    fn matrix_to(&self, page: &mut String) {
        page.push_str("<h2>Which party saw which kind of value</h2><div class=\"wide\"><table><thead><tr><th>what</th><th>values looked for</th><th>not looked for</th>");
        heads(page);
        page.push_str("</tr></thead><tbody>");
        for kind in Kind::ALL {
            let Some((values, left_out, sights)) = self.of_kind(kind) else { continue };
            let _ = write!(page, "<tr><td>{kind}</td><td class=\"n\">{values}</td><td class=\"n\">{left_out}</td>");
            Role::ALL.iter().for_each(|role| cell(page, sights.get(role).copied().unwrap_or(Seen::NotSearched)));
            page.push_str("</tr>");
        }
        page.push_str(
            "</tbody></table></div><p class=\"soft\"><b>seen</b>: whole values, as it may. <b>reduced</b>: what the definition's policy leaves of them. \
             <b>-</b>: looked for and not seen. <b>SEEN!</b>: breaks a promise. <b>.</b>: too short or too common to be looked for, and in no column that was read. \
             <b>?</b>: nothing of it was looked at.</p>",
        );
    }

    fn evidence_to(&self, page: &mut String) {
        let broken: Vec<&Verdict> = self.promises.iter().filter(|verdict| !verdict.evidence.is_empty()).collect();
        page.push_str("<h2>Evidence</h2>");
        if broken.is_empty() {
            page.push_str("<p>No value was found where it may not be.</p>");
        }
        for verdict in broken {
            let _ = write!(
                page,
                "<p><b>{}</b></p><table><thead><tr><th>field</th><th>who can see it</th><th>in what</th><th>where</th><th>written</th><th>times</th><th>for instance</th></tr></thead><tbody>",
                escaped(verdict.sentence)
            );
            for one in &verdict.evidence {
                let _ = write!(
                    page,
                    "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td class=\"n\">{}</td><td>{}</td></tr>",
                    escaped(&one.field.to_string()),
                    one.onlooker,
                    one.medium,
                    escaped(&one.place),
                    escaped(&one.written),
                    one.times,
                    escaped(&one.of)
                );
            }
            page.push_str("</tbody></table>");
        }
    }

    fn fields_to(&self, page: &mut String) {
        page.push_str("<h2>Field by field</h2><div class=\"wide\"><table><thead><tr><th>field</th><th>kind</th><th>values looked for</th><th>not looked for</th>");
        heads(page);
        page.push_str("</tr></thead><tbody>");
        for line in &self.fields {
            let _ = write!(
                page,
                "<tr><td>{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>",
                escaped(&name(line)),
                line.field.kind,
                line.values,
                line.left_out
            );
            Role::ALL.iter().for_each(|role| cell(page, line.sights.get(role).copied().unwrap_or(Seen::NotSearched)));
            page.push_str("</tr>");
        }
        page.push_str("</tbody></table></div>");
    }

    fn searched_to(&self, page: &mut String) {
        page.push_str("<h2>What was looked at</h2><table><thead><tr><th>who can see it</th><th>in what</th><th>bytes</th><th>places</th></tr></thead><tbody>");
        for one in &self.searched {
            let places = one.places.iter().map(|place| escaped(place)).collect::<Vec<_>>().join("<br>");
            let _ = write!(
                page,
                "<tr><td>{}</td><td>{}</td><td class=\"n\">{}</td><td>{places}</td></tr>",
                one.onlooker, one.medium, one.bytes
            );
        }
        page.push_str("</tbody></table><h2>What was not looked at</h2><ul>");
        for what in self.not_searched.iter().map(String::as_str).chain(NEVER) {
            let _ = write!(page, "<li>{}</li>", escaped(what));
        }
        page.push_str("</ul>");
    }
}

/// What no search of this kind sees.
const NEVER: [&str; 4] = [
    "the memory of running processes, and what somebody saw on a screen",
    "what was compressed, or encrypted under a key that was not at hand",
    "copies outside the stores, files and queues that are named above: backups, other machines",
    "values below six bytes, and codes, numbers and days of a register, unless they stand in a column that was read",
];

const fn class(standing: Standing) -> &'static str {
    match standing {
        Standing::Holds => "holds",
        Standing::Broken => "broken",
        Standing::NotProved | Standing::NotSearched => "open",
    }
}

fn heads(page: &mut String) {
    for role in Role::ALL {
        let _ = write!(page, "<th>{role}</th>");
    }
}

fn cell(page: &mut String, seen: Seen) {
    let class = match seen {
        Seen::Breach => "breach",
        Seen::Seen => "seen",
        Seen::Reduced => "reduced",
        Seen::NotSeen | Seen::NotInColumns | Seen::NotSearched => "none",
    };
    let _ = write!(page, "<td class=\"c {class}\">{}</td>", seen.as_str());
}

fn name(line: &FieldLine) -> String {
    match (&line.field.register, &line.field.column) {
        (Some(register), Some(column)) => format!("{register}: {column}"),
        (Some(register), None) => register.clone(),
        (None, _) => line.field.kind.to_string(),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
