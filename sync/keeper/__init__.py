"""The second copy in the shop: the same frames, on another disk, for the day the box burns."""
