//! The binary: `granary server | local | client | check | demo`.

fn main() {}
