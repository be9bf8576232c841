#!/bin/sh
# Installs what some tests drive for real, where it may; otherwise says which tests will skip.
# Never fails: a test without its tool skips and says so.

tools="mosquitto chromium tshark strace postgresql"
# the tests of this script let it work in a folder instead of /
root="${INSTALL_TOOLS_ROOT:-}"
policy="$root/usr/sbin/policy-rc.d"
ours="made by tests/install_tools.sh of Tillbox, for as long as it runs"

what_needs() {
    case "$1" in
        mosquitto) echo "the tests with the Mosquitto broker (marker mosquitto)" ;;
        chromium) echo "the screen tests (marker screens), unless playwright has a browser" ;;
        tshark) echo "the tests that let Wireshark read our bytes" ;;
        strace) echo "the tests that count system calls" ;;
        postgresql) echo "the tests of head office's frames in PostgreSQL" ;;
    esac
}

program_of() {
    case "$1" in
        postgresql) echo initdb ;;
        *) echo "$1" ;;
    esac
}

there() {
    # Debian puts servers where a plain user's PATH does not look
    places="$PATH:$root/usr/sbin:$root/usr/local/sbin"
    for place in "$root"/usr/lib/postgresql/*/bin; do
        places="$places:$place"
    done
    PATH="$places" command -v "$(program_of "$1")" >/dev/null 2>&1
}

missing() {
    found=""
    for tool in $tools; do
        there "$tool" || found="$found $tool"
    done
    echo "${found# }"
}

lacking=$(missing)
[ -z "$lacking" ] && exit 0

if [ "$(id -u)" = 0 ] && there apt-get; then
    echo "Installing for the tests: $lacking"
    export DEBIAN_FRONTEND=noninteractive
    # policy-rc.d of 101: the broker of a test machine does not start by itself. Ours must
    # not outlive us, however we end: no service of the machine would start any more.
    if [ ! -e "$policy" ] || grep -q "$ours" "$policy"; then
        trap 'rm -f "$policy"' EXIT
        trap 'exit 130' HUP INT TERM
        printf '#!/bin/sh\n# %s\nexit 101\n' "$ours" 2>/dev/null >"$policy" &&
            chmod +x "$policy"
    fi
    apt-get update -qq >/dev/null 2>&1
    for tool in $lacking; do
        # one by one: what this machine cannot have must not keep the others away
        apt-get install -y -qq --no-install-recommends "$tool" </dev/null >/dev/null 2>&1
    done
    lacking=$(missing)
fi

if [ -n "$lacking" ]; then
    for tool in $lacking; do
        echo "Without $tool these will be skipped: $(what_needs "$tool")"
    done
    echo "On Debian: sudo apt-get install $lacking"
fi
exit 0
