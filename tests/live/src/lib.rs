//! The real RabbitMQ, and killed processes.
