//! The binary: `granary server | local | client | check | demo`.

use std::sync::Arc;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let data = arguments.iter().position(|a| a == "--data").and_then(|at| arguments.get(at + 1));
    let listen = arguments.iter().position(|a| a == "--listen").and_then(|at| arguments.get(at + 1));
    let options = engine::EngineOptions { data: data.map(Into::into), ..Default::default() };
    let engine = engine::Engine::open(options).expect("open");
    if let Some(at) = arguments.iter().position(|a| a == "-q") {
        match engine.query(&arguments[at + 1]) {
            Ok(bytes) => print!("{}", String::from_utf8_lossy(&bytes)),
            Err(error) => println!("{error}"),
        }
        return;
    }
    let mut config = server::Config::default();
    if let Some(listen) = listen {
        config.listen = listen.parse().expect("listen");
    }
    let running = server::serve(config, Arc::new(engine)).expect("serve");
    println!("Listening on http://{}", running.local_addr());
    loop {
        std::thread::park();
    }
}
