"""The page about access lists the table of rules as it is."""

import re
from pathlib import Path

from tidegate.api.access.rules import RULES, Rule, SiteFrom

PAGE = (Path(__file__).parents[3] / "docs" / "access.md").read_text(encoding="utf-8")
WHERE = {
    SiteFrom.PATH: "of the path",
    SiteFrom.QUERY: "`?site=`",
    SiteFrom.BODY: "of the body",
    SiteFrom.SHOWN: "those one may see are shown",
    SiteFrom.NONE: "any",
    SiteFrom.EVERY: "`*`",
}


def row(method: str, path: str, rule: Rule) -> str:
    if rule.open:
        return f"| `{method} {path}` | open | |"
    return f"| `{method} {path}` | {rule.role or 'any'} | {WHERE[rule.site]} |"


def test_every_rule_of_the_table_is_on_the_page_and_no_other() -> None:
    told = re.findall(r"^\| `(?:GET|POST|PUT|PATCH|DELETE) .*$", PAGE, re.MULTILINE)
    expected = [row(method, path, rule) for (method, path), rule in RULES.items()]
    assert told == expected, "docs/access.md lists:\n" + "\n".join(expected)
