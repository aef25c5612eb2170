"""The kernel side of the notebook surface."""
