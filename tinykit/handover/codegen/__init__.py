"""Standalone C from a graph: constants, a static arena, one function an operator, no heap and no library."""
