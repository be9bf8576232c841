#!/bin/sh
# Installs what some tests drive for real, where it may; otherwise says which tests will skip.
# Never fails: a test without its tool skips and says so.

tools="mosquitto chromium tshark strace"

what_needs() {
    case "$1" in
        mosquitto) echo "the tests with the Mosquitto broker (marker mosquitto)" ;;
        chromium) echo "the screen tests (marker screens), unless playwright has a browser" ;;
        tshark) echo "the tests that let Wireshark read our bytes" ;;
        strace) echo "the tests that count system calls" ;;
    esac
}

there() {
    PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v "$1" >/dev/null 2>&1
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
    apt-get update -qq >/dev/null 2>&1
    for tool in $lacking; do
        # one by one: what this machine cannot have must not keep the others away.
        # policy-rc.d of 101: the broker of a test machine does not start by itself
        policy=""
        if [ ! -e /usr/sbin/policy-rc.d ]; then
            policy=/usr/sbin/policy-rc.d
            printf '#!/bin/sh\nexit 101\n' >"$policy" 2>/dev/null && chmod +x "$policy"
        fi
        apt-get install -y -qq --no-install-recommends "$tool" >/dev/null 2>&1
        [ -n "$policy" ] && rm -f "$policy"
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
