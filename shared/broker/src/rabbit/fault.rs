//! What RabbitMQ's refusals mean. The reply codes are those of AMQP 0-9-1, section 1.2 of its reference.

use lapin::{Error, ErrorKind};
use topology::QueueName;

use crate::{BrokerError, PublishError};

const ACCESS_REFUSED: u16 = 403;
const NOT_FOUND: u16 = 404;
/// The virtual host is missing, or the user may not enter it.
const NOT_ALLOWED: u16 = 530;

/// Why a connection was not made.
pub(super) fn of_connecting(error: &Error) -> BrokerError {
    match (reply_code(error), of_tls(error)) {
        (Some(ACCESS_REFUSED | NOT_ALLOWED), _) => BrokerError::AccessRefused,
        (_, Some(rustls::Error::InvalidCertificate(reason))) => BrokerError::Untrusted(reason.to_string()),
        _ => BrokerError::Unavailable,
    }
}

fn of_tls(error: &Error) -> Option<&rustls::Error> {
    let ErrorKind::IOError(error) = error.kind() else { return None };
    error.get_ref()?.downcast_ref()
}

/// Why a request about a queue failed.
pub(super) fn of_queue(error: &Error, queue: &QueueName) -> BrokerError {
    match reply_code(error) {
        Some(NOT_FOUND) => BrokerError::UnknownQueue(queue.clone()),
        Some(ACCESS_REFUSED) => BrokerError::AccessRefused,
        _ => BrokerError::ConnectionLost,
    }
}

/// Why nobody can listen: an exchange is missing only where nothing was declared, so the answer is about rights or the connection.
pub(super) fn of_tap(error: &Error) -> BrokerError {
    match reply_code(error) {
        Some(ACCESS_REFUSED) => BrokerError::AccessRefused,
        Some(_) => BrokerError::Declare(error.to_string()),
        None => BrokerError::ConnectionLost,
    }
}

/// Whether the exchange is missing or closed to this user, so that waiting does not help.
pub(super) fn forbids_exchange(error: &Error) -> bool {
    matches!(reply_code(error), Some(NOT_FOUND | ACCESS_REFUSED))
}

/// Why a publication in flight came to nothing when its channel broke.
pub(super) fn of_publishing(error: &Error) -> PublishError {
    if forbids_exchange(error) { PublishError::Unroutable } else { PublishError::ConfirmLost }
}

fn reply_code(error: &Error) -> Option<u16> {
    match error.kind() {
        ErrorKind::ProtocolError(error) => Some(error.get_id()),
        _ => None,
    }
}
