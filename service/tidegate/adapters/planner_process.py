"""The planner's child process: `python -m tidegate.adapters.planner_process`. Does nothing but answer what `planner` asks."""

import signal
import sys
from typing import BinaryIO

from tidegate.adapters.planner import LENGTH, answer


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer requests from `source` on `sink`, one by one, until `source` ends or `sink` is closed."""
    while len(header := source.read(LENGTH.size)) == LENGTH.size:
        (size,) = LENGTH.unpack(header)
        reply = answer(source.read(size))
        sink.write(LENGTH.pack(len(reply)) + reply)
        sink.flush()


def main() -> None:
    """Run as the child: Ctrl-C belongs to the parent, and a vanished parent is the end of input, not an error."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        serve(sys.stdin.buffer, sys.stdout.buffer)
    except BrokenPipeError:
        sys.stderr.close()


if __name__ == "__main__":
    main()
