//! The engine against a worker that does as it is told. This binary is both: started with `--serve` it is the
//! worker, else it runs the tests.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test, though not run by libtest"
)]

mod fake;
mod scenarios;

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.first().map(String::as_str) {
        Some("--serve") => fake::serve(),
        Some("--class") => {
            println!("fake numerics");
            ExitCode::SUCCESS
        }
        Some("--run-child") => scenarios::child(&args[1..]),
        _ => libtest_mimic::run(&libtest_mimic::Arguments::from_args(), scenarios::all()).exit_code(),
    }
}
