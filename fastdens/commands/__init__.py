"""What the commands do, one file each, and the parts that they share."""


class CommandError(ValueError):
    """A command cannot do its work; the message is one line for the user."""
