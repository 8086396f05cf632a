"""What is built on any density model."""
