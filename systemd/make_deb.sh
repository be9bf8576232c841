#!/bin/sh
# Makes dist/tillbox_VERSION_ARCH.deb: what install.sh installs, for the Python that runs it here.
#
#   make_deb.sh [FOLDER]    dist by default
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here/../dist}
python=${PYTHON:-python3}
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$here/../pyproject.toml" | head -n 1)
arch=$(dpkg --print-architecture)
this=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
next=$("$python" -c 'import sys; print("%d.%d" % (sys.version_info[0], sys.version_info[1] + 1))')
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
chmod 0755 "$tree"

sh "$here/install.sh" "$tree"
mkdir -p "$tree/DEBIAN" "$tree/usr/share/doc/tillbox"
cp "$here/../LICENSE" "$tree/usr/share/doc/tillbox/copyright"
size=$(du -sk --exclude=DEBIAN "$tree" | cut -f1)
cat > "$tree/DEBIAN/control" <<CONTROL
Package: tillbox
Version: $version
Architecture: $arch
Maintainer: Tillbox <tillbox@example.invalid>
Installed-Size: $size
Depends: python3 (>= $this), python3 (<< $next~), mosquitto (>= 2.0.11), systemd (>= 250)
Recommends: python3-evdev, python3-periphery, chrony
Section: misc
Priority: optional
Description: the store server: devices, tills, a durable ledger, and replication to head office
 A shop's box: it owns scanners, printers, drawers, terminals and scales, serves tills and tablets,
 keeps selling without a line, and replicates to head office when there is one.
 .
 After the installation: sudo tillbox setup --store NAME --name ADDRESS
CONTROL
{
    echo '#!/bin/sh'
    sed -n '2,$p' "$here/after_install.sh"
} > "$tree/DEBIAN/postinst"
cat > "$tree/DEBIAN/prerm" <<'PRERM'
#!/bin/sh
# Only a removal stops the shop; an update lets the new version take over.
set -eu
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
    systemctl stop tillbox-sync.service tillbox-devices.service tillbox-edge.socket \
        tillbox-edge.service tillbox-keep.service tillbox-office.socket tillbox-office.service
fi
PRERM
chmod 0755 "$tree/DEBIAN/postinst" "$tree/DEBIAN/prerm"
mkdir -p "$out"
dpkg-deb --root-owner-group --build -Zxz "$tree" "$out/tillbox_${version}_$arch.deb"
