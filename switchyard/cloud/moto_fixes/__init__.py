"""Every defect of moto 5.2.5 that the local cloud works around: one function, one reason each.

Each module has one area of moto's. ``tests/cloud/test_moto_fixes.py`` shows each defect in moto as shipped, so that it
fails, and the fix can go, once upstream is mended. `apply` runs before anything else imports moto's Step Functions
interpreter; the order in it counts, since some fixes go around others.
"""

from __future__ import annotations

from switchyard.cloud.moto_fixes.endings import (
    drop_events_after_the_end,
    end_time_outs_at_once,
    keep_stop_reason,
    on_execution_end,
    release_waiting_tasks,
)
from switchyard.cloud.moto_fixes.events import check_event_patterns, deliver_events, tell_of_schedules
from switchyard.cloud.moto_fixes.executions import (
    encode_every_output,
    execute_state_machines,
    name_error_codes,
    name_the_status_of_a_beginning_execution,
    name_unnamed_executions,
    page_and_reverse_history,
    refuse_bad_starts,
    refuse_dangling_states,
    report_time_outs,
)
from switchyard.cloud.moto_fixes.iam import attach_managed_policies, keep_policies_as_json
from switchyard.cloud.moto_fixes.interpreter import (
    call_through,
    evaluate_jsonata,
    load_batch_lazily,
    name_failed_queries,
    name_lambda_errors_as_aws,
    name_sdk_errors_as_aws,
    parse_definitions_apart,
    parse_each_definition_once,
    parse_each_path_once,
    pass_on_states_errors,
    read_roles_by_path,
    renew_task_tokens,
    scale_time,
    unwrap_definite_paths,
)
from switchyard.cloud.moto_fixes.logs_and_metrics import (
    answer_cloudwatch,
    on_log_events,
    on_message_sent,
    select_log_streams_by_prefix,
)
from switchyard.cloud.moto_fixes.s3 import evaluate_bucket_policies, tell_of_objects
from switchyard.cloud.moto_fixes.startup import (
    list_regions_once,
    list_services_once,
    load_ec2_lazily,
    load_errors_of_cloudformation_alone,
    read_service_descriptions_once,
)

__all__ = [
    "answer_cloudwatch",
    "apply",
    "call_through",
    "check_event_patterns",
    "deliver_events",
    "on_execution_end",
    "on_log_events",
    "on_message_sent",
    "scale_time",
    "tell_of_objects",
    "tell_of_schedules",
]


def apply() -> None:
    """Mend moto, in this process, once."""
    load_batch_lazily()
    load_ec2_lazily()
    load_errors_of_cloudformation_alone()
    execute_state_machines()
    evaluate_jsonata()
    name_error_codes()
    name_sdk_errors_as_aws()
    name_lambda_errors_as_aws()
    name_unnamed_executions()
    refuse_bad_starts()
    parse_definitions_apart()
    parse_each_definition_once()
    keep_stop_reason()
    page_and_reverse_history()
    name_the_status_of_a_beginning_execution()
    report_time_outs()
    drop_events_after_the_end()
    release_waiting_tasks()
    end_time_outs_at_once()
    renew_task_tokens()
    read_roles_by_path()
    evaluate_bucket_policies()
    attach_managed_policies()
    keep_policies_as_json()
    list_regions_once()
    list_services_once()
    read_service_descriptions_once()
    select_log_streams_by_prefix()
    encode_every_output()
    unwrap_definite_paths()
    parse_each_path_once()
    name_failed_queries()
    pass_on_states_errors()
    refuse_dangling_states()
