//! `precision topology`: exchanges, queues and permissions.

use std::{path::PathBuf, sync::Arc};

use clap::Subcommand;
use clock::SystemClock;
use topology::{Naming, Nihdi, Password, Topology, Vhost};

use crate::{
    broker_choice::BrokerChoice,
    cli::{Ended, hospital},
    output,
    passwords::Passwords,
    roles::roles_sql,
    stores,
};

/// The hospitals of an example.
const EXAMPLE: [&str; 2] = ["00000196", "00000295"];

/// What `topology` does.
#[derive(Debug, Subcommand)]
pub enum TopologyCommand {
    /// Prints the table of arrows, queues, limits and zones
    Show,
    /// Declares everything on a RabbitMQ, in the virtual host of the address
    #[command(after_help = "Example:\n  precision topology apply --broker amqp://guest:guest@127.0.0.1:5672/%2f --org 00000196")]
    Apply {
        /// Address of the RabbitMQ
        #[arg(long, value_name = "URL")]
        broker: BrokerChoice,
        /// The hospitals' NIHDI numbers
        #[arg(long, value_name = "NIHDI", num_args = 1.., value_parser = hospital)]
        org: Vec<Nihdi>,
        /// Written in front of every exchange and queue
        #[arg(long)]
        prefix: Option<String>,
    },
    /// Prints RabbitMQ's definitions file: virtual hosts, users, least permissions, exchanges, queues
    ///
    /// Without passwords nobody of these users can log in, and a running broker that loads the file takes away those it knows.
    #[command(after_help = "Example:\n  precision topology definitions --org 00000196 --passwords deploy/secrets/services")]
    Definitions {
        /// The hospitals' NIHDI numbers
        #[arg(long, value_name = "NIHDI", num_args = 1.., value_parser = hospital)]
        org: Vec<Nihdi>,
        /// Folder with the users' passwords, each in USER/broker; the file gets their salted hashes, and nothing of users without one
        #[arg(long, value_name = "FOLDER")]
        passwords: Option<PathBuf>,
    },
    /// Prints the SQL that makes PostgreSQL's roles and schemas, one of each per party
    #[command(
        after_help = "Examples:\n  precision topology roles --org 00000196 | psql --set ON_ERROR_STOP=1 precision\n  precision topology roles --zone hd"
    )]
    Roles {
        /// The hospitals' NIHDI numbers
        #[arg(long, value_name = "NIHDI", num_args = 1.., value_parser = hospital)]
        org: Vec<Nihdi>,
        /// Only the parties of this zone, for a database of its own: hospital-NIHDI, ehealth or hd
        #[arg(long, value_name = "ZONE", conflicts_with = "org")]
        zone: Option<Vhost>,
    },
}

fn or_example(org: Vec<Nihdi>) -> Vec<Nihdi> {
    if org.is_empty() { EXAMPLE.iter().filter_map(|text| text.parse().ok()).collect() } else { org }
}

/// Runs the command.
///
/// # Errors
///
/// A broker that is away or refuses; a password that cannot be read.
pub async fn topology(command: TopologyCommand) -> anyhow::Result<Ended> {
    match command {
        TopologyCommand::Show => output::say(topology::dataflow_markdown().trim_end()),
        TopologyCommand::Definitions { org, passwords } => {
            let topology = Topology::for_hospitals(&or_example(org));
            let Some(folder) = passwords else {
                output::say(topology.definitions_json(|_| Some(Password::Later)).trim_end());
                return Ok(Ended::Well);
            };
            let passwords = Passwords::read(&topology.users(), &folder)?;
            if !passwords.missing.is_empty() {
                output::complain(format!("left out, without a password: {}", passwords.missing.join(", ")));
            }
            output::say(topology.definitions_json(|user| passwords.known.get(&user.to_string()).cloned()).trim_end());
        }
        TopologyCommand::Roles { org, zone } => {
            let stores = zone.map_or_else(|| stores::names(&or_example(org)), stores::names_in);
            output::say(roles_sql(&stores).trim_end());
        }
        TopologyCommand::Apply { broker: BrokerChoice::Embedded, .. } => {
            anyhow::bail!("declare anything on the embedded broker: it needs no declaring; give the address of a RabbitMQ");
        }
        TopologyCommand::Apply { broker: BrokerChoice::Rabbit(address), org, prefix } => {
            let topology = Topology::for_hospitals(&or_example(org));
            let naming = Naming { prefix };
            let rabbit = broker::RabbitBroker::connect(&address, naming, Arc::new(SystemClock)).await?;
            rabbit.declare(&topology).await?;
            rabbit.close().await;
            output::say(format!("declared {} exchanges and {} queues", topology.exchanges().len(), topology.queues().len()));
        }
    }
    Ok(Ended::Well)
}
