use std::fmt::Write as _;

use crate::{Arrow, Limits};

/// The queue table of docs/DATAFLOW.md. `<nihdi>` stands for each hospital's number.
#[must_use]
pub fn dataflow_markdown() -> String {
    let mut text = String::from(
        "| step | from | to | zone | form | exchange | queue | dead-letter exchange and queue | what travels |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for arrow in Arrow::ALL {
        let queue = queue_pattern(arrow);
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | `{}` | `{queue}` | `dead.{queue}`, `{queue}.dead` | {} |",
            arrow.step(),
            arrow.from(),
            arrow.to(),
            arrow.zone().as_str(),
            arrow.form().as_str(),
            arrow.exchange(),
            arrow.travels(),
        );
    }
    let _ = writeln!(
        text,
        "\nEvery queue is a durable quorum queue. A working queue holds at most {} publications or {} MiB, refuses what is beyond (`reject-publish`), \
         and hands a publication out {} times before it becomes a dead letter (`at-least-once`). A dead-letter queue holds at most {} publications.",
        Limits::WORK.messages_max,
        Limits::WORK.bytes_max >> 20,
        Limits::WORK.delivery_limit + 1,
        Limits::DEAD.messages_max,
    );
    text
}

fn queue_pattern(arrow: Arrow) -> String {
    // The shape of a hospital's queue name, with the placeholder where its number stands.
    let name = arrow.queue(None);
    match name.as_str().split_once('.') {
        Some((head, tail)) if arrow.per_hospital() => format!("{head}.<nihdi>.{tail}"),
        _ => name.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_row_per_arrow() {
        let text = dataflow_markdown();
        assert_eq!(text.lines().filter(|line| line.starts_with("| ")).count(), 2 + Arrow::ALL.len());
        assert!(text.contains(
            "| 3 | hd4dp | ehbox-hco | hospital | clear | `step-3` | `hd4dp.<nihdi>.out` | `dead.hd4dp.<nihdi>.out`, `hd4dp.<nihdi>.out.dead` | identity and content |"
        ));
        assert!(text.contains("| 7 back | dhw | hd4res | HD | clear | `step-7-back` | `hd4res.verdicts` |"));
    }
}
