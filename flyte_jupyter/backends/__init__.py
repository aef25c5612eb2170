"""Places to run: adapters of one shape that do not know each other."""
