//! The command line `precision`.

fn main() {}
