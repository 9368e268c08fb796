//! The `larder` command: parse, run, exit code.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // The allocator would ask for pages of 2 MiB, and the kernel clears all of one when it is first touched: milliseconds
    // in which a worker serves nobody. Where it can't be switched off, requests are answered all the same.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    larder::run()
}
