"""Compiled loops, one module per topic, called by the engines only; see ARCHITECTURE.md."""
