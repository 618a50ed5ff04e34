"""The adviser's child process: `python -m tidegate.adapters.adviser_process`. Does nothing but answer what `adviser` asks."""

from tidegate.adapters.adviser import answer
from tidegate.adapters.child import run_child

if __name__ == "__main__":
    run_child(answer)
