#!/bin/sh
# Makes the image of a box: a disk with two slots for the system and one partition for its data.
#
#   build.sh vm|pi [FOLDER]    dist/image-TARGET by default; needs root, and Debian's packages
#                              mmdebstrap squashfs-tools e2fsprogs dosfstools mtools gdisk zstd
#
# MIRROR: where Debian is fetched from (as mmdebstrap takes it). PI_ARCHIVE: a line of sources.list
# for the kernel and firmware of Raspberry Pi OS, target pi. PIP_ARGS, PYTHON: as install.sh.
# SOURCE_DATE_EPOCH: the time that files bear; by default that of the last commit.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
target=${1:?"vm or pi"}
out=${2:-$here/../dist/image-$target}
suite=trixie
modules="ext4 squashfs overlay"

case $target in
    vm)
        arch=amd64 kernel="linux-image-amd64" console=ttyS0 root_type=8304
        wheels="manylinux_2_28_x86_64 manylinux2014_x86_64 manylinux_2_17_x86_64"
        modules="$modules virtio_pci virtio_blk ahci sd_mod nvme"
        ;;
    pi) # never built by our tests: see README.md
        arch=arm64 kernel="linux-image-rpi-v8 raspi-firmware" console=serial0,115200 root_type=8305
        wheels="manylinux_2_28_aarch64 manylinux2014_aarch64 manylinux_2_17_aarch64"
        : "${PI_ARCHIVE:?the line of sources.list with the kernel of Raspberry Pi OS}"
        ;;
    *) echo "The target is vm or pi, not $target." >&2; exit 2 ;;
esac
[ "$(id -u)" = 0 ] || { echo "The owners of files in the image are set by root: run it with sudo." >&2; exit 1; }
for tool in mmdebstrap mksquashfs mke2fs mkfs.vfat mcopy sgdisk zstd; do
    PATH="$PATH:/usr/sbin:/sbin" command -v $tool > /dev/null || { echo "$tool is missing." >&2; exit 1; }
done
PATH="$PATH:/usr/sbin:/sbin"
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$here" log -1 --format=%ct 2> /dev/null || date +%s)}
export SOURCE_DATE_EPOCH
umask 022

mkdir -p "$out"
out=$(cd "$out" && pwd)
work=$(mktemp -d "$out/work.XXXXXX")
root=$work/root
trap 'rm -rf "$work"' EXIT
trap 'exit 130' HUP INT TERM

# --- Debian: kept as a tar, for it changes less often than we do -------------------------------
packages=$(sed '/^#/d' "$here/packages" | tr '\n' ',')$(echo "$kernel" | tr ' ' ,)
base=$out/base-$(echo "$suite $arch $packages" | sha256sum | cut -c1-16).tar
if [ ! -f "$base" ]; then
    echo "Debian $suite for $arch ..."
    set -- --architectures=$arch --variant=minbase --mode=root --format=tar --quiet \
        --aptopt='Acquire::Languages "none"' --aptopt='APT::Install-Recommends "false"' \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' --include="$packages" \
        --essential-hook='mkdir -p "$1/etc/initramfs-tools/conf.d"
            printf "MODULES=list\nCOMPRESS=zstd\n" > "$1/etc/initramfs-tools/conf.d/tillbox"'
    # shellcheck disable=SC2086 # MIRROR may be several words
    mmdebstrap "$@" $suite "$base.new" ${MIRROR:-} ${PI_ARCHIVE:+"$PI_ARCHIVE"}
    mv "$base.new" "$base"
fi
mkdir "$root"
tar -C "$root" -xf "$base"

# --- ours: the same files that `make install` puts on any machine ------------------------------
within() { # within COMMAND…: in the image, with what a program expects to find there
    unshare --mount --fork sh -c 'mount -t proc proc "$1/proc"; mount -t tmpfs tmpfs "$1/run"
        shift; exec chroot "$@"' sh "$root" "$root" "$@"
}
echo "Tillbox ..."
python_version=$(within python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
platforms=$(for each in $wheels; do printf ' --platform %s' "$each"; done)
BYTECODE=no PIP_ARGS="--python-version $python_version --only-binary=:all: $platforms ${PIP_ARGS:-}" \
    sh "$here/../systemd/install.sh" "$root"
# its times are no part of it: the root is read-only, and what is in it does not change
within python3 -m compileall -q --invalidation-mode unchecked-hash /usr/lib/tillbox
within sh -s < "$here/../systemd/after_install.sh"
cp -R "$here/files/." "$root/"
printf '%s\n' $modules >> "$root/etc/initramfs-tools/modules"
echo tillbox > "$root/etc/hostname"
chmod 0644 "$root/etc/hostname"
printf '127.0.0.1 localhost tillbox\n::1 localhost tillbox\n' > "$root/etc/hosts"
ln -sf ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
within systemd-tmpfiles --create tillbox-image.conf
within systemctl --quiet enable etc-tillbox.mount tillbox-first-boot.service mosquitto.service \
    tillbox-edge.socket tillbox-edge.service tillbox-devices.service tillbox-sync.service \
    tillbox-keep.service systemd-networkd.service systemd-resolved.service chrony.service
within systemctl --quiet mask getty@tty1.service serial-getty@ttyS0.service getty-static.service \
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service
echo "the first ramdisk ..."
within update-initramfs -u -k all > "$out/initramfs.log" 2>&1
: > "$root/etc/machine-id"

# --- what is in it -----------------------------------------------------------------------------
{
    # shellcheck disable=SC2016 # dpkg's own words
    within dpkg-query -W -f 'debian ${Package} ${Version} ${Architecture}\n'
    # those that a package carries within itself too
    find "$root/usr/lib/tillbox" -path '*.dist-info/METADATA' | while read -r each; do
        # the two lines come in either order
        printf 'python %s %s\n' "$(sed -n 's/^Name: *//p;T;q' "$each" | tr -d '\r')" \
            "$(sed -n 's/^Version: *//p;T;q' "$each" | tr -d '\r')"
    done
} | LC_ALL=C sort > "$out/sbom.txt"

# --- a file system for the system, which is never written, and one for the box's own -----------
rm -rf "$root/var/cache/apt" "$root/var/lib/apt" "$root/var/lib/dpkg" "$root/var/cache/debconf" \
    "$root/var/backups" "$root/var/log" "$root/root/.cache"
mkdir -p "$root/var/log/journal" "$root/var/lib/tillbox/settings"
mv "$root/var" "$work/var"
mv "$root/boot" "$work/boot"
mkdir "$root/var" "$root/boot"
# the oldest must open what the newest wrote: only what every Raspberry Pi firmware and kernel has
rm -f "$out/root.squashfs"
mksquashfs "$root" "$out/root.squashfs" -comp zstd -Xcompression-level 15 -noappend -quiet -no-progress
cp "$work"/boot/vmlinuz-* "$out/vmlinuz"
cp "$work"/boot/initrd.img-* "$out/initrd.img"
# panic=5: a slot that cannot be started ends in a reset, not in a shell that waits for ever
for slot in a b; do
    echo "root=PARTLABEL=root-$slot rootfstype=squashfs ro rootwait panic=5 console=$console" \
        > "$out/cmdline-$slot.txt"
done

echo "the disk ..."
disk=$out/disk.img
rm -f "$disk"
data_mib=320 # grown at the first boot; this much needs no card
truncate -s $((2 + 16 + 2 * 96 + 2 * 512 + data_mib + 2))M "$disk"
# the numbers are the same for every box: slots are told apart by label, never by UUID
sgdisk --clear --disk-guid=3f0b9a52-7c0f-4d52-9d1a-2f6f1c5b7a00 \
    --new=1:2M:+16M --typecode=1:0700 --change-name=1:autoboot \
    --new=2:0:+96M --typecode=2:0700 --change-name=2:boot-a \
    --new=3:0:+96M --typecode=3:0700 --change-name=3:boot-b \
    --new=4:0:+512M --typecode=4:$root_type --change-name=4:root-a \
    --new=5:0:+512M --typecode=5:$root_type --change-name=5:root-b \
    --new=6:0:+${data_mib}M --typecode=6:8300 --change-name=6:data "$disk" > /dev/null
at() { sgdisk --info="$1" "$disk" | sed -n 's/^First sector: \([0-9]*\).*/\1/p'; }
into() { dd if="$1" of="$disk" bs=512 seek="$(at "$2")" conv=notrunc,sparse status=none; }

printf '[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=3\n' > "$work/autoboot.txt"
truncate -s 16M "$work/fat"
mkfs.vfat -F 16 -n TILLBOX -i 54424f58 --invariant "$work/fat" > /dev/null
mcopy -i "$work/fat" "$work/autoboot.txt" ::autoboot.txt
into "$work/fat" 1
place=2
for slot in a b; do
    rm -f "$work/fat"
    truncate -s 96M "$work/fat"
    mkfs.vfat -F 32 -n "BOOT-$(echo $slot | tr ab AB)" -i 54424f5$place --invariant "$work/fat" > /dev/null
    mcopy -i "$work/fat" "$out/vmlinuz" "$out/initrd.img" ::
    mcopy -i "$work/fat" "$out/cmdline-$slot.txt" ::cmdline.txt
    if [ "$target" = pi ]; then
        mcopy -s -i "$work/fat" "$work"/boot/firmware/* ::
        printf 'arm_64bit=1\nkernel=vmlinuz\ninitramfs initrd.img followkernel\nenable_uart=1\n' > "$work/config.txt"
        mcopy -o -i "$work/fat" "$work/config.txt" ::config.txt
    fi
    into "$work/fat" $place
    place=$((place + 1))
done
into "$out/root.squashfs" 4
into "$out/root.squashfs" 5
mke2fs -q -t ext4 -L data -E lazy_itable_init=0,lazy_journal_init=0 -d "$work/var" "$work/data" ${data_mib}M
into "$work/data" 6
echo "$disk: $(du -h --apparent-size "$disk" | cut -f1), the system in it $(du -h "$out/root.squashfs" | cut -f1)."
