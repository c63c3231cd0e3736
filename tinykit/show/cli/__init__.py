"""The command line: `tinykit` and `python -m tinykit`."""

from tinykit.show.cli.main import main

__all__ = ["main"]
