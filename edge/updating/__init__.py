"""A box's updates: signed bundles into the idle slot, tried once, kept only where they are well.

The order of things, each of which may be the last before the power goes: the bundle is checked
before a byte is written (`bundle`), written into the slot that is not in use and read back
(`installing`), started once (`boot_choice`), looked at (`trial`), and only then chosen.
"""
