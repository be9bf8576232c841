#!/bin/sh
# Puts Tillbox on a Debian, Ubuntu or Raspberry Pi OS machine, or below a folder that becomes a package.
#
#   install.sh [ROOT]    ROOT is / by default
#
# PYTHON: the interpreter that will run it (python3). PIP_ARGS: more words for pip. BYTECODE=no leaves
# the compiling to whoever knows the interpreter: the image is for another machine.
set -eu
root=${1:-/}
root=${root%/}
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "Tillbox needs Python 3.11 or newer; $python is $("$python" --version)." >&2
    exit 1
}
"$python" -m pip --version > /dev/null 2>&1 || {
    echo "pip is missing: run apt-get install python3-pip, and then this again." >&2
    exit 1
}

# No virtual environment: it would have the path of the folder it was made in in every script. And
# Debian's own python3-evdev and python3-periphery, which need a compiler elsewhere, are seen.
packages=$root/usr/lib/tillbox
rm -rf "$packages.new"
mkdir -p "$packages.new" "$root/usr/bin"
# shellcheck disable=SC2086 # words, not one word
"$python" -m pip install --quiet --no-compile --root-user-action=ignore \
    --target "$packages.new" ${PIP_ARGS:-} "$here/..[discovery]"
rm -rf "$packages.new/bin"
# it says where the sources were
rm -f "$packages.new"/tillbox-*.dist-info/direct_url.json
[ "${BYTECODE:-yes}" = no ] ||
    "$python" -m compileall -q -s "$packages.new" -p /usr/lib/tillbox "$packages.new" || true
rm -rf "$packages"
mv "$packages.new" "$packages"

cat > "$root/usr/bin/tillbox.new" <<'COMMAND'
#!/bin/sh
PYTHONPATH=/usr/lib/tillbox exec /usr/bin/python3 -sP -m edge.cli "$@"
COMMAND
chmod 0755 "$root/usr/bin/tillbox.new"
mv "$root/usr/bin/tillbox.new" "$root/usr/bin/tillbox"

put() { # put FROM TO: every file of a folder, where systemd looks for such
    mkdir -p "$root/$2"
    for file in "$here/$1"/*; do
        [ -f "$file" ] && install -m 0644 "$file" "$root/$2/"
    done
}
put system usr/lib/systemd/system
put system/mosquitto.service.d usr/lib/systemd/system/mosquitto.service.d
put sysusers.d usr/lib/sysusers.d
put tmpfiles.d usr/lib/tmpfiles.d
put modules-load.d usr/lib/modules-load.d
put udev usr/lib/udev/rules.d
put journald.conf.d usr/lib/systemd/journald.conf.d

[ -z "$root" ] && sh "$here/after_install.sh"
exit 0
