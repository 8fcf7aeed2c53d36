//! The `cbpf` program: a thin command line over the library, with one file a subcommand in `cli/`.

#![forbid(unsafe_code)]

mod cli;

fn main() -> std::process::ExitCode {
    cli::main(std::env::args_os())
}
