//! What people do over HTTP, from one side to the other.
