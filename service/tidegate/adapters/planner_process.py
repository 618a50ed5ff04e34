"""The planner's child process: `python -m tidegate.adapters.planner_process`. Does nothing but answer what `planner` asks."""

from tidegate.adapters.child import run_child
from tidegate.adapters.planner import Answers

if __name__ == "__main__":
    run_child(Answers().answer)
