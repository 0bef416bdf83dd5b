"""An execution as a single file that opens without a server: the console's own page, with all that it shows inside."""

from __future__ import annotations

import base64
import hashlib
import html
import re
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from switchyard.console.costs import FunctionMemory, cost_if_known, memory_in_logs
from switchyard.console.execution import attachment
from switchyard.console.execution_page import execution_view
from switchyard.console.execution_views import detail_view, event_document
from switchyard.console.pages import BUILT
from switchyard.console.problems import RequestError, problem_of
from switchyard.console.routing import get, required
from switchyard.console.schema import Cost, Execution, Job, Log, Report, ReportState, StateStatus, Visit
from switchyard.console.state_logs import group_of

if TYPE_CHECKING:
    from starlette.routing import Route

    from switchyard.console.context import Context
    from switchyard.console.live import FeedMaker
    from switchyard.console.opened import OpenedExecution

GENERATOR = "Switchyard report"

# A report is passed around and opened at once: so much of it there may be.
_STATE_CHARACTERS = _EVENT_CHARACTERS = _LOG_CHARACTERS = 8 * 1024 * 1024
_LOG_LINES = 2000
# Each is a request or some to CloudWatch Logs.
_MAX_LOGS = 100
_WENT_WRONG = (StateStatus.FAILED, StateStatus.CAUGHT, StateStatus.TIMED_OUT, StateStatus.ABORTED)
_SCRIPT = re.compile(r'<script type="module"[^>]*\ssrc="/static/console\.js"[^>]*></script>')
_STYLE = re.compile(r'<link rel="stylesheet"[^>]*\shref="/static/console\.css"[^>]*>')
_IN_JSON = str.maketrans({c: f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"})


def routes(context: Context) -> list[Route]:
    """Make the routes of this area."""

    def download(arn: str) -> Any:
        execution = context.opened.open(arn)
        return attachment(f"{execution.row.name}.html", report_html(report_of(execution)), "text/html; charset=utf-8")

    return [get("/api/execution/report.html", lambda request: download(required(request, "arn")))]


def feeds(_context: Context) -> dict[str, FeedMaker]:
    """Say who makes the feeds of this area: nobody, a report does not change."""
    return {}


def report_of(execution: OpenedExecution) -> Report:
    """Gather all that an execution's page shows.

    What is too much is left out, the least interesting first, and named in the report's notes.

    Parameters
    ----------
    execution
        The execution.
    """
    notes: list[str] = []
    whole = execution_view(execution)
    states = _states(execution, whole, notes)
    return Report(
        execution=whole,
        states=states,
        events=_events(execution, notes),
        cost=_cost(execution, states, notes),
        made_at=time.time(),
        made_by=f"Switchyard {version('switchyard')}",
        notes=notes,
    )


def report_html(report: Report, built: Path | None = None) -> str:
    """Write a report as one HTML file, whose policy lets nothing run but the console's own script.

    Parameters
    ----------
    report
        The report.
    built
        Where the page was built; by default in this package.

    Raises
    ------
    RequestError
        When the page has not been built (503).
    """
    try:
        index, script, style = (
            ((built or BUILT) / name).read_text(encoding="utf-8")
            for name in ("index.html", "console.js", "console.css")
        )
    except OSError:
        raise RequestError(503, "the console's page has not been built; build it with `make console`") from None
    # Neither may end the element that it is in. Where these stand in a script or a style sheet, it is inside of a
    # text, where the escape means the same.
    script = re.sub("<(?=!--|/script)", r"\\x3c", script, flags=re.IGNORECASE)
    style = re.sub("</(?=style)", r"<\\/", style, flags=re.IGNORECASE)
    policy = (
        f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    head = (
        f'<meta charset="utf-8" />\n    <meta http-equiv="Content-Security-Policy" content="{policy}" />\n'
        f'    <meta name="generator" content="{GENERATOR}" />\n    <meta name="referrer" content="no-referrer" />'
    )
    title = f"<title>{html.escape(report.execution.row.name)} · Switchyard</title>"
    data = report.model_dump_json().translate(_IN_JSON)
    page = _replace(index, '<meta charset="utf-8" />', head)
    page = _replace(page, re.compile("<title>[^<]*</title>"), title)
    page = _replace(page, _STYLE, f"<style>{style}</style>")
    page = _replace(page, _SCRIPT, f'<script type="module">{script}</script>')
    return _replace(
        page, "</body>", f'  <script type="application/json" id="report">{data}</script>\n  </body>', last=True
    )


def _replace(page: str, old: str | re.Pattern[str], new: str, *, last: bool = False) -> str:
    """Replace one place of the built page, which must have it."""
    pattern = re.compile(re.escape(old)) if isinstance(old, str) else old
    places = list(pattern.finditer(page))
    if not places:
        raise RequestError(503, f"the console's page has no {pattern.pattern}; build it anew with `make console`")
    place = places[-1] if last else places[0]
    return page[: place.start()] + new + page[place.end() :]


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


# What is in it


def _states(execution: OpenedExecution, whole: Execution, notes: list[str]) -> dict[int, ReportState]:
    by_interest = sorted(
        whole.visits,
        key=lambda visit: (
            visit.id != whole.failed_visit,
            visit.status not in _WENT_WRONG,
            visit.job is None,
            visit.id,
        ),
    )
    states: dict[int, ReportState] = {}
    characters, logs, log_characters = 0, 0, 0
    without_log = 0
    for visit in by_interest:
        with execution.lock:
            detail = detail_view(execution.builder, execution.builder.visits[visit.id], visit)
        characters += len(detail.model_dump_json())
        if characters > _STATE_CHARACTERS:
            break
        log, job = None, None
        if group_of(execution.builder.visits[visit.id]) is not None:
            if logs < _MAX_LOGS and log_characters < _LOG_CHARACTERS:
                logs += 1
                log = _log(execution, visit, notes)
                log_characters += sum(len(line.text) for line in log.lines)
                job = _job(execution, visit)
            else:
                without_log += 1
        states[visit.id] = ReportState(detail=detail, log=log, job=job)
    if len(states) < len(whole.visits):
        notes.append(
            f"The details of {len(whole.visits) - len(states):,} of {len(whole.visits):,} states were left out: "
            f"a report holds {_STATE_CHARACTERS // 2**20} MB of them, those that went wrong first."
        )
    if without_log:
        notes.append(f"The logs of {without_log:,} states were left out: a report holds those of {_MAX_LOGS} at most.")
    return dict(sorted(states.items()))


def _log(execution: OpenedExecution, visit: Visit, notes: list[str]) -> Log:
    try:
        log = execution.reader(visit.id).log()
    except (ClientError, BotoCoreError) as error:
        return Log(group=None, lines=[], is_cut=False, problem=problem_of(error).detail, is_live=False)
    if len(log.lines) > _LOG_LINES or log.is_cut:
        notes.append(f"Of what {visit.name!r} logged, the newest {min(len(log.lines), _LOG_LINES):,} lines are here.")
    return log.model_copy(
        update={"lines": log.lines[-_LOG_LINES:], "is_cut": log.is_cut or len(log.lines) > _LOG_LINES, "is_live": False}
    )


def _job(execution: OpenedExecution, visit: Visit) -> Job | None:
    return execution.reader(visit.id).job() if visit.job is not None else None


def _events(execution: OpenedExecution, notes: list[str]) -> dict[int, dict[str, Any]]:
    events: dict[int, dict[str, Any]] = {}
    characters = 0
    with execution.lock:
        numbers = list(execution.builder.events)
        for number in numbers:
            document = event_document(execution.builder, number)
            characters += len(str(document))
            if characters > _EVENT_CHARACTERS:
                break
            events[number] = document
    if len(events) < len(numbers):
        notes.append(
            f"The details of {len(numbers) - len(events):,} of {len(numbers):,} events were left out: a report holds "
            f"{_EVENT_CHARACTERS // 2**20} MB of them, from the first one on. The console saves the whole history."
        )
    return events


def _cost(execution: OpenedExecution, states: dict[int, ReportState], notes: list[str]) -> Cost | None:
    region = [*execution.arn.split(":"), "", "", "", ""][3]
    cloud = execution.source.cloud
    if cloud is not None:
        memory_of: Any = FunctionMemory(cloud)
    else:
        logs = {
            state.detail.visit.function: [line.text for line in state.log.lines]
            for state in states.values()
            if state.log is not None and state.detail.visit.function
        }
        memory_of = memory_in_logs(logs).get
    with execution.lock:
        events = list(execution.builder.events.values())
    cost, problem = cost_if_known(events, region=region, memory_of=memory_of)
    if problem is not None:
        notes.append(f"{problem[0].upper()}{problem[1:]}.")
    return cost
