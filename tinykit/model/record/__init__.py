"""Design records: every stage of a design with its parent, recipe, hashes and results."""

from tinykit.model.record.design import DesignRecord, Stage, open_record, resume, tool_versions, workspace
from tinykit.model.record.store import hash_bytes, write_atomically

__all__ = [
    "DesignRecord", "Stage", "hash_bytes", "open_record", "resume", "tool_versions", "workspace", "write_atomically",
]  # fmt: skip
