"""`python -m tinykit` is the `tinykit` command."""

import sys

from tinykit.show.cli.program import main

if __name__ == "__main__":
    sys.exit(main())
