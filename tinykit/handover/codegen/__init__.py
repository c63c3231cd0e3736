"""Standalone C from an int8 graph: constants, a static arena, one function an operator, no heap and no library."""
