"""A page as one shell script: what a reader does from top to bottom, in one folder and one shell.

`tidegate serve` stays in the foreground for a reader, who opens another terminal; here it goes to the background, and takes the
place of the service that ran before. The script has a service also where the page starts none.
"""

from collections.abc import Sequence

from pages.blocks import Block

DOOR = "127.0.0.1:8080"
BROKER = "localhost:9092"

READING_SECONDS = 1
"""Between two blocks: a reader takes longer, and by then what was sent is scored and in the history."""

_PRELUDE = """\
set -euo pipefail
serving=
tidegate() {
  if [ "${1:-}" != serve ]; then command tidegate "$@"; return; fi
  stop_serving
  command tidegate "$@" 2>> serve.log &
  serving=$!
  for _ in $(seq 600); do
    if command curl -sf -o /dev/null http://127.0.0.1:8080/readyz; then return; fi
    kill -0 $serving 2> /dev/null || { cat serve.log >&2; return 1; }
    sleep 0.1
  done
  cat serve.log >&2; return 1
}
stop_serving() { if [ -n "$serving" ]; then kill $serving 2> /dev/null || true; wait $serving || true; serving=; fi; }
curl() { command curl -sS --fail-with-body "$@"; }
trap stop_serving EXIT
"""


def script_of(blocks: Sequence[Block], port: int, broker: str) -> str:
    """The script for `blocks`, with a door on `port` of loopback and Kafka at `broker` in place of those the page names."""
    parts = [_PRELUDE]
    if not any("tidegate serve" in block.text for block in blocks if block.is_run):
        parts.append("tidegate serve\n")
    parts += [_step(block) for block in blocks if block.is_run or block.file]
    return (
        "\n".join(parts)
        .replace("localhost:8080", DOOR)
        .replace(":8080", f":{port}")
        .replace("port 8080", f"port {port}")
        .replace(BROKER, broker)
    )


def _step(block: Block) -> str:
    if block.file:
        return f"mkdir -p \"$(dirname '{block.file}')\"\ncat > '{block.file}' <<'END_OF_FILE'\n{block.text}END_OF_FILE\n"
    return f"echo '== line {block.line}' >&2\nsleep {READING_SECONDS}\n{block.text}"
