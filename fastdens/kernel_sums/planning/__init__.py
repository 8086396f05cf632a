"""Which route a kernel sum takes, and what it is expected to cost."""
