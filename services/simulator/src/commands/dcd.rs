//! `precision dcd`: the registers' definitions.

use clap::Subcommand;
use dcd::{Definition, Definitions, Field, Language};

use super::find;
use crate::{
    cli::{Ended, language},
    output,
};

/// What `dcd` does.
#[derive(Debug, Subcommand)]
pub enum DcdCommand {
    /// Lists the registers
    List,
    /// Shows the fields of a register, and what healthdata gets of each
    Show {
        /// Technical name, in any case
        name: String,
        /// Language of labels: en, nl or fr
        #[arg(long, value_name = "en|nl|fr", default_value = "en", value_parser = language)]
        language: Language,
    },
    /// Prints the header of a CSV file for a register
    Template {
        /// Technical name, in any case
        name: String,
    },
    /// Prints the JSON Schema of a registration
    Schema {
        /// Technical name, in any case
        name: String,
    },
}

/// Runs the command.
///
/// # Errors
///
/// An unknown register.
pub fn dcd(command: &DcdCommand, definitions: &Definitions) -> anyhow::Result<Ended> {
    match command {
        DcdCommand::List => list(definitions),
        DcdCommand::Show { name, language } => show(&*find(definitions, name)?, *language),
        DcdCommand::Template { name } => output::say(find(definitions, name)?.header_template().join(";")),
        DcdCommand::Schema { name } => {
            output::say(serde_json::to_string_pretty(&find(definitions, name)?.row_schema())?);
        }
    }
    Ok(Ended::Well)
}

fn list(definitions: &Definitions) {
    let mut rows = vec![["name", "version", "project", "fields", "title"].map(str::to_owned).to_vec()];
    for definition in definitions.iter() {
        rows.push(vec![
            definition.name().to_owned(),
            definition.version().to_string(),
            definition.project().to_owned(),
            definition.fields().len().to_string(),
            definition.title().get(Language::English).to_owned(),
        ]);
    }
    output::say(output::table(&rows, &[1, 3]).trim_end());
}

fn show(definition: &Definition, language: Language) {
    output::say(format!("{} version {}: {}", definition.name(), definition.version(), definition.title().get(language)));
    let mut rows = vec![["column", "required", "at healthdata", "label"].map(str::to_owned).to_vec()];
    rows.extend(definition.fields().iter().map(|field| {
        let label = field.label().get(language).to_owned();
        vec![field.column_at(field.list().map(|_| 0)), required(field).to_owned(), at_healthdata(field), label]
    }));
    output::say(output::table(&rows, &[]).trim_end());
}

fn required(field: &Field) -> &'static str {
    if field.is_computed() {
        "computed"
    } else if field.is_required() {
        "yes"
    } else if field.is_conditionally_required() {
        "sometimes"
    } else {
        "no"
    }
}

fn at_healthdata(field: &Field) -> String {
    match (field.policy(), field.hd_column()) {
        (None, _) => "pseudonym".to_owned(),
        (Some(_), None) => "never".to_owned(),
        (Some(_), Some(column)) if column == field.column() && field.reaches_hd_as_is() => "as is".to_owned(),
        (Some(policy), Some(column)) => format!("{} as {column}", policy.as_str()),
    }
}
