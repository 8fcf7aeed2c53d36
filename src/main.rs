//! The `cbpf` program: a thin face of the library, one file a subcommand in `cli/`.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
