# Named and timed steps, for the scripts of this folder.

# A file with a line for each step. A script that another one calls adds to the table of that one.
if [ -z "${STEP_TIMES:-}" ]; then
    STEP_TIMES=$(mktemp)
    export STEP_TIMES
    trap print_step_times EXIT
fi

# Runs a command as a step that is named by the command.
step() {
    timed "$*" "$@"
}

# Runs a command as a step: `timed NAME COMMAND ARGUMENT...`.
timed() {
    local name=$1 start=$SECONDS
    shift
    printf '\n== %s\n' "$name"
    "$@"
    echo "$((SECONDS - start)) $name" >>"$STEP_TIMES"
}

# Says that a step is left out, and why.
skipped() {
    echo "skipped: $*"
    echo "- skipped: $*" >>"$STEP_TIMES"
}

# Prints the seconds of the steps that took any, and what was left out.
print_step_times() {
    printf '\n%7s  %s\n' seconds step
    local seconds name
    while read -r seconds name; do
        [ "$seconds" = 0 ] || printf '%7s  %.110s\n' "$seconds" "$name"
    done <"$STEP_TIMES"
    printf '%7s  in all\n' "$SECONDS"
    rm "$STEP_TIMES"
}

# Succeeds if the machine has these Debian packages, and installs them if it can.
debian() {
    dpkg -s "$@" >/dev/null 2>&1 && return
    { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; } || return
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}
