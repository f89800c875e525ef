//! Least permission on a living broker: the definitions that `topology` prints are imported into a private node, and every user tries everything.
//!
//! A failure is a user who can do what its row of the table does not say, or who cannot do what it says. RabbitMQ lets everyone who may enter a virtual
//! host ask whether a queue exists and how long it is (a passive declaration); that is the one thing that is not tried here.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use broker::{Broker, BrokerError, Depth, Payload, PublishError, RabbitBroker};
use clock::SystemClock;
use lapin::options::{
    BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, ExchangeBindOptions, ExchangeDeclareOptions,
    ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions, QueuePurgeOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, ErrorKind, ExchangeKind};
use testkit::Node;
use topology::{Actor, Arrow, Naming, Nihdi, Password, Permission, Topology, User, Vhost, Zone};

/// For the broker to move a dead letter, on processors that do other things too.
const DEADLINE: Duration = Duration::from_secs(60);
const PASSWORD: &str = "for-this-test-only";

/// Exchanges that every virtual host has; the first is the default exchange.
const BUILT_IN: &[&str] = &["", "amq.direct", "amq.fanout", "amq.headers", "amq.match", "amq.topic"];

/// One test, since the node that it starts lives as long as it does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_user_can_do_its_own_work_and_nothing_else() -> Result<()> {
    let hospitals: [Nihdi; 2] = ["71000012".parse()?, "71000111".parse()?];
    let topology = Topology::for_hospitals(&hospitals);
    let node = Node::start().await.context("this test needs a RabbitMQ of its own (Debian: apt-get install rabbitmq-server)")?;
    let definitions = topology.definitions_json(|_| Some(Password::Clear(PASSWORD.to_owned())));
    node.import_definitions(&definitions).await?;

    nobody_enters_another_zone(&node, &topology).await?;
    for own in topology.permissions() {
        let part = topology.within(own.vhost());
        writes_are_those_of_the_table(&node, own, &part).await?;
        reads_are_those_of_the_table(&node, own, &part).await?;
        nothing_can_be_configured(&node, own, &part).await?;
    }
    a_users_service_finds_what_it_needs(&node, &topology).await?;
    every_arrow_carries(&node, &hospitals).await?;
    a_hospital_cannot_address_another(&node, &hospitals).await
}

fn url(node: &Node, user: &User, vhost: &Vhost) -> String {
    node.url(&user.to_string(), PASSWORD, &vhost.to_string())
}

async fn connect(node: &Node, user: &User, vhost: &Vhost) -> Result<RabbitBroker> {
    let broker = RabbitBroker::connect(&url(node, user, vhost), Naming::default(), Arc::new(SystemClock)).await;
    broker.with_context(|| format!("{user} enters {vhost}"))
}

async fn nobody_enters_another_zone(node: &Node, topology: &Topology) -> Result<()> {
    for user in topology.users() {
        for vhost in topology.vhosts() {
            let allowed = topology.permissions().iter().any(|own| *own.user() == user && *own.vhost() == vhost);
            let outcome = RabbitBroker::connect(&url(node, &user, &vhost), Naming::default(), Arc::new(SystemClock)).await;
            match outcome {
                Ok(broker) => {
                    broker.close().await;
                    ensure!(allowed, "{user} entered {vhost}");
                }
                Err(error) => ensure!(!allowed && error == BrokerError::AccessRefused, "{user} at {vhost}: {error}"),
            }
        }
    }
    Ok(())
}

/// A refusal closes the channel, so every attempt has its own.
async fn channel(connection: &Connection) -> Result<Channel> {
    Ok(connection.create_channel().await?)
}

async fn raw(node: &Node, own: &Permission) -> Result<Connection> {
    Ok(Connection::connect(&url(node, own.user(), own.vhost()), ConnectionProperties::default()).await?)
}

/// `true` when the broker did it, `false` when it refused access; anything else is a fault of the test.
fn allowed<T>(outcome: lapin::Result<T>) -> Result<bool> {
    match outcome {
        Ok(_) => Ok(true),
        Err(error) => match error.kind() {
            ErrorKind::ProtocolError(refusal) if refusal.get_id() == 403 => Ok(false),
            _ => Err(error.into()),
        },
    }
}

async fn writes_are_those_of_the_table(node: &Node, own: &Permission, part: &Topology) -> Result<()> {
    let connection = raw(node, own).await?;
    let names = part.exchanges().iter().map(|exchange| exchange.name.as_str());
    for exchange in names.chain(BUILT_IN.iter().copied()) {
        // By the queue's own name too: on the default exchange that would reach it.
        for key in part.queues().iter().map(|queue| queue.name.as_str()).take(1).chain(["nowhere"]) {
            let publishing = async {
                let channel = channel(&connection).await?;
                channel.confirm_select(ConfirmSelectOptions::default()).await?;
                let options = BasicPublishOptions::default();
                let publishing = channel.basic_publish(exchange.into(), key.into(), options, b"x", BasicProperties::default());
                let outcome = match publishing.await {
                    Ok(confirm) => confirm.await,
                    Err(error) => Err(error),
                };
                allowed(outcome)
            };
            let expected = own.may_write(own.vhost(), exchange);
            ensure!(
                publishing.await? == expected,
                "{} at {}: writing to {exchange:?}, expected {expected}",
                own.user(),
                own.vhost()
            );
        }
    }
    Ok(())
}

async fn reads_are_those_of_the_table(node: &Node, own: &Permission, part: &Topology) -> Result<()> {
    let connection = raw(node, own).await?;
    let reader = connect(node, own.user(), own.vhost()).await?;
    for queue in part.queues() {
        let name = queue.name.as_str();
        let expected = own.may_read(own.vhost(), name);
        let channel = channel(&connection).await?;
        let getting = allowed(channel.basic_get(name.into(), BasicGetOptions::default()).await)?;
        ensure!(getting == expected, "{} at {}: reading {name}, expected {expected}", own.user(), own.vhost());
        match reader.consume(&queue.name, 1).await {
            Ok(_) => ensure!(expected, "{} consumes from {name}", own.user()),
            Err(error) => ensure!(!expected && error == BrokerError::AccessRefused, "{} from {name}: {error}", own.user()),
        }
        if !expected {
            let channel = connection.create_channel().await?;
            let purging = allowed(channel.queue_purge(name.into(), QueuePurgeOptions::default()).await)?;
            ensure!(!purging, "{} purged {name}", own.user());
        }
    }
    reader.close().await;
    Ok(())
}

/// Neither new things, nor changes to those that are there: a binding would lead another's publications away.
async fn nothing_can_be_configured(node: &Node, own: &Permission, part: &Topology) -> Result<()> {
    let connection = raw(node, own).await?;
    let (user, table) = (own.user(), FieldTable::default);
    for name in ["", "new"] {
        let declaring = channel(&connection).await?.queue_declare(name.into(), QueueDeclareOptions::default(), table()).await;
        ensure!(!allowed(declaring)?, "{user} declared a queue");
    }
    let options = ExchangeDeclareOptions::default();
    let declaring = channel(&connection).await?.exchange_declare("new".into(), ExchangeKind::Fanout, options, table()).await;
    ensure!(!allowed(declaring)?, "{user} declared an exchange");
    for exchange in part.exchanges() {
        let name = exchange.name.as_str();
        let deleting = channel(&connection).await?.exchange_delete(name.into(), ExchangeDeleteOptions::default()).await;
        ensure!(!allowed(deleting)?, "{user} deleted {name}");
        let options = ExchangeBindOptions::default();
        let binding =
            channel(&connection).await?.exchange_bind("amq.fanout".into(), name.into(), "#".into(), options, table()).await;
        ensure!(!allowed(binding)?, "{user} bound amq.fanout to {name}");
        for queue in part.queues() {
            let options = QueueBindOptions::default();
            let channel = channel(&connection).await?;
            let binding = channel.queue_bind(queue.name.as_str().into(), name.into(), "#".into(), options, table()).await;
            ensure!(!allowed(binding)?, "{user} bound {} to {name}", queue.name);
        }
    }
    for queue in part.queues() {
        let name = queue.name.as_str();
        let deleting = channel(&connection).await?.queue_delete(name.into(), QueueDeleteOptions::default()).await;
        ensure!(!allowed(deleting)?, "{user} deleted {name}");
        let key = queue.arrow.route(queue.nihdi.as_ref());
        let channel = channel(&connection).await?;
        let unbinding = channel.queue_unbind(name.into(), key.exchange.into(), key.routing_key.into(), table()).await;
        ensure!(!allowed(unbinding)?, "{user} unbound {name}");
    }
    Ok(())
}

async fn a_users_service_finds_what_it_needs(node: &Node, topology: &Topology) -> Result<()> {
    for own in topology.permissions() {
        let broker = connect(node, own.user(), own.vhost()).await?;
        let missing = broker.missing(&topology.used_by(own.user()).within(own.vhost())).await?;
        ensure!(missing.is_empty(), "{} misses {missing:?}", own.user());
        broker.close().await;
    }
    Ok(())
}

/// The work itself: each arrow's sender publishes, its receiver reads, acknowledges one and gives up on one by a verdict and one by its dead route.
async fn every_arrow_carries(node: &Node, hospitals: &[Nihdi]) -> Result<()> {
    for nihdi in hospitals {
        for arrow in Arrow::ALL {
            let vhost = match arrow.zone() {
                Zone::Hospital => Vhost::Hospital(*nihdi),
                Zone::EHealth => Vhost::EHealth,
                Zone::Hd => Vhost::Hd,
            };
            let sender = connect(node, &arrow.from().user(Some(nihdi)), &vhost).await?;
            let receiver = connect(node, &arrow.to().user(Some(nihdi)), &vhost).await?;
            let queue = arrow.queue(Some(nihdi));
            let before = receiver.depth(&queue.dead()).await?;
            for text in ["fine", "unreadable"] {
                sender.publish(&arrow.route(Some(nihdi)), Payload::from_static(text.as_bytes())).await.context(arrow.step())?;
            }
            let mut consumer = receiver.consume(&queue, 10).await?;
            consumer.next().await?.ack()?;
            consumer.next().await?.reject()?;
            receiver.publish(&arrow.dead_route(Some(nihdi)), Payload::from_static(b"one item")).await.context(arrow.step())?;
            drop(consumer);
            let expected = Depth { ready: before.ready + 2, unacked: 0 };
            let dead = queue.dead();
            let arrived = async || Ok(receiver.depth(&dead).await? == expected);
            testkit::until("both dead letters arrive", DEADLINE, arrived).await.context(arrow.step())?;
            sender.close().await;
            receiver.close().await;
        }
    }
    Ok(())
}

/// With the rights it has, a hospital's messaging client can still write any routing key: none leads to another's queue.
async fn a_hospital_cannot_address_another(node: &Node, hospitals: &[Nihdi; 2]) -> Result<()> {
    let [own, other] = hospitals;
    let client = connect(node, &Actor::EhboxHco.user(Some(own)), &Vhost::EHealth).await?;
    let foreign = [
        Arrow::ToHco.queue(Some(other)),
        Arrow::ToHco.queue(Some(other)).dead(),
        Arrow::ToHd.queue(None),
        Arrow::ToTtpBack.queue(None),
    ];
    for exchange in [Arrow::ToTtp.route(None), Arrow::ToHco.dead_route(Some(own))] {
        for queue in &foreign {
            let route = topology::Route { exchange: exchange.exchange.clone(), routing_key: queue.to_string() };
            let outcome = client.publish(&route, Payload::from_static(b"not yours")).await;
            ensure!(outcome == Err(PublishError::Unroutable), "{route} gave {outcome:?}");
        }
    }
    // What is refused is told apart from what is gone, and the client's own way stays open.
    let forbidden = client.publish(&Arrow::ToHco.route(Some(other)), Payload::from_static(b"not yours")).await;
    ensure!(forbidden == Err(PublishError::Unroutable), "{forbidden:?}");
    client.publish(&Arrow::ToTtp.route(None), Payload::from_static(b"own work")).await?;
    client.close().await;
    Ok(())
}
