//! Steps 3 to 4 and back: the hospital's eHBox messaging client.

fn main() {}
