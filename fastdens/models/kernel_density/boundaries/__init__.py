"""What bounds and periods do to a kernel density estimate."""
