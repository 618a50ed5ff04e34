"""Plans: what would be moved, why, and what it would change; to be approved as seen, refused, or undone."""

import asyncio
from functools import partial
from typing import Final

from nicegui import ui

from tidegate.console import plan_markup as draw
from tidegate.console.acting import act, confirm
from tidegate.console.charts import utilisation_options
from tidegate.console.markup import Markup, address
from tidegate.console.rows import Rows
from tidegate.console.visit import Visit
from tidegate.contracts.command import CommandKind
from tidegate.contracts.plan import DecisionStatus, Plan
from tidegate.contracts.stream import FactKind
from tidegate.contracts.views import DecisionHistory, DecisionView, SiteView
from tidegate.errors import TidegateError

_SHOWN: Final = 50
_TOUCHING: Final = (FactKind.DECISION, FactKind.OUTCOME)

_STOPPABLE: Final = (DecisionStatus.PROPOSED, DecisionStatus.ROLLING_OUT)
_UNDOABLE: Final = (DecisionStatus.ROLLING_OUT, DecisionStatus.APPLIED, DecisionStatus.HALTED)

_ORDERS: Final = (
    ("Freeze", CommandKind.FREEZE, "Carry out no plan at this site until it is thawed. What is assigned stays as it is."),
    ("Thaw", CommandKind.THAW, "Carry out plans again."),
    ("Stop allocation", CommandKind.STOP_ALLOCATION, "The kill switch: make no plan and carry out none, until it is resumed."),
    ("Resume allocation", CommandKind.RESUME_ALLOCATION, "Take the kill switch back."),
)


async def build(visit: Visit) -> None:
    """Draw the page, and keep it up to date."""
    page = _Plans(visit)
    await page.refresh()
    visit.keep(page.refresh)


class _Plans:
    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._orders: dict[str, ui.html] = {}
        with ui.element("div").classes("content split wide-right").props("id=content"):
            with ui.element("div").classes("side"):
                self._sites = ui.element("section").classes("panel sites").props('aria-label="Sites"')
                with ui.element("section").classes("panel list").props('aria-label="Plans"'):
                    ui.html(Markup("<h2>Plans</h2>"))
                    self._notice = ui.html("", tag="p").classes("dim")
                    self._rows = Rows()
            self._details = _Details(visit)

    async def refresh(self) -> None:
        sites = await self._visit.sites()
        self._show_sites(list(sites.value or ()))
        plans, error = await self._newest()
        chosen = self._visit.query.get("plan") or (plans[0].plan_id if plans else None)
        self._rows.show(
            [(each.plan_id, draw.row(each, address("plans", plan=each.plan_id), chosen=each.plan_id == chosen)) for each in plans]
        )
        told = f"Not up to date: {error}" if error else "" if plans else "No plan yet. One is made when something can be better."
        self._notice.set_content(Markup("{}").format(told))
        await self._details.show(chosen)

    async def _newest(self) -> tuple[list[DecisionView], Exception | None]:
        board, listed = self._visit.board, self._visit.board.client.plans.list
        answers = await asyncio.gather(
            *(
                board.ask(f"plans:{scope}", partial(listed(site=scope).first, _SHOWN), seconds=5, touched_by=_TOUCHING)
                for scope in await self._visit.scopes()
            )
        )
        found = [plan for answer in answers for plan in answer.value or ()]
        errors = [answer.error for answer in answers if answer.error is not None]
        return sorted(found, key=lambda each: (-each.proposed_at_ms, each.plan_id))[:_SHOWN], errors[0] if errors else None

    def _show_sites(self, sites: list[SiteView]) -> None:
        for site in sites:
            name = str(site.site)
            if name not in self._orders:
                with self._sites, ui.element("div").classes("site-row"):
                    self._orders[name] = ui.html("")
                    if self._visit.may_operate(name):
                        self._menu(name)
            self._orders[name].set_content(draw.site(site))

    def _menu(self, site: str) -> None:
        with ui.dropdown_button("Orders", auto_close=True).props("outline dense no-caps"):
            ui.item("Look for a plan", on_click=partial(self._look, site))
            for title, kind, what in _ORDERS:
                ui.item(title, on_click=partial(self._ask, site, title, kind, what))

    async def _look(self, site: str) -> None:
        """A dry run first: what would be proposed, and only then whether to have it proposed."""
        self._visit.say(f"The planner looks at {site}.", "info")
        try:
            study = await self._visit.board.client.studies.dry_run(site)
        except TidegateError as error:
            self._visit.say(f"No plan: {error}", "negative")
            return

        async def do(reason: str) -> None:
            await act(self._visit, site, CommandKind.REQUEST_PLAN, f"A plan for {site} is being made.", reason=reason)

        with self._visit.client:
            confirm("What the planner would do", draw.study(study), "Have it proposed", do)

    def _ask(self, site: str, title: str, kind: CommandKind, what: str) -> None:
        async def do(reason: str) -> None:
            await act(self._visit, site, kind, f"{title}: done at {site}.", reason=reason)

        text = Markup("<p>Site <b>{}</b>. {}</p>").format(site, what)
        confirm(title, text, title, do, danger=kind in (CommandKind.FREEZE, CommandKind.STOP_ALLOCATION))


class _Details:
    """One plan with everything that speaks for it, and what can be done about it."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._shown: DecisionHistory | None = None
        self._charted: str | None = None
        with ui.element("div").classes("side"):
            with ui.element("section").classes("panel").props('aria-label="The plan"') as self._panel:
                with ui.element("div").classes("actions"):
                    self._approve = ui.button("Approve", icon="check", on_click=self._ask_approve).props(
                        "unelevated dense no-caps"
                    )
                    self._refuse = ui.button("Refuse", icon="close", on_click=self._ask_refuse).props("outline dense no-caps")
                    self._undo = ui.button("Undo", icon="undo", on_click=self._ask_undo).props("outline dense no-caps")
                self._text = ui.html("")
            self._chart_panel = ui.element("section").classes("panel")
            self._moves = ui.html("", tag="section").classes("panel")
        self._panel.set_visibility(False)
        self._chart_panel.set_visibility(False)
        self._moves.set_visibility(False)

    async def show(self, identifier: str | None) -> None:
        if identifier is None:
            return
        board = self._visit.board
        answer = await board.ask(
            f"plan:{identifier}", lambda: board.client.plans.get(identifier), seconds=5, touched_by=_TOUCHING
        )
        self._panel.set_visibility(True)
        self._shown = answer.value
        if answer.value is None:
            self._text.set_content(Markup('<p class="complaint">{}</p>').format(str(answer.error)))
        else:
            self._text.set_content(draw.details(answer.value))
            self._show_plan(answer.value.plan)
        self._allow(answer.value)

    def _allow(self, history: DecisionHistory | None) -> None:
        status = history.decision.status if history else None
        may = history is not None and self._visit.may_operate(history.decision.site)
        self._approve.set_visibility(may and status is DecisionStatus.PROPOSED)
        self._refuse.set_visibility(may and status in _STOPPABLE)
        self._undo.set_visibility(may and status in _UNDOABLE)

    def _show_plan(self, plan: Plan | None) -> None:
        self._moves.set_visibility(plan is not None)
        self._chart_panel.set_visibility(plan is not None)
        if plan is None:
            return
        self._moves.set_content(draw.moves(plan))
        if self._charted != plan.id:
            self._charted = plan.id
            self._chart_panel.clear()
            with self._chart_panel:
                self._chart(plan)

    def _chart(self, plan: Plan) -> None:
        ui.html(Markup("<h2>Use of each gateway, in percent of its capacity</h2>"))
        resources = sorted({name for uses in plan.after.utilisation.values() for name in uses})
        if not resources:
            ui.html(Markup('<p class="dim">No gateway states a capacity.</p>'))
            return
        tightest = max(resources, key=lambda name: max(uses.get(name, 0.0) for uses in plan.after.utilisation.values()))
        gateways = len({*plan.before.utilisation, *plan.after.utilisation})
        toggle = ui.toggle(resources, value=tightest).props("dense no-caps unelevated")
        chart = ui.echart(utilisation_options(plan.before, plan.after, tightest), renderer="svg").style(
            f"height:{60 + 34 * min(gateways, 40)}px"
        )

        def turn() -> None:
            chart.options.update(utilisation_options(plan.before, plan.after, toggle.value))
            chart.update()

        toggle.on_value_change(turn)

    def _ask_approve(self) -> None:
        history = self._shown
        if history is None or history.plan is None:
            return
        plan = history.plan

        async def do(reason: str) -> None:
            await act(
                self._visit,
                plan.site,
                CommandKind.APPROVE_PLAN,
                "Approved: the plan is being carried out.",
                plan_id=plan.id,
                digest=plan.digest,
                reason=reason,
            )

        confirm("Approve this plan?", draw.in_short(plan), "Approve and carry out", do)

    def _ask_refuse(self) -> None:
        if self._shown is not None and self._shown.decision.status is DecisionStatus.ROLLING_OUT:
            self._ask(
                "Halt this plan?",
                CommandKind.REFUSE_PLAN,
                "Halt",
                "Halted: nothing more is moved.",
                "What is left of it is not made. What it has moved stays where it is, until it is undone.",
            )
            return
        self._ask(
            "Refuse this plan?",
            CommandKind.REFUSE_PLAN,
            "Refuse",
            "Refused: nothing is moved.",
            "It is closed, and nothing is moved.",
        )

    def _ask_undo(self) -> None:
        self._ask(
            "Undo this plan?",
            CommandKind.UNDO_PLAN,
            "Undo",
            "A plan that undoes it was made.",
            "Each device goes back to where it was before, unless it has been moved since or its gateway cannot take it. "
            "That is a plan of its own, which waits for approval where plans do.",
        )

    def _ask(self, title: str, kind: CommandKind, verb: str, done: str, what: str) -> None:
        history = self._shown
        if history is None:
            return
        decision = history.decision

        async def do(reason: str) -> None:
            await act(self._visit, decision.site, kind, done, plan_id=decision.plan_id, reason=reason)

        confirm(title, Markup("<p>{}</p>").format(what), verb, do, danger=True)
