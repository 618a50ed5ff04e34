"""`python -m tidegate.cli.metrics`: the reference page of the metrics, made from the catalogue; for those who change it."""

from tidegate.adapters.catalogue import reference_page
from tidegate.cli.generated import commands_for

app = commands_for(reference_page, "the reference page of the metrics", "docs/metrics.md", "python -m tidegate.cli.metrics")

if __name__ == "__main__":
    app()
