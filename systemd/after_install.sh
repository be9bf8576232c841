#!/bin/sh
# What an installation does on the machine itself: users, folders, drivers; `make install` and the
# package both end with it. It starts nothing that was not running: `tillbox setup` comes first.
set -eu
systemd-sysusers tillbox.conf
systemd-tmpfiles --create tillbox.conf
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    systemctl try-restart systemd-modules-load.service
    udevadm control --reload
    udevadm trigger --subsystem-match=tty --subsystem-match=usbmisc --subsystem-match=gpio \
        --subsystem-match=hidraw
    # a newer version takes over at once; tills wait in the socket meanwhile
    systemctl try-restart mosquitto.service tillbox-edge.service tillbox-devices.service \
        tillbox-sync.service tillbox-keep.service tillbox-office.service
fi
