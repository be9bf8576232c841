"""The life that all scales share, as a driver sees it and as a simulated scale lives it."""
