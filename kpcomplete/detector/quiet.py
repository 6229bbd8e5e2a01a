"""Keep the chatter of native libraries off the terminal, and only the chatter."""

import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# What MediaPipe 0.10.21 and its TensorFlow Lite say whenever all is well. They write to file
# descriptor 2 and heed neither GLOG_minloglevel nor TF_CPP_MIN_LOG_LEVEL.
_CHATTER = re.compile(
    rb"All log messages before absl::InitializeLog|Created TensorFlow Lite XNNPACK delegate"
    rb"|inference_feedback_manager\.cc|GPU suport is not available|GL version:|gl_context"
    rb"|landmark_projection_calculator\.cc"
)
_lock = threading.Lock()


@contextmanager
def quiet() -> Iterator[None]:
    """Drop known harmless lines from the process' standard error; all others are passed on.

    Only one thread at a time can be in here. Python's own messages pass, a little later.
    """
    with _lock, tempfile.TemporaryFile() as caught:
        sys.stderr.flush()
        terminal = os.dup(2)
        try:
            os.dup2(caught.fileno(), 2)
            yield
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            caught.seek(0)
            kept = [line for line in caught if line.strip() and not _CHATTER.search(line)]
            os.write(terminal, b"".join(kept))
            os.close(terminal)
