//! gRPC through Larder, between a client and a server of grpcio: unary calls, streams in both directions, errors,
//! cancelled calls, deadlines.

use crate::run;
use crate::support::Setup;
use crate::support::deadline::within;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// The script with one of its commands.
async fn script() -> Command {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    run(&mut Command::new(root.join("scripts/install-grpc.sh"))).await;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let mut command = Command::new(target.join("tools/grpc/bin/python"));
    command.arg(root.join("tests/real_upstream/grpc_shop.py"));
    command
}

/// The service; it ends with the value.
async fn service() -> (Child, SocketAddr) {
    let mut process =
        script().await.arg("serve").stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("the service starts");
    let mut said = BufReader::new(process.stdout.take().expect("piped above")).lines();
    let line = within("the service's address", said.next_line()).await.expect("text").expect("the service goes on");
    (process, line.parse().expect("an address"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_pass_through_whole_in_both_directions() {
    let (_service, address) = service().await;
    run(script().await.arg("call").arg(address.to_string())).await;
    let setup = Setup::route("ttl = \"1m\"").before(address).upstream("protocol = \"http2\"");
    let larder = setup.start().await;
    run(script().await.arg("call").arg(larder.running.data_address.to_string())).await;
}
