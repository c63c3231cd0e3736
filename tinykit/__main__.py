"""`python -m tinykit` is the `tinykit` command."""

from __future__ import annotations

import sys

from tinykit.show.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
