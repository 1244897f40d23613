//! Command line in, exit code out.
#![forbid(unsafe_code)]

use std::process::ExitCode;

/// The gateway lives on many small allocations a request; this allocator takes a fifth of their cost away.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What happens then: [`doorstep::cli`] reads the words; `run` reads and checks the configuration, opens the
/// directory and the session store, starts the ops address, and opens the public listener last
/// ([`doorstep::edge`]); every other command opens the same directory, does one thing and ends.
fn main() -> ExitCode {
    doorstep::cli::main()
}
