//! The verdict on an item.

use std::sync::Arc;

use axum::extract::State;
use hd_messages::VerdictSeverity;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use web::{Call, Code, Path, Problem, Reply, Trace, token::Registers};

use crate::Dhw;

/// What the warehouse answered about an item.
#[derive(Debug, Serialize, ToSchema)]
struct Verdict {
    /// The hospital's code: an item id is one sender's.
    sender: String,
    /// Whether no error was found.
    is_clean: bool,
    /// What was found.
    findings: Vec<VerdictFinding>,
}

/// A finding, as it went back to HD4RES.
#[derive(Debug, Serialize, ToSchema)]
struct VerdictFinding {
    /// The definition's rule; none for what holds for all definitions.
    rule: Option<String>,
    /// The catalogue's code.
    code: String,
    /// `error` or `warning`.
    severity: String,
    /// The column that it is about.
    column: Option<String>,
}

/// The verdicts that were given on an item. The warehouse does not keep an item's register, so a token that is limited to registers gets none.
#[utoipa::path(get, path = "/items/{item}/verdicts", params(("item" = String, Path)), responses((status = 200, body = Vec<Verdict>)))]
pub(super) async fn verdicts(State(dhw): State<Arc<Dhw>>, call: Call, Path(item): Path<String>) -> Result<Reply, Problem> {
    if call.caller.registers != Registers::All {
        return Err(Code::ForeignRegister.into());
    }
    let item = item.parse::<Uuid>().map_err(|_| Code::InvalidParameter)?;
    let given = dhw.store().look().verdicts(item).await?;
    if given.is_empty() {
        return Err(Code::UnknownItem.into());
    }
    let finding = |finding: hd_messages::VerdictFinding| VerdictFinding {
        severity: match finding.severity {
            VerdictSeverity::Error => "error".to_owned(),
            VerdictSeverity::Warning => "warning".to_owned(),
        },
        rule: finding.rule,
        code: finding.code,
        column: finding.column,
    };
    let verdict = |(sender, answer): (String, crate::decide::Answer)| Verdict {
        sender,
        is_clean: answer.clean,
        findings: answer.findings.into_iter().map(finding).collect(),
    };
    let verdicts: Vec<Verdict> = given.into_iter().map(verdict).collect();
    let trace = Trace { register: None, ids: vec![item.to_string()], count: verdicts.len() as u64 };
    Ok(Reply::json(&verdicts)?.traced(trace))
}
