"""How a compiled network is opened for answering: few threads, none spinning, warnings left out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

MOST = 2
"""Threads by default: a question is short, and more of them gain nothing."""
_ERRORS = 3


def open_graph(graph: Path | bytes) -> InferenceSession:
    """Open an ONNX graph, a file or its bytes; onnxruntime's own errors where it is none."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = thread_count()
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS
    # Waiting threads sleep: spinning wins 2 ms on an idle machine and loses 20 on a busy one.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(graph) if isinstance(graph, Path) else graph, options)


def thread_count() -> int:
    """`HDS_BOT_THREADS`; two where it isn't set or is no number, one on a single core."""
    asked = os.environ.get("HDS_BOT_THREADS", "")
    if asked.isdecimal() and int(asked) > 0:
        return int(asked)
    return min(MOST, os.cpu_count() or 1)
