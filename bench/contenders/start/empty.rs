// Nothing that ends sooner can be written in Rust.
fn main() {}
