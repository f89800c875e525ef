//! Steps 4 to 5 and back: the trusted third party that pseudonymises.

fn main() {}
