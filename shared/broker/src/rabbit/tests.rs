//! What can be said without a RabbitMQ: how it fails when there is none. The rest is the contract, in the live tests.

use clock::{OffsetClock, SystemClock};
use futures_util::future::join_all;
use lapin::ErrorKind;
use lapin::protocol::AMQPError;
use tokio::net::TcpListener;
use topology::Arrow;

use super::*;

async fn connect(url: &str) -> Result<RabbitBroker, BrokerError> {
    RabbitBroker::connect(url, Naming::default(), Arc::new(SystemClock)).await
}

#[tokio::test]
async fn an_address_that_cannot_be_read_is_not_repeated() {
    for url in ["", "127.0.0.1", "http://guest:secret@127.0.0.1/", "amqp://guest:secret@127.0.0.1:port/"] {
        let error = connect(url).await.err();
        assert_eq!(error, Some(BrokerError::InvalidAddress), "{url}");
        assert!(!format!("{error:?} {}", BrokerError::InvalidAddress).contains("secret"));
    }
}

#[tokio::test]
async fn an_absent_broker_is_unavailable_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let outcome = timeout(&SystemClock, Duration::from_secs(4), connect(&format!("amqp://{address}"))).await;
    assert_eq!(outcome.expect("a refused connection needs no deadline").err(), Some(BrokerError::Unavailable));
}

/// It takes connections and says nothing. A crowd of callers waits for one attempt, not for one each.
#[tokio::test]
async fn a_silent_broker_costs_a_crowd_one_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Address::parse(&format!("amqp://{}", listener.local_addr().unwrap())).unwrap();
    let clock = OffsetClock::default();
    let link = Link::new(address, "test", Arc::new(clock.clone()));
    let crowd = join_all((0..50).map(|_| link.connection()));
    // The crowd is polled first, so all of it waits when the clock jumps.
    let (outcomes, ()) = tokio::join!(crowd, async { clock.jump(Duration::from_secs(6)) });
    assert_eq!(outcomes.len(), 50);
    for outcome in outcomes {
        assert_eq!(outcome.err(), Some(BrokerError::Unavailable));
    }
}

#[test]
fn refusals_are_told_apart() {
    let of_code = |code| lapin::Error::from(ErrorKind::ProtocolError(AMQPError::from_id(code, "refused".into()).unwrap()));
    let queue = Arrow::ToDhw.queue(None);
    assert_eq!(fault::of_queue(&of_code(404), &queue), BrokerError::UnknownQueue(queue.clone()));
    assert_eq!(fault::of_queue(&of_code(403), &queue), BrokerError::AccessRefused);
    assert_eq!(fault::of_queue(&of_code(320), &queue), BrokerError::ConnectionLost);
    assert_eq!(fault::of_connecting(&of_code(530)), BrokerError::AccessRefused);
    assert_eq!(fault::of_connecting(&of_code(320)), BrokerError::Unavailable);
    assert_eq!(fault::of_publishing(&of_code(404)), PublishError::Unroutable);
    assert_eq!(fault::of_publishing(&of_code(320)), PublishError::ConfirmLost);
}
