//! The `pipeline-worker` program: runs stages on networks, which need libtorch, for `pipeline`.

mod serve;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, error::ErrorKind};

/// Runs stages for `pipeline`, which starts it; nobody needs to call it by hand.
#[derive(Debug, Parser)]
#[command(name = "pipeline-worker", version)]
struct Cli {
    /// Takes tasks on standard input
    #[arg(long, conflicts_with = "class")]
    serve: bool,
    /// Prints what besides its inputs decides the bytes of a numeric result
    #[arg(long)]
    class: bool,
    /// With --class: auto, cpu, cuda or cuda:N
    #[arg(long, default_value = "auto")]
    device: String,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    start_log();
    if cli.class {
        return class(&cli.device);
    }
    if !cli.serve {
        let _ = <Cli as clap::CommandFactory>::command()
            .error(
                ErrorKind::MissingRequiredArgument,
                "nothing to do: pipeline-worker is started by pipeline",
            )
            .print();
        return ExitCode::from(2);
    }
    match serve::serve(worker::run) {
        Ok(()) => ExitCode::SUCCESS,
        // Nobody listens any more.
        Err(_) => ExitCode::from(3),
    }
}

fn start_log() {
    if let Ok(filter) = std::env::var("PIPELINE_LOG") {
        tracing_subscriber::fmt()
            .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
            .with_writer(io::stderr)
            .with_ansi(false)
            .init();
    }
}

fn class(device: &str) -> ExitCode {
    match worker::numerics_class(device) {
        Ok(class) => {
            let _ = writeln!(io::stdout(), "{class}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::from(3)
        }
    }
}
