"""The command line: `tinykit` and `python -m tinykit`."""
