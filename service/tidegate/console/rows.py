"""A list that is drawn anew row by row: what has not changed stays as it is in the browser, with its focus."""

from collections.abc import Sequence

from nicegui import ui

from tidegate.console.markup import Markup


class Rows:
    """Rows by key, in an element of `tag`, each one of `row_tag`."""

    def __init__(self, tag: str = "ol", row_tag: str = "li") -> None:
        self.element = ui.element(tag)
        self._row_tag = row_tag
        self._rows: dict[str, ui.html] = {}

    def show(self, wanted: Sequence[tuple[str, Markup]]) -> None:
        """Have these rows, in this order."""
        for gone in set(self._rows) - {key for key, _ in wanted}:
            self._rows.pop(gone).delete()
        for place, (key, content) in enumerate(wanted):
            row = self._rows.get(key)
            if row is None:
                with self.element:
                    row = self._rows[key] = ui.html(content, tag=self._row_tag)
            if self.element.default_slot.children[place] is not row:
                row.move(target_index=place)
            row.set_content(content)
