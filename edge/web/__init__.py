"""The aiohttp application of the box: access, till socket, APIs, static screens."""
