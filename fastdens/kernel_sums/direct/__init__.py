"""Every query against every point."""
