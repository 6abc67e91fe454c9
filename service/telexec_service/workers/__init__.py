"""A service of several processes: a supervisor that accepts, and workers that serve."""
