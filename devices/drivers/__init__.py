"""One file per device family: settings, class, DRIVER."""
