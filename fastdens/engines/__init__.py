"""Engines choose the route, split the work and call compiled code; the public low-level functions live here."""
