"""Every query against the points near it."""
