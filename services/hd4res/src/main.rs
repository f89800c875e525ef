//! Steps 6 to 7 and back: the research application.

fn main() {}
