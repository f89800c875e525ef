use serde_json::{Value, json};

use crate::{Naming, Queue, Topology, User};

/// What a user of the definitions file logs in with.
#[derive(Clone, PartialEq, Eq)]
pub enum Password {
    /// As it is typed. For throw-away brokers: a definitions file with it is a secret.
    Clear(String),
    /// RabbitMQ's salted hash (`rabbitmqctl hash_password`, SHA-256).
    Hash(String),
    /// None: it cannot log in until its operator sets one. A running broker that loads this takes away the one that it knows.
    Later,
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password")
    }
}

impl Topology {
    /// The definitions file of RabbitMQ (`rabbitmqctl import_definitions`, `load_definitions`): a vhost per zone, users with the least
    /// permissions, exchanges, quorum queues, bindings.
    ///
    /// A user for whom `password_of` gives nothing is left out, with its permissions: a broker that loads the file leaves it as it is.
    #[must_use]
    pub fn definitions_json(&self, password_of: impl Fn(&User) -> Option<Password>) -> String {
        let users: Vec<_> = self.users().iter().filter_map(|user| Some(user_json(user, password_of(user)?))).collect();
        let vhosts: Vec<_> = self.vhosts().iter().map(|vhost| json!({ "name": vhost.to_string() })).collect();
        let permissions: Vec<_> = self
            .permissions()
            .iter()
            .filter(|own| password_of(own.user()).is_some())
            .map(|own| {
                json!({
                    "user": own.user().to_string(),
                    "vhost": own.vhost().to_string(),
                    "configure": own.configure_pattern(),
                    "write": own.write_pattern(),
                    "read": own.read_pattern(),
                })
            })
            .collect();
        let document = json!({
            "users": users,
            "vhosts": vhosts,
            "permissions": permissions,
            "exchanges": self.exchanges().iter().map(|exchange| json!({
                "name": exchange.name,
                "vhost": exchange.vhost.to_string(),
                "type": "direct",
                "durable": true,
                "auto_delete": false,
                "internal": false,
                "arguments": {},
            })).collect::<Vec<_>>(),
            "queues": self.queues().iter().map(queue_json).collect::<Vec<_>>(),
            "bindings": self.bindings().iter().map(|binding| json!({
                "source": binding.route.exchange,
                "vhost": binding.vhost.to_string(),
                "destination": binding.queue.as_str(),
                "destination_type": "queue",
                "routing_key": binding.route.routing_key,
                "arguments": {},
            })).collect::<Vec<_>>(),
        });
        format!("{document:#}\n")
    }
}

impl Queue {
    /// The arguments that this queue is declared with, in the broker's own words.
    ///
    /// `at-least-once` dead-lettering needs a quorum queue, `reject-publish` and a length limit; without it RabbitMQ drops dead letters
    /// whose queue is missing or full.
    #[must_use]
    pub fn arguments(&self, naming: &Naming) -> Vec<(&'static str, Argument)> {
        let mut arguments = vec![
            ("x-queue-type", Argument::Text("quorum".to_owned())),
            ("x-overflow", Argument::Text("reject-publish".to_owned())),
            ("x-max-length", Argument::Number(self.limits.messages_max)),
            ("x-max-length-bytes", Argument::Number(self.limits.bytes_max)),
            ("x-delivery-limit", Argument::Number(self.limits.delivery_limit.into())),
        ];
        if let Some(dead) = &self.dead {
            arguments.extend([
                ("x-dead-letter-exchange", Argument::Text(naming.exchange(&dead.exchange))),
                ("x-dead-letter-routing-key", Argument::Text(dead.routing_key.clone())),
                ("x-dead-letter-strategy", Argument::Text("at-least-once".to_owned())),
            ]);
        }
        arguments
    }
}

/// Value of a queue argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Argument {
    /// A long string.
    Text(String),
    /// A whole number.
    Number(u64),
}

fn user_json(user: &User, password: Password) -> Value {
    let name = user.to_string();
    match password {
        Password::Clear(password) => json!({ "name": name, "password": password, "tags": "" }),
        Password::Hash(hash) => json!({
            "name": name,
            "password_hash": hash,
            "hashing_algorithm": "rabbit_password_hashing_sha256",
            "tags": "",
        }),
        Password::Later => json!({
            "name": name,
            "password_hash": "",
            "hashing_algorithm": "rabbit_password_hashing_sha256",
            "tags": "",
        }),
    }
}

fn queue_json(queue: &Queue) -> Value {
    let arguments: serde_json::Map<_, _> = queue
        .arguments(&Naming::default())
        .into_iter()
        .map(|(key, value)| {
            let value = match value {
                Argument::Text(text) => Value::from(text),
                Argument::Number(number) => Value::from(number),
            };
            (key.to_owned(), value)
        })
        .collect();
    json!({
        "name": queue.name.as_str(),
        "vhost": queue.vhost.to_string(),
        "durable": true,
        "auto_delete": false,
        "arguments": arguments,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> Value {
        let topology = Topology::for_hospitals(&["71000012".parse().unwrap()]);
        serde_json::from_str(&topology.definitions_json(|user| match user.to_string().as_str() {
            "dhw" => Some(Password::Clear("for-a-test".to_owned())),
            "hd4res" => None,
            _ => Some(Password::Later),
        }))
        .unwrap()
    }

    #[test]
    fn a_vhost_per_zone_and_a_user_per_party() {
        let document = document();
        let names = |key: &str| -> Vec<String> {
            let rows = document[key].as_array().unwrap();
            rows.iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(names("vhosts"), ["hospital-71000012", "ehealth", "hd"]);
        assert_eq!(names("users"), ["hd4dp-71000012", "ehbox-hco-71000012", "ehealth-ttp", "ehbox-hd", "dhw"]);
    }

    #[test]
    fn who_is_left_out_is_left_as_it_is() {
        let document = document();
        let of = |part: &str, member: &str, user: &str| {
            document[part].as_array().unwrap().iter().filter(|row| row[member] == user).count()
        };
        assert_eq!((of("users", "name", "hd4res"), of("permissions", "user", "hd4res")), (0, 0));
        assert_eq!((of("users", "name", "ehbox-hd"), of("permissions", "user", "ehbox-hd")), (1, 2));
    }

    #[test]
    fn only_who_is_given_a_password_can_log_in() {
        for user in document()["users"].as_array().unwrap() {
            if user["name"] == "dhw" {
                assert_eq!(user["password"], "for-a-test");
            } else {
                assert_eq!(user["password_hash"], "", "{user}");
                assert!(user.get("password").is_none());
            }
        }
    }

    #[test]
    fn dead_letters_go_out_at_least_once() {
        let document = document();
        let queue = document["queues"].as_array().unwrap().iter().find(|queue| queue["name"] == "ttp.in").unwrap();
        assert_eq!(
            queue["arguments"],
            json!({
                "x-queue-type": "quorum",
                "x-overflow": "reject-publish",
                "x-max-length": 50_000,
                "x-max-length-bytes": 1_073_741_824,
                "x-delivery-limit": 9,
                "x-dead-letter-exchange": "dead.ttp.in",
                "x-dead-letter-routing-key": "ttp.in.dead",
                "x-dead-letter-strategy": "at-least-once",
            })
        );
    }

    #[test]
    fn a_prefix_reaches_the_dead_exchange_but_no_routing_key() {
        let topology = Topology::for_hospitals(&[]);
        let queue = topology.queues().iter().find(|queue| queue.name.as_str() == "hd.in").unwrap();
        let arguments = queue.arguments(&Naming::prefixed("trial"));
        assert!(arguments.contains(&("x-dead-letter-exchange", Argument::Text("trial.dead.hd.in".into()))));
        assert!(arguments.contains(&("x-dead-letter-routing-key", Argument::Text("hd.in.dead".into()))));
    }
}
