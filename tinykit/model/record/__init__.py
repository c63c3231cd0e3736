"""Design records: every stage of a design with its parent, recipe, hashes and results."""

from tinykit.model.record.design import DesignRecord, Stage, open_record
from tinykit.model.record.store import hash_bytes, write_atomically
from tinykit.model.record.workspace import resume, tool_versions, workspace

__all__ = [
    "DesignRecord",
    "Stage",
    "hash_bytes",
    "open_record",
    "resume",
    "tool_versions",
    "workspace",
    "write_atomically",
]
