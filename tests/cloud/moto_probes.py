"""Looks at each of moto's defects, in moto as shipped or mended, and prints what it sees as one JSON document.

Run as ``python -m tests.cloud.moto_probes shipped|mended``, always in a fresh process.
"""

from __future__ import annotations

import contextlib
import datetime
import itertools
import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

_numbers = itertools.count(1)
ROLE = "arn:aws:iam::123456789012:role/machine"
PASS = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}


def main(mended: bool) -> dict[str, Any]:
    """Look at everything; the answers are by the name of the function that mends it."""
    seen: dict[str, Any] = {"load_batch_lazily": importing_the_interpreter_imports_ec2(mended)}
    seen["load_ec2_lazily"] = asking_for_a_parameter_imports_ec2(mended)
    seen["load_errors_of_cloudformation_alone"] = asking_for_an_attribute_imports_cloudformation()
    seen["execute_state_machines"] = a_machine_of_cloudformation_can_be_started()
    ended: list[str] = []
    told: list[str] = []
    schedules: list[bool] = []
    if mended:
        from switchyard.cloud import monitoring, moto_fixes
        from switchyard.cloud.events import expressions, patterns, transform

        # It uses what mends CloudWatch, queues and log groups.
        monitoring.install(0.01, lambda *_: None, lambda *_: None, lambda *_, **__: None)
        moto_fixes.scale_time(0.01)
        moto_fixes.on_execution_end(lambda execution: ended.append(execution.name))
        moto_fixes.deliver_events(lambda entries, is_owner: [{"EventId": "1"} for _ in entries], lambda *_: None)
        moto_fixes.tell_of_schedules(expressions.parse, lambda: schedules.append(True))
        moto_fixes.check_event_patterns(patterns.parse, transform.check)
        moto_fixes.tell_of_objects(
            lambda happened, bucket, _: (
                told.append(happened) if bucket.name == "told" and "Tag" not in happened else None
            )
        )
    else:
        from moto.core.config import default_user_config

        default_user_config["stepfunctions"]["execute_state_machine"] = True
    seen["list_regions_once"] = descriptions_read_for_the_regions_of("sqs", "sns")
    seen["list_services_once"] = services_are_listed_anew_each_time()
    seen["read_service_descriptions_once"] = a_second_session_reads_the_same_files_again()
    seen["parse_definitions_apart"] = a_definition_after_one_that_was_refused()
    if not mended:
        parse_one_at_a_time()
    seen["parse_each_definition_once"] = parses_of_one_definition_started_thrice()
    seen["parse_each_path_once"] = parses_of_paths_read_and_written_twice()
    cloud = Cloud(mended)
    probes = {
        "evaluate_jsonata": cloud.jsonata,
        "name_error_codes": cloud.codes_of_errors,
        "name_sdk_errors_as_aws": cloud.error_of_an_sdk_task,
        "name_lambda_errors_as_aws": errors_of_lambda,
        "name_unnamed_executions": cloud.two_unnamed_executions,
        "refuse_bad_starts": cloud.starts_that_step_functions_refuses,
        "keep_stop_reason": cloud.reason_of_a_stop,
        "page_and_reverse_history": cloud.last_event_alone,
        "name_the_status_of_a_beginning_execution": status_before_the_first_state,
        "report_time_outs": cloud.end_of_a_timed_out_execution,
        "drop_events_after_the_end": cloud.events_after_a_stop,
        "release_waiting_tasks": cloud.status_after_the_stop_of_a_task_with_a_token,
        "end_time_outs_at_once": cloud.last_event_of_a_time_out,
        "read_roles_by_path": cloud.roles_by_path,
        "renew_task_tokens": cloud.tokens_of_two_tries,
        "evaluate_bucket_policies": cloud.reading_from_a_bucket_that_takes_only_tls,
        "attach_managed_policies": cloud.policies_of_aws_on_a_role,
        "keep_policies_as_json": cloud.policy_of_a_template_s_role,
        "select_log_streams_by_prefix": cloud.lines_of_the_streams_with_a_prefix,
        "answer_cloudwatch": cloud.statistics_of_a_metric_that_is_another_one,
        "on_log_events": cloud.metric_of_a_log_line,
        "on_message_sent": cloud.metric_of_a_queue,
        "encode_every_output": cloud.outputs_that_are_text_or_null,
        "unwrap_definite_paths": cloud.one_member_of_a_list,
        "name_failed_queries": cloud.error_of_a_query,
        "pass_on_states_errors": cloud.error_of_a_branch,
        "refuse_dangling_states": cloud.a_machine_with_a_dangling_state,
        "scale_time": cloud.seconds_of_a_wait,
        "call_through": cloud.caller_of_a_task,
        "deliver_events": cloud.messages_of_a_disabled_rule,
        "check_event_patterns": cloud.a_rule_with_an_operator_that_there_is_not,
        "tell_of_schedules": lambda: [cloud.a_schedule_of_nonsense(), len(schedules) > 0],
        "tell_of_objects": lambda: cloud.changes_of_an_object_in_parts() or told,
    }
    with ThreadPoolExecutor(max_workers=len(probes)) as pool:
        answers = {name: pool.submit(probe) for name, probe in probes.items()}
        seen |= {name: answer.result() for name, answer in answers.items()}
    seen["on_execution_end"] = len(ended) > 0
    return seen


def status_before_the_first_state() -> str:
    """Ask an execution that has not been started yet how it stands."""
    from types import SimpleNamespace

    from moto.stepfunctions.parser.backend.execution import Execution

    try:
        return str(Execution.status.fget(SimpleNamespace(exec_status=None)))
    except AttributeError:
        return "an error"


def errors_of_lambda() -> Any:
    """Refuse an invocation with a code that Invoke does not model, and with one that it does."""
    from botocore.exceptions import ClientError
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_lambda

    name = state_task_service_lambda.StateTaskServiceLambda._error_cause_from_client_error
    metadata = {"HTTPStatusCode": 400, "RequestId": "r"}
    codes = ("AccessDeniedException", "TooManyRequestsException")
    answers = [{"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": metadata} for code in codes]
    return [name(ClientError(answer, "Invoke"))[0] for answer in answers]


def importing_the_interpreter_imports_ec2(mended: bool) -> bool:
    """Load the interpreter, whole."""
    if mended:
        from switchyard.cloud import moto_fixes

        moto_fixes.apply()
    else:
        import moto.stepfunctions.parser.models  # noqa: F401
    return "moto.ec2.models" in sys.modules


def asking_for_a_parameter_imports_ec2(mended: bool) -> bool:
    """Ask SSM for a parameter, in a process in which the interpreter has not imported EC2 yet."""
    mend = "from switchyard.cloud.moto_fixes import startup; startup.load_ec2_lazily(); " if mended else ""
    # A command to instances, which is what it needs EC2 for, still finds them.
    code = (
        f"{mend}import sys, moto.ssm.models as ssm; here = '123456789012', 'us-east-1'; "
        "ssm.ssm_backends[here[0]][here[1]].get_parameter('/a/b'); "
        "print('moto.ec2.models' in sys.modules, len(ssm.ec2_backends[here[0]][here[1]].all_reservations()))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    is_imported, instances = printed.split()
    assert instances == "0"
    return is_imported == "True"


def asking_for_an_attribute_imports_cloudformation() -> bool:
    """Ask a topic for an attribute, as Fn::GetAtt does."""
    from moto.sns.models import Topic, sns_backends

    topic = Topic("asked", sns_backends["123456789012"]["us-east-1"])
    assert topic.get_cfn_attribute("TopicName") == "asked"
    return "moto.cloudformation.models" in sys.modules


def parses_of_paths_read_and_written_twice() -> list[int]:
    """Count how often a path is parsed that is read twice, and one that is written twice."""
    from jsonpath_ng.parser import JsonPathParser
    from moto.stepfunctions.parser.asl.component.common.path import result_path
    from moto.stepfunctions.parser.asl.utils import json_path

    parsed: list[str] = []
    original = JsonPathParser.parse

    def parse(self: Any, text: str, *others: Any) -> Any:
        parsed.append(text)
        return original(self, text, *others)

    JsonPathParser.parse = parse
    try:
        for _ in range(2):
            assert json_path.extract_json("$.read.twice", {"read": {"twice": 1}}) == 1
            assert result_path.parse("$.written.twice").update_or_create({}, 1) == {"written": {"twice": 1}}
    finally:
        JsonPathParser.parse = original
    return [parsed.count("$.read.twice"), parsed.count("$.written.twice")]


def a_definition_after_one_that_was_refused() -> str:
    """Parse a wrong JSONata definition, then a right one in JSONPath."""
    from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
    from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor

    state = {"Type": "Pass", "Parameters": {"a": 1}, "End": True}
    machine = {"StartAt": "A", "States": {"A": state}}
    with contextlib.suppress(ValueError):
        AmazonStateLanguageParser.parse(json.dumps({"QueryLanguage": "JSONata", **machine}))
    try:
        AmazonStateLanguageParser.parse(json.dumps(machine))
    except ValueError:
        return "refused"
    finally:
        Preprocessor._query_language_per_scope.clear()
    return "taken"


def parse_one_at_a_time() -> None:
    """Keep that defect out of the other probes, which run side by side."""
    from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser

    parse, lock = AmazonStateLanguageParser.parse, threading.Lock()

    def one_at_a_time(definition: str) -> Any:
        with lock:
            return parse(definition)

    AmazonStateLanguageParser.parse = staticmethod(one_at_a_time)


def a_machine_of_cloudformation_can_be_started() -> bool:
    """Create a state machine as a template's resource is created; look for it where machines are executed."""
    from moto.stepfunctions.models import StateMachine
    from moto.stepfunctions.parser.models import stepfunctions_parser_backends

    properties = {"DefinitionString": json.dumps(PASS), "RoleArn": ROLE}
    machine = StateMachine.create_from_cloudformation_json("m", {"Properties": properties}, "123456789012", "us-east-1")
    backend = stepfunctions_parser_backends["123456789012"]["us-east-1"]
    return machine.arn in {each.arn for each in backend.state_machines}


def descriptions_read_for_the_regions_of(*services: str) -> list[str]:
    """Make backends, and note which services' descriptions are read for it."""
    import botocore.loaders
    from moto.core.base_backend import AccountSpecificBackend

    read: list[str] = []
    original = botocore.loaders.Loader.load_service_model

    def load_service_model(self: Any, service: str, *arguments: Any, **options: Any) -> Any:
        read.append(service)
        return original(self, service, *arguments, **options)

    botocore.loaders.Loader.load_service_model = load_service_model
    for service in services:
        AccountSpecificBackend(service, "123456789012", object, True, None)
    botocore.loaders.Loader.load_service_model = original
    return sorted(set(read) & set(services))


def services_are_listed_anew_each_time() -> bool:
    """Ask twice."""
    from moto import backends

    return backends.list_of_moto_modules() is not backends.list_of_moto_modules()


def a_second_session_reads_the_same_files_again() -> bool:
    """Describe a service in two sessions, and count what the second one reads."""
    import botocore.loaders
    import botocore.session

    botocore.session.Session().get_service_model("sqs")
    read: list[str] = []
    original = botocore.loaders.JSONFileLoader.load_file

    def load_file(self: Any, path: str) -> Any:
        content = original(self, path)
        read.extend([] if content is None else [path])
        return content

    botocore.loaders.JSONFileLoader.load_file = load_file
    botocore.session.Session().get_service_model("sqs")
    botocore.loaders.JSONFileLoader.load_file = original
    return any("sqs" in path for path in read)


def parses_of_one_definition_started_thrice() -> int:
    """Count how often the grammar is run."""
    from moto.stepfunctions.parser.asl.parse import asl_parser

    runs: list[int] = []
    original = asl_parser.ASLLexer

    def lexer(*arguments: Any) -> Any:
        runs.append(1)
        return original(*arguments)

    asl_parser.ASLLexer = lexer
    for _ in range(3):
        asl_parser.AmazonStateLanguageParser.parse(json.dumps(_wait(3)))
    asl_parser.ASLLexer = original
    return len(runs)


class Cloud:
    """moto's server, and what can be seen through its API."""

    def __init__(self, mended: bool) -> None:
        import boto3
        from botocore.config import Config
        from moto.moto_server.threaded_moto_server import ThreadedMotoServer

        server = ThreadedMotoServer(port=0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        os.environ["MOTO_PORT"] = str(port)
        options = {
            "region_name": "us-east-1",
            "endpoint_url": f"http://{host}:{port}",
            "aws_access_key_id": "test",
            "aws_secret_access_key": "test",
            "config": Config(retries={"total_max_attempts": 1}, max_pool_connections=50),
        }
        services = ("stepfunctions", "s3", "logs", "sqs", "events", "scheduler", "iam", "cloudwatch")
        self._clients = {service: boto3.client(service, **options) for service in services}
        self._states = self._clients["stepfunctions"]
        if mended:
            from switchyard.cloud import moto_fixes
            from switchyard.cloud.identity import Identity

            moto_fixes.call_through(Identity(options["endpoint_url"]).client)

    def jsonata(self) -> Any:
        state = {"Type": "Pass", "Output": "{% $sum([1, 2]) %}", "End": True}
        return self._run({"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": state}}).get("output")

    def roles_by_path(self) -> Any:
        state = {"Type": "Pass", "Parameters": {"RoleArn.$": "$.role", "In": {"RoleArn.$": "$$.Execution.Input.role"}}}
        definition = {"StartAt": "A", "States": {"A": {**state, "End": True}}}
        credentials = {"Credentials": {"RoleArn.$": "$.RoleArn"}, "Type": "Task", "End": True}
        task = {**credentials, "Resource": "arn:aws:states:::aws-sdk:sts:getCallerIdentity", "ResultPath": "$.is"}
        definition["States"] = {"A": {**state, "Next": "B"}, "B": task}
        output = json.loads(self._run(definition, {"role": ROLE}).get("output") or "{}")
        return [output.get("RoleArn") == ROLE, output.get("In") == {"RoleArn": ROLE}, "is" in output]

    def codes_of_errors(self) -> Any:
        from botocore.exceptions import ClientError

        codes = []
        machine = self._machine(PASS)
        self._states.start_execution(stateMachineArn=machine, name="taken", input="{}")
        for operation, arguments in (
            ("describe_execution", {"executionArn": "arn:aws:states:us-east-1:123456789012:execution:m:e"}),
            ("start_execution", {"stateMachineArn": machine, "name": "taken", "input": "[]"}),
            ("start_execution", {"stateMachineArn": machine, "name": "n", "input": "{"}),
            ("start_execution", {"stateMachineArn": machine + "-not", "name": "n", "input": "{}"}),
            ("create_state_machine", {"name": "n", "definition": "{", "roleArn": ROLE}),
        ):
            try:
                getattr(self._states, operation)(**arguments)
            except ClientError as error:
                codes.append(error.response["Error"]["Code"])
        return codes

    def error_of_an_sdk_task(self) -> Any:
        return self._run(_task("s3:getObject", {"Bucket": "no-such-bucket", "Key": "k"})).get("error")

    def two_unnamed_executions(self) -> str:
        from botocore.exceptions import ClientError

        machine = self._machine(PASS)
        first = self._states.start_execution(stateMachineArn=machine, input='{"a": 1}')["executionArn"]
        try:
            second = self._states.start_execution(stateMachineArn=machine, input='{"a": 2}')["executionArn"]
        except ClientError:
            return "the second is refused"
        return "two" if first != second else "one"

    def starts_that_step_functions_refuses(self) -> Any:
        from botocore.exceptions import ClientError

        machine = self._machine(PASS)
        codes = []
        for name, event in (("two words", "{}"), ("n" * 81, "{}"), ("large", json.dumps("x" * 262_144))):
            try:
                self._states.start_execution(stateMachineArn=machine, name=name, input=event)
                codes.append("taken")
            except ClientError as error:
                codes.append(error.response["Error"]["Code"])
        return codes

    def reason_of_a_stop(self) -> Any:
        arn = self._start(_wait(600))
        self._stop(arn, error="Enough", cause="changed my mind")
        execution = self._ended(arn)
        return [execution["status"], execution.get("error"), execution.get("cause")]

    def last_event_alone(self) -> Any:
        arn = self._start(PASS)
        self._ended(arn)
        answer = self._states.get_execution_history(executionArn=arn, maxResults=1, reverseOrder=True)
        return [event["type"] for event in answer["events"]]

    def end_of_a_timed_out_execution(self) -> Any:
        execution = self._ended(self._start({**_wait(6000), "TimeoutSeconds": 1}))
        return [execution["status"], "stopDate" in execution]

    def events_after_a_stop(self) -> Any:
        url = self._clients["sqs"].create_queue(QueueName="empty")["QueueUrl"]
        arn = self._start(_task("sqs:receiveMessage", {"QueueUrl": url, "WaitTimeSeconds": 3}))
        self._until(lambda: len(self._states.get_execution_history(executionArn=arn)["events"]) >= 4)
        self._stop(arn)
        self._ended(arn)
        history = self._states.get_execution_history(executionArn=arn)["events"]
        return [event["type"] for event in history[4:]]

    def status_after_the_stop_of_a_task_with_a_token(self) -> Any:
        arn = self._start(self._waiting_task("stopped"))
        self._until(lambda: len(self._states.get_execution_history(executionArn=arn)["events"]) == 5)
        self._stop(arn)
        with contextlib.suppress(AssertionError):
            self._ended(arn, 3)
        return self._states.describe_execution(executionArn=arn)["status"]

    def last_event_of_a_time_out(self) -> Any:
        url = self._clients["sqs"].create_queue(QueueName="quiet")["QueueUrl"]
        task = _task("sqs:receiveMessage", {"QueueUrl": url, "WaitTimeSeconds": 3})
        arn = self._start({**task, "TimeoutSeconds": 1})
        self._ended(arn)
        return self._states.get_execution_history(executionArn=arn)["events"][-1]["type"]

    def tokens_of_two_tries(self) -> Any:
        definition = self._waiting_task("retried")
        definition["States"]["A"]["Retry"] = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 1}]
        self._start(definition)
        url = self._clients["sqs"].get_queue_url(QueueName="retried")["QueueUrl"]
        tokens: list[str] = []

        def receive() -> bool:
            messages = self._clients["sqs"].receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", [])
            tokens.extend(message["Body"] for message in messages)
            return bool(messages)

        self._until(receive)
        self._states.send_task_failure(taskToken=tokens[0], error="No")
        self._until(receive)
        return len(set(tokens))

    def _waiting_task(self, queue: str) -> dict[str, Any]:
        url = self._clients["sqs"].create_queue(QueueName=queue)["QueueUrl"]
        task = _task("sqs:sendMessage", {"QueueUrl": url, "MessageBody.$": "$$.Task.Token"})
        task["States"]["A"]["Resource"] = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"
        return task

    def reading_from_a_bucket_that_takes_only_tls(self) -> str:
        from botocore.exceptions import ClientError

        s3 = self._clients["s3"]
        s3.create_bucket(Bucket="tls")
        s3.put_object(Bucket="tls", Key="k", Body=b"read")
        statement = {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": ["arn:aws:s3:::tls", "arn:aws:s3:::tls/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
        s3.put_bucket_policy(Bucket="tls", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
        try:
            return s3.get_object(Bucket="tls", Key="k")["Body"].read().decode()  # type: ignore[no-any-return]
        except ClientError as error:
            return str(error.response["Error"]["Code"])

    def policies_of_aws_on_a_role(self) -> Any:
        from botocore.exceptions import ClientError
        from moto.iam.models import Role

        iam = self._clients["iam"]
        arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
        properties = {"AssumeRolePolicyDocument": "{}", "ManagedPolicyArns": [arn]}
        role = Role.create_from_cloudformation_json(
            "templated", {"Properties": properties}, "123456789012", "us-east-1"
        )
        attached = [policy.name for policy in role.managed_policies.values()]
        iam.create_role(RoleName="untemplated", AssumeRolePolicyDocument="{}")
        try:
            iam.attach_role_policy(RoleName="untemplated", PolicyArn=arn)
        except ClientError as error:
            return [attached, error.response["Error"]["Code"]]
        return [attached, "attached"]

    def policy_of_a_template_s_role(self) -> str:
        from moto.iam.models import Role

        policy = {"PolicyName": "P", "PolicyDocument": {"Version": "2012-10-17", "Statement": []}}
        properties = {"AssumeRolePolicyDocument": "{}", "Policies": [policy]}
        Role.create_from_cloudformation_json("documented", {"Properties": properties}, "123456789012", "us-east-1")
        answer = self._clients["iam"].get_role_policy(RoleName="documented", PolicyName="P")
        return type(answer["PolicyDocument"]).__name__

    def lines_of_the_streams_with_a_prefix(self) -> Any:
        logs = self._clients["logs"]
        logs.create_log_group(logGroupName="g")
        for stream in ("a/1", "b/1"):
            logs.create_log_stream(logGroupName="g", logStreamName=stream)
            event = {"timestamp": int(time.time() * 1000), "message": stream}
            logs.put_log_events(logGroupName="g", logStreamName=stream, logEvents=[event])
        return [
            [event["message"] for event in logs.filter_log_events(logGroupName="g", **options)["events"]]
            for options in ({"logStreamNamePrefix": "a/"}, {"logStreamNamePrefix": "c"}, {})
        ]

    def statistics_of_a_metric_that_is_another_one(self) -> Any:
        cloudwatch = self._clients["cloudwatch"]
        dimensions = [{"Name": "color", "Value": "red"}]
        datum = {"MetricName": "m", "Value": 3, "Dimensions": dimensions}
        cloudwatch.put_metric_data(Namespace="Other", MetricData=[datum])
        now = datetime.datetime.now(tz=datetime.UTC)
        wanted = {"Namespace": "Other", "MetricName": "m", "Period": 60, "ExtendedStatistics": ["p50"]}
        span = {"StartTime": now - datetime.timedelta(minutes=2), "EndTime": now + datetime.timedelta(minutes=2)}
        return [
            [point.get("ExtendedStatistics") for point in answer["Datapoints"]]
            for answer in (
                cloudwatch.get_metric_statistics(**wanted, **span),
                cloudwatch.get_metric_statistics(**wanted, **span, Dimensions=dimensions),
            )
        ]

    def metric_of_a_log_line(self) -> Any:
        logs = self._clients["logs"]
        logs.create_log_group(logGroupName="emf")
        logs.create_log_stream(logGroupName="emf", logStreamName="s")
        directive = {"Namespace": "Emf", "Metrics": [{"Name": "m"}]}
        line = json.dumps({"_aws": {"CloudWatchMetrics": [directive]}, "m": 1})
        event = {"timestamp": int(time.time() * 1000), "message": line}
        logs.put_log_events(logGroupName="emf", logStreamName="s", logEvents=[event])
        return self._metrics("Emf")

    def metric_of_a_queue(self) -> Any:
        url = self._clients["sqs"].create_queue(QueueName="counted")["QueueUrl"]
        self._clients["sqs"].send_message(QueueUrl=url, MessageBody="hello")
        return "NumberOfMessagesSent" in self._metrics("AWS/SQS")

    def _metrics(self, namespace: str) -> list[str]:
        listed = self._clients["cloudwatch"].list_metrics(Namespace=namespace)["Metrics"]
        return [metric["MetricName"] for metric in listed]

    def outputs_that_are_text_or_null(self) -> Any:
        results = [{"Type": "Pass", "Result": result, "End": True} for result in ("text", None)]
        return [self._run({"StartAt": "A", "States": {"A": state}}).get("output") for state in results]

    def one_member_of_a_list(self) -> Any:
        state = {"Type": "Pass", "Parameters": {"is.$": "$.metrics[0].value"}, "End": True}
        output = self._run({"StartAt": "A", "States": {"A": state}}, {"metrics": [{"value": 7}]})["output"]
        return json.loads(output)["is"]

    def error_of_a_query(self) -> Any:
        state = {"Type": "Pass", "Output": "{% 1 + 'a' %}", "End": True}
        return self._run({"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": state}}).get("error")

    def error_of_a_branch(self) -> Any:
        branch = {"StartAt": "B", "States": {"B": {"Type": "Fail", "Error": "States.TaskFailed", "Cause": "why"}}}
        state = {"Type": "Parallel", "Branches": [branch], "End": True}
        execution = self._run({"StartAt": "A", "States": {"A": state}})
        return [execution.get("error"), execution.get("cause")]

    def a_machine_with_a_dangling_state(self) -> str:
        from botocore.exceptions import ClientError

        try:
            self._machine({"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "Nowhere"}}})
        except ClientError as error:
            return "refused" if "Nowhere" in str(error) else str(error)
        return "taken"

    def seconds_of_a_wait(self) -> str:
        began = time.monotonic()
        self._ended(self._start(_wait(3)))
        return "all of them" if time.monotonic() - began >= 3 else "a part of them"

    def caller_of_a_task(self) -> Any:
        answer = json.loads(self._run(_task("sts:getCallerIdentity", {})).get("output") or "{}")
        return str(answer.get("Arn", "")).rpartition(":")[2]

    def messages_of_a_disabled_rule(self) -> int:
        events, sqs = self._clients["events"], self._clients["sqs"]
        url = sqs.create_queue(QueueName="events")["QueueUrl"]
        events.put_rule(Name="disabled", EventPattern='{"source": ["probe"]}', State="DISABLED")
        events.put_targets(Rule="disabled", Targets=[{"Id": "q", "Arn": _queue_arn("events")}])
        events.put_events(Entries=[{"Source": "probe", "DetailType": "Probe", "Detail": "{}"}])
        return len(sqs.receive_message(QueueUrl=url).get("Messages", []))

    def a_rule_with_an_operator_that_there_is_not(self) -> str:
        from botocore.exceptions import ClientError

        try:
            self._clients["events"].put_rule(Name="wrong", EventPattern='{"source": [{"sounds-like": "probe"}]}')
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "taken"

    def a_schedule_of_nonsense(self) -> str:
        from botocore.exceptions import ClientError

        scheduler = self._clients["scheduler"]
        answers = []
        for name, expression in (("right", "rate(1 day)"), ("wrong", "now and then")):
            try:
                scheduler.create_schedule(
                    Name=name,
                    ScheduleExpression=expression,
                    FlexibleTimeWindow={"Mode": "OFF"},
                    Target={"Arn": _queue_arn("events"), "RoleArn": ROLE},
                )
                answers.append("taken")
            except ClientError as error:
                answers.append(error.response["Error"]["Code"])
        return " ".join(answers)

    def changes_of_an_object_in_parts(self) -> list[str]:
        s3, sqs = self._clients["s3"], self._clients["sqs"]
        url = sqs.create_queue(QueueName="objects")["QueueUrl"]
        s3.create_bucket(Bucket="told")
        s3.put_bucket_versioning(Bucket="told", VersioningConfiguration={"Status": "Enabled"})
        configuration = {"QueueArn": _queue_arn("objects"), "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]}
        s3.put_bucket_notification_configuration(
            Bucket="told", NotificationConfiguration={"QueueConfigurations": [configuration]}
        )
        place = {"Bucket": "told", "Key": "k"}
        upload = s3.create_multipart_upload(**place)["UploadId"]
        etag = s3.upload_part(**place, PartNumber=1, UploadId=upload, Body=b"x")["ETag"]
        parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
        s3.complete_multipart_upload(**place, UploadId=upload, MultipartUpload=parts)
        s3.delete_object(**place)
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        records = [record for message in messages for record in json.loads(message["Body"]).get("Records", [])]
        return [record["eventName"] for record in records]

    def _machine(self, definition: dict[str, Any]) -> str:
        arn: str = self._states.create_state_machine(
            name=f"machine-{next(_numbers)}", definition=json.dumps(definition), roleArn=ROLE
        )["stateMachineArn"]
        return arn

    def _start(self, definition: dict[str, Any], event: Any = None) -> str:
        # Each has a name: one of the defects is about executions without.
        arn: str = self._states.start_execution(
            stateMachineArn=self._machine(definition), name=f"run-{next(_numbers)}", input=json.dumps(event or {})
        )["executionArn"]
        return arn

    def _run(self, definition: dict[str, Any], event: Any = None) -> dict[str, Any]:
        return self._ended(self._start(definition, event))

    def _ended(self, arn: str, seconds: float = 120) -> dict[str, Any]:
        seen: list[dict[str, Any]] = []

        def look() -> bool:
            seen.append(self._states.describe_execution(executionArn=arn))
            return bool(seen[-1]["status"] != "RUNNING")

        self._until(look, seconds)
        return seen[-1]

    def _stop(self, arn: str, **reason: str) -> None:
        self._until(lambda: len(self._states.get_execution_history(executionArn=arn)["events"]) > 1)
        self._states.stop_execution(executionArn=arn, **reason)

    def _until(self, look: Any, seconds: float = 120) -> None:
        deadline = time.monotonic() + seconds
        while not look():
            if time.monotonic() > deadline:
                raise AssertionError(f"it has not come true within {seconds} seconds")
            threading.Event().wait(0.05)


def _queue_arn(name: str) -> str:
    return f"arn:aws:sqs:us-east-1:123456789012:{name}"


def _task(action: str, parameters: dict[str, Any]) -> dict[str, Any]:
    resource = f"arn:aws:states:::aws-sdk:{action}"
    return {
        "StartAt": "A",
        "States": {"A": {"Type": "Task", "Resource": resource, "Parameters": parameters, "End": True}},
    }


def _wait(seconds: int) -> dict[str, Any]:
    return {"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": seconds, "End": True}}}


if __name__ == "__main__":
    answers = main(mended=sys.argv[1] == "mended")
    print(json.dumps(answers), flush=True)
    os._exit(0)  # stopped executions and the server leave threads behind
