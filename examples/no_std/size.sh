#!/bin/sh
# Builds the kernel for a Cortex-M4F and prints the size of verifier and interpreter in it; fails above 32 KiB, and if
# they may panic or allocate.
set -eu
cd "$(dirname "$0")"
target=thumbv7em-none-eabihf
folder=${CARGO_TARGET_DIR:-target}
cargo build --quiet --release --target "$target" --bin kernel
cargo run --quiet --bin size -- "$folder/$target/release/kernel"
