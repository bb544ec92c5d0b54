// The time of the standard library's start and end.
fn main() {}
