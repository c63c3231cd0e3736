"""Standalone C from an int8 graph: constants, a static arena, one function an operator, no heap and no library."""

from tinykit.handover.codegen.export import KERNELS, OPERATORS, CExport, ExportedOperator, export_c
from tinykit.handover.codegen.library import HOST_DEFINES

__all__ = ["HOST_DEFINES", "KERNELS", "OPERATORS", "CExport", "ExportedOperator", "export_c"]
