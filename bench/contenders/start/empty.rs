// What the standard library takes to start and to end.
fn main() {}
