//! The whole route in one process.
