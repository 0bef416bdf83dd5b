"""EventBridge: events, their rules, and schedules."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any


def deliver_events(put: Callable[..., list[dict[str, str]]], offer: Callable[[Any, dict[str, Any]], None]) -> None:
    """Events reach logs and queues only, from disabled rules too, and Input and InputPath are ignored.

    Parameters
    ----------
    put : callable
        Answers PutEvents' entries and delivers them; told as ``is_owner`` whether no role's session calls.
    offer : callable
        Given one of moto's rules and an event, delivers it if the rule wants it.
    """
    from moto.core.exceptions import JsonRESTError
    from moto.events.models import Rule
    from moto.events.responses import EventsHandler

    def put_events(self: Any) -> str:
        entries = self._get_param("Entries") or []
        if not 1 <= len(entries) <= 10:
            raise JsonRESTError(
                "ValidationException",
                "1 validation error detected: Value at 'entries' failed to satisfy constraint: "
                f"Member must have length between 1 and 10, but {len(entries)} were given",
            )
        answers = put(entries, is_owner="X-Amz-Security-Token" not in self.headers)
        return json.dumps({"FailedEntryCount": sum("ErrorCode" in each for each in answers), "Entries": answers})

    def send_to_targets(self: Any, original_event: Any, transform_input: bool = True) -> None:
        offer(self, original_event)

    EventsHandler.put_events = put_events
    Rule.send_to_targets = send_to_targets


def check_event_patterns(parse_pattern: Callable[[str], Any], check_target: Callable[[Any], None]) -> None:
    """Patterns with unknown operators and targets with two inputs are taken; TestEventPattern answers nothing.

    Parameters
    ----------
    parse_pattern, check_target : callable
        Raise ValueError for a pattern or a target that EventBridge refuses; a parsed pattern `matches` events.
    """
    from moto.core.exceptions import JsonRESTError
    from moto.events.exceptions import InvalidEventPatternException
    from moto.events.models import EventPatternParser, EventsBackend
    from moto.events.responses import EventsHandler

    def parsed(text: str) -> Any:
        try:
            return parse_pattern(text)
        except ValueError as error:
            raise InvalidEventPatternException(reason=str(error)) from None

    parse = EventPatternParser.parse
    put_targets = EventsBackend.put_targets

    def parse_checked(self: Any) -> Any:
        if self.pattern:
            parsed(self.pattern)
        return parse(self)

    def put_checked_targets(self: Any, name: str, event_bus_arn: Any, targets: Any) -> None:
        for target in targets:
            try:
                check_target(target)
            except ValueError as error:
                raise JsonRESTError("ValidationException", str(error)) from None
        put_targets(self, name, event_bus_arn, targets)

    def test_event_pattern(self: Any) -> str:
        pattern = parsed(self._get_param("EventPattern") or "")
        try:
            event = json.loads(self._get_param("Event") or "")
        except ValueError:
            event = None
        wanted = ("id", "account", "source", "time", "region", "resources", "detail-type")
        missing = [key for key in wanted if not isinstance(event, dict) or key not in event]
        if missing:
            raise JsonRESTError("ValidationException", f"Event is not valid: {missing[0]} is missing.")
        return json.dumps({"Result": pattern.matches(event)})

    EventPatternParser.parse = parse_checked
    EventsBackend.put_targets = put_checked_targets
    EventsHandler.test_event_pattern = test_event_pattern


def tell_of_schedules(check: Callable[[str, str], None], changed: Callable[[], None]) -> None:
    """Schedules never fire, wrong ones are taken, and an update drops what happens after their completion.

    Parameters
    ----------
    check : callable
        Given an expression and a time zone, raises ValueError if they are none.
    changed : callable
        Told whenever a schedule, or a rule that may be one, is not what it was.
    """
    from moto.events.models import EventsBackend
    from moto.scheduler.exceptions import ScheduleGroupNotFound, ValidationException
    from moto.scheduler.models import EventBridgeSchedulerBackend
    from moto.scheduler.responses import EventBridgeSchedulerResponse

    def telling(original: Callable[..., Any]) -> Callable[..., Any]:
        def tell(*arguments: Any, **options: Any) -> Any:
            answer = original(*arguments, **options)
            changed()
            return answer

        return tell

    def checking(original: Callable[..., Any]) -> Callable[..., Any]:
        def checked(self: Any, **options: Any) -> Any:
            try:
                check(options["schedule_expression"] or "", options["schedule_expression_timezone"] or "UTC")
            except ValueError as error:
                raise ValidationException(str(error)) from None
            if (options["group_name"] or "default") not in self.schedule_groups:
                raise ScheduleGroupNotFound(options["group_name"])
            return original(self, **options)

        return checked

    update = EventBridgeSchedulerResponse.update_schedule

    def update_schedule(self: Any) -> str:
        answer: str = update(self)
        name = self.uri.split("?")[0].split("/")[-1]
        schedule = self.scheduler_backend.get_schedule(self._get_param("GroupName"), name)
        schedule.action_after_completion = self._get_param("ActionAfterCompletion")
        return answer

    put_rule = EventsBackend.put_rule

    def put_checked_rule(self: Any, *arguments: Any, **options: Any) -> Any:
        from moto.events.exceptions import ValidationException as InvalidRule

        if expression := options.get("scheduled_expression"):
            try:
                check(expression, "UTC")
            except ValueError:
                raise InvalidRule("Parameter ScheduleExpression is not valid.") from None
        return put_rule(self, *arguments, **options)

    EventsBackend.put_rule = telling(put_checked_rule)
    for name in ("delete_rule", "disable_rule", "enable_rule"):
        setattr(EventsBackend, name, telling(getattr(EventsBackend, name)))
    for name in ("create_schedule", "update_schedule"):
        setattr(EventBridgeSchedulerBackend, name, telling(checking(getattr(EventBridgeSchedulerBackend, name))))
    for name in ("delete_schedule", "delete_schedule_group"):
        setattr(EventBridgeSchedulerBackend, name, telling(getattr(EventBridgeSchedulerBackend, name)))
    EventBridgeSchedulerResponse.update_schedule = update_schedule
