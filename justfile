# The one interface for people and for CI. `just` lists what there is.

_list:
    @just --list

# Every test: unit, repository rules, end to end, differential. Needs Rust, a C compiler, procps and Python 3; makes .venv by itself.
test *arguments:
    cargo test --workspace {{arguments}}

# One suite: repo, e2e, differential or containers, and a part of a test's name.
suite name *filter:
    cargo test -p procwire-tests --test {{name}} -- {{filter}}

# Formatting and lints, as CI wants them.
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings

# Formats the tree.
format:
    cargo fmt --all

# Writes the Rust code and the descriptor set anew from proto/**/*.proto.
generate:
    PROCWIRE_BLESS=1 cargo test -p procwire-tests --test repo -- generated

# Makes today's wire the one that later changes must not break. At a release only.
release-baseline:
    PROCWIRE_BLESS_RELEASE=1 cargo test -p procwire-tests --test repo -- breaks_nobody

# Times the table and the RPCs against psutil, ps, sysinfo, procfs and the floor, and prints ratios.
bench *arguments:
    cargo run --release -p procwire-benches -- {{arguments}}

# A throw-away agent on loopback with mutual TLS, shown and cleaned up.
demo:
    cargo run --release -- demo

# Licences, bans, duplicates and advisories of the dependencies (cargo install cargo-deny).
deny:
    cargo deny check

# What CI runs, on this machine.
ci:
    bash .ci/run
