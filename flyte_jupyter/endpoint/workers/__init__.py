"""Where attempts run: processes forked from one that has the official SDK loaded, or started cold."""
