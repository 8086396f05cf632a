"""`python -m fastdens` is the command `fastdens`."""

import sys

from fastdens.commands.cli import main

if __name__ == "__main__":
    sys.exit(main())
