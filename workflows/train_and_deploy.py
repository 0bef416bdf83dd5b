"""Train and deploy: prepare data, train, check, then predict and serve with the new model.

    Prepare run -> Is the data split? -> Split data -> Train model -> Check metrics -> Good enough?
      no  -> Record rejection -> Notify rejection -> Summarize rejection -> Rejected
      yes -> Serve it now? -> Look up endpoint -> Use endpoint -> Create model -> Use model
               |- Is there a champion to beat? -> Create champion model -> Transform with champion
                  -> Delete champion model -> Transform test data -> Check predictions
               |- Is there an endpoint to change? -> Create endpoint config -> Does the endpoint exist?
                  -> Create endpoint | Update endpoint -> Wait for endpoint -> Smoke test
             -> Does it serve? -> Register model -> Notify deployment -> Summarize deployment -> Deployed
               no -> Delete model -> Register candidate -> Notify candidate -> Summarize candidate -> Registered
               below the gate -> Take back -> Read reasons -> Keep reasons -> Record rejection -> ...
    any failure -> Roll back -> Notify failure -> Note redrives -> Fail run
      redriven -> Where to go on? -> the state that failed, or where its makings are made again

`definition()` is the graph; each state is a function below it, in the order in which a run meets them.
Nothing here knows an account, a region or an image: those are substitutions of template.yaml, or come with
the run from Prepare run.
"""

from __future__ import annotations

from typing import Any

from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.model import Model
from sagemaker.processing import ProcessingInput, ProcessingOutput, Processor
from sagemaker.transformer import Transformer
from stepfunctions.steps import (
    Catch,
    Chain,
    Choice,
    ChoiceRule,
    EndpointConfigStep,
    EndpointStep,
    Graph,
    ModelStep,
    Pass,
    Succeed,
    Task,
    TransformStep,
)
from stepfunctions.steps.states import State

from workflows import retries
from workflows.steps import (
    AT_RUN_TIME,
    STUB_SESSION,
    Format,
    JsonPath,
    LambdaStep,
    Parallel,
    ProcessingStep,
    TrainingStep,
)
from workflows.tasks import FUNCTION_START_SECONDS, TAGS, catch_all, invoke, job_name, payload

STATE = JsonPath("$")
JOB_ROLE = "${SageMakerExecutionRoleArn}"

# Longer than the longest that SageMaker's own limits allow all jobs of a run together. No run may wait for ever.
MACHINE_SECONDS = 40 * 24 * 3600
# Creating a model, an endpoint or its configuration is one request: SageMaker answers in seconds.
REQUEST_SECONDS = 60


def definition() -> dict[str, Any]:
    """Give the state machine's definition.

    Returns
    -------
    dict
        Amazon States Language whose `${...}` are the DefinitionSubstitutions of template.yaml.
    """
    failure, where_to_go_on = fail()
    on_failure = catch_all(failure, "$.error")

    is_split = Choice("Is the data split?")
    prepare = prepare_run(catch_all(Chain([keep_error_and_input(), failure])))
    train = train_model(on_failure)
    check = check_metrics(on_failure)
    good_enough = Choice("Good enough?")
    start = Chain([prepare, is_split, split_data(on_failure), train, check, good_enough])
    is_split.add_choice(ChoiceRule.BooleanEquals("$.data.is_split", True), train)

    # Whatever is not a plain `true` is a rejection: the gate fails closed.
    rejection = reject(on_failure)
    good_enough.add_choice(ChoiceRule.BooleanEquals("$.evaluation.passed", True), use(rejection, on_failure))
    good_enough.default_choice(rejection)

    # What a state has left says that it is done. Roll back has deleted the model and what it served with, so
    # whatever failed after the gate goes on there and makes them again; nothing is trained twice.
    go_on(where_to_go_on, "$.evaluation", good_enough)
    go_on(where_to_go_on, "$.training_job", check)
    go_on(where_to_go_on, "$.split", train)
    go_on(where_to_go_on, "$.names", is_split)
    where_to_go_on.default_choice(take_input_again(prepare))

    graph = Graph(
        start, comment="Train a model, check it, then predict and serve with it.", timeout_seconds=MACHINE_SECONDS
    )
    return dict(graph.to_dict())


# Prepare, train, check


def prepare_run(on_failure: Catch) -> LambdaStep:
    """Turn the input into the whole state of the run: names, URIs, settings."""
    return LambdaStep(
        "Prepare run",
        comment="Reads the recipe and the data's whereabouts; names everything after the execution.",
        parameters=invoke("PrepareRun", {"input": STATE}),
        output_path="$.Payload",
        timeout_seconds=60 + FUNCTION_START_SECONDS,
        retry=retries.FUNCTION_FAULTS,
        catch=on_failure,
    )


def split_data(on_failure: Catch) -> ProcessingStep:
    """Split the data into train, validation and test with the recipe's own script."""
    return ProcessingStep(
        "Split data",
        processor=Processor(
            image_uri=JsonPath("$.image_uri"),
            role=JOB_ROLE,
            instance_count=JsonPath("$.processing.instance_count"),
            instance_type=JsonPath("$.processing.instance_type"),
            volume_size_in_gb=JsonPath("$.processing.volume_gb"),
            max_runtime_in_seconds=JsonPath("$.processing.max_runtime_seconds"),
            base_job_name=AT_RUN_TIME,
            sagemaker_session=STUB_SESSION,
        ),
        job_name=job_name("$.names.processing_job"),
        container_entrypoint=JsonPath("$.processing.entrypoint"),
        container_arguments=JsonPath("$.processing.arguments"),
        inputs=[
            ProcessingInput(
                input_name=name,
                source=JsonPath(source),
                destination=f"/opt/ml/processing/input/{name}",
            )
            for name, source in {"code": "$.code_prefix_uri", "data": "$.data.uri"}.items()
        ],
        outputs=[
            ProcessingOutput(
                output_name=name,
                source=f"/opt/ml/processing/output/{name}",
                destination=JsonPath(f"$.data.{name}_uri"),
            )
            for name in ("train", "validation", "test", "report")
        ],
        tags=TAGS,
        # A backstop: SageMaker's own limit is shorter, but does not count the search for an instance.
        timeout_seconds_path="$.processing.timeout_seconds",
        retry=retries.SAGEMAKER_INSTANCES,
        catch=on_failure,
        result_selector={"job": JsonPath("$.ProcessingJobName")},
        result_path="$.split",
    )


def train_model(on_failure: Catch) -> TrainingStep:
    """Train on the train and validation channels."""
    return TrainingStep(
        "Train model",
        estimator=Estimator(
            image_uri=JsonPath("$.image_uri"),
            role=JOB_ROLE,
            instance_count=JsonPath("$.training.instance_count"),
            instance_type="ml.set-at-run-time.large",  # must look like one; see `parameters`
            volume_size=JsonPath("$.training.volume_gb"),
            use_spot_instances=JsonPath("$.training.use_spot"),
            metric_definitions=JsonPath("$.training.metric_definitions"),
            base_job_name=AT_RUN_TIME,
            debugger_hook_config=False,
            disable_profiler=True,
            sagemaker_session=STUB_SESSION,
        ),
        job_name=job_name("$.names.training_job"),
        data={
            channel: TrainingInput(JsonPath(f"$.data.{channel}_uri"), content_type="text/csv")
            for channel in ("train", "validation")
        },
        hyperparameters=JsonPath("$.training.hyperparameters"),
        output_data_config_path=JsonPath("$.training.output_uri"),
        parameters={
            "ResourceConfig": {"InstanceType": JsonPath("$.training.instance_type")},
            # As a whole: SageMaker takes MaxWaitTimeInSeconds with spot instances only.
            "StoppingCondition": JsonPath("$.training.stopping_condition"),
        },
        tags=TAGS,
        timeout_seconds_path="$.training.timeout_seconds",
        retry=retries.SAGEMAKER_INSTANCES,
        catch=on_failure,
        result_selector={
            "name": JsonPath("$.TrainingJobName"),
            "arn": JsonPath("$.TrainingJobArn"),
            "model_uri": JsonPath("$.ModelArtifacts.S3ModelArtifacts"),
            # A job that printed no metric has no such list. A path that may match many gives `[]` then, where
            # a plain one would end the execution with States.Runtime, which nothing can catch.
            "metrics": JsonPath("$..FinalMetricDataList[*]"),
        },
        result_path="$.training_job",
    )


def check_metrics(on_failure: Catch) -> LambdaStep:
    """Hold the training job's metrics against the recipe's gate and the champion."""
    return LambdaStep(
        "Check metrics",
        parameters=invoke(
            "CheckMetrics",
            {
                "recipe": JsonPath("$.recipe"),
                "gate": JsonPath("$.gate"),
                "metrics": JsonPath("$.training_job.metrics"),
                "model_package_group": JsonPath("$.names.model_package_group"),
            },
        ),
        result_selector=payload("passed", "metrics", "reasons", "champion", "compare_predictions"),
        result_path="$.evaluation",
        timeout_seconds=30 + FUNCTION_START_SECONDS,
        retry=retries.FUNCTION_FAULTS,
        catch=on_failure,
    )


# Not good enough


def reject(on_failure: Catch) -> Chain:
    """Keep the model that fell short, with the reasons, and end well: the workflow did its work."""
    return Chain(
        [
            register_model("Record rejection", "Rejected", test_metrics=None, release={}, on_failure=on_failure),
            *report(
                "rejection",
                {
                    "status": "REJECTED",
                    "reasons": JsonPath("$.evaluation.reasons"),
                    "model_name": None,
                    "endpoint_name": None,
                    "predictions_uri": None,
                },
            ),
            Succeed("Rejected"),
        ]
    )


# Good enough


def use(rejection: Chain, on_failure: Catch) -> Choice:
    """Predict with the model, and serve with it side by side unless that is left to a release; then register it."""
    create = create_model(on_failure)
    serve_now = Choice("Serve it now?")
    serve_now.add_choice(
        ChoiceRule.BooleanEquals("$.handover.is_needed", False),
        Chain([look_up_endpoint(on_failure), use_endpoint(), create]),
    )
    serve_now.default_choice(create)
    does_it_serve = Choice("Does it serve?")
    does_it_serve.add_choice(ChoiceRule.BooleanEquals("$.handover.is_needed", False), deployed(on_failure))
    does_it_serve.default_choice(hand_over(on_failure))
    Chain([create, use_model(take_back(rejection, on_failure), on_failure), does_it_serve])
    return serve_now


def deployed(on_failure: Catch) -> Chain:
    """Register the model that serves now: the champion that the next one is compared with."""
    return Chain(
        [
            register_model(
                "Register model",
                "Approved",
                test_metrics=JsonPath("$.used.predictions.metrics"),
                release={"release": "deployed"},
                on_failure=on_failure,
            ),
            *report(
                "deployment",
                {
                    "status": "DEPLOYED",
                    "test_metrics": JsonPath("$.used.predictions.metrics"),
                    "model_name": JsonPath("$.names.model"),
                    "endpoint_name": JsonPath("$.names.endpoint"),
                    "predictions_uri": JsonPath("$.used.predictions.predictions_uri"),
                },
            ),
            Succeed("Deployed"),
        ]
    )


def hand_over(on_failure: Catch) -> Chain:
    """Leave the model in the registry, for a release to put into service once it is approved."""
    delete = roll_back("Delete model", on_failure, comment="It has predicted; a release makes one of the package.")
    return Chain(
        [
            delete,
            register_model(
                "Register candidate",
                JsonPath("$.handover.decision"),
                test_metrics=JsonPath("$.used.predictions.metrics"),
                release={
                    "release": "requested",
                    "release_strategy": JsonPath("$.handover.strategy"),
                    "handover_uri": JsonPath("$.handover.document_uri"),
                },
                on_failure=on_failure,
            ),
            *report(
                "candidate",
                {
                    "status": JsonPath("$.handover.status"),
                    "test_metrics": JsonPath("$.used.predictions.metrics"),
                    "model_name": None,
                    "endpoint_name": None,
                    "predictions_uri": JsonPath("$.used.predictions.predictions_uri"),
                },
            ),
            Succeed("Registered"),
        ]
    )


def look_up_endpoint(on_failure: Catch) -> LambdaStep:
    """See what serves now, before anything is made: it is what Roll back restores."""
    return LambdaStep(
        "Look up endpoint",
        parameters=invoke(
            "LookUpEndpoint",
            {
                # Called as the group is: what the run serves unless clients are sent elsewhere.
                "endpoint": JsonPath("$.names.model_package_group"),
                "parameter": Format("/${ProjectName}/{}/endpoint", "$.recipe"),
            },
        ),
        result_selector=payload("exists", "status", "endpoint_config_name", "endpoint_name"),
        result_path="$.current_endpoint",
        timeout_seconds=30 + FUNCTION_START_SECONDS,
        retry=[retries.ENDPOINT_BUSY, retries.FUNCTION_FAULTS],
        catch=on_failure,
    )


def use_endpoint() -> Pass:
    """Deploy to the endpoint that clients are sent to: a release may have made another since the run began."""
    return Pass("Use endpoint", input_path="$.current_endpoint.endpoint_name", result_path="$.names.endpoint")


def create_model(on_failure: Catch) -> ModelStep:
    """Create the model that both the transform job and the endpoint use."""
    return ModelStep(
        "Create model",
        model=Model(
            image_uri=JsonPath("$.image_uri"),
            model_data=JsonPath("$.training_job.model_uri"),
            env=JsonPath("$.model.environment"),
            role=JOB_ROLE,
            sagemaker_session=STUB_SESSION,
        ),
        model_name=JsonPath("$.names.model"),
        tags=TAGS,
        timeout_seconds=REQUEST_SECONDS,
        retry=retries.SAGEMAKER,
        catch=on_failure,
        result_path=None,
    )


def use_model(below_gate: Chain, on_failure: Catch) -> Parallel:
    """Predict the test data while the endpoint comes up; the first failure stops both."""
    parallel = Parallel(
        "Use model",
        result_selector={"predictions": JsonPath("$[0]"), "endpoint": JsonPath("$[1]")},
        result_path="$.used",
        # The predictions are no good: that is a rejection, which the gate is there for, and no failure.
        catch=[Catch(error_equals=["PredictionsBelowGate"], next_step=below_gate, result_path="$.error"), on_failure],
    )
    # The states inside catch no failure: it ends its branch, and the catch above sees it.
    parallel.add_branch(predict())
    parallel.add_branch(serve())
    return parallel


def predict() -> Chain:
    """Predict the same test rows with the champion, if a margin over it is asked for, and with the new model."""
    transform = transform_test_data()
    delete = delete_champion_model()
    has_champion = Choice("Is there a champion to beat?")
    has_champion.add_choice(
        ChoiceRule.BooleanEquals("$.evaluation.compare_predictions", True),
        Chain([create_champion_model(), transform_with_champion(delete), delete, transform]),
    )
    has_champion.default_choice(transform)
    transform.next(check_predictions())
    return Chain([has_champion])


def create_champion_model() -> Task:
    """Create a model of the registered champion's package, for as long as it predicts."""
    return Task(
        "Create champion model",
        resource="arn:aws:states:::sagemaker:createModel",
        parameters={
            "ModelName": JsonPath("$.names.champion_model"),
            "PrimaryContainer": {"ModelPackageName": JsonPath("$.evaluation.champion.model_package_arn")},
            "ExecutionRoleArn": JOB_ROLE,
            "Tags": [{"Key": key, "Value": value} for key, value in TAGS.items()],
        },
        timeout_seconds=REQUEST_SECONDS,
        retry=retries.SAGEMAKER,
        result_path=None,
    )


def transform_with_champion(delete: Task) -> TransformStep:
    """Let the champion predict the test rows of this run.

    One that cannot (the data has other columns now) leaves no predictions, and the gate fails closed: the run is
    rejected with that reason, rather than failed whenever it is tried again.
    """
    step = transform_step("Transform with champion", "$.names.champion_model", "$.transform.champion_output_uri")
    step.add_catch(Catch(error_equals=["States.TaskFailed"], next_step=delete, result_path="$.champion_error"))
    return step


def delete_champion_model() -> Task:
    """Delete that model again; the champion's own is another one."""
    return Task(
        "Delete champion model",
        resource="arn:aws:states:::aws-sdk:sagemaker:deleteModel",
        parameters={"ModelName": JsonPath("$.names.champion_model")},
        timeout_seconds=REQUEST_SECONDS,
        retry=retries.SAGEMAKER_SDK,
        result_path=None,
    )


def transform_test_data() -> TransformStep:
    """Predict the test rows in batch."""
    return transform_step("Transform test data", "$.names.model", "$.transform.output_uri")


def transform_step(state: str, model: str, output: str) -> TransformStep:
    """Predict the test rows with a model; each line of the output is the target and its prediction."""
    return TransformStep(
        state,
        transformer=Transformer(
            model_name=None,
            instance_count=JsonPath("$.transform.instance_count"),
            instance_type=JsonPath("$.transform.instance_type"),
            strategy="MultiRecord",
            assemble_with="Line",
            accept=JsonPath("$.transform.accept"),
            output_path=JsonPath(output),
            base_transform_job_name=AT_RUN_TIME,
            sagemaker_session=STUB_SESSION,
        ),
        # Both have the model's name, so that they differ as the models do.
        job_name=job_name(model),
        model_name=JsonPath(model),
        data=JsonPath("$.data.test_uri"),
        content_type=JsonPath("$.transform.content_type"),
        split_type="Line",
        # The target is the first column: it is kept from the model, and joined to what the model says.
        input_filter="$[1:]",
        join_source="Input",
        output_filter="$[0,-1]",
        tags=TAGS,
        # The only limit that a transform job has: CreateTransformJob knows no stopping condition.
        timeout_seconds_path="$.transform.timeout_seconds",
        retry=retries.SAGEMAKER_INSTANCES,
        result_path=None,
    )


def check_predictions() -> LambdaStep:
    """Hold the metrics of the predictions against the gate and the champion's; below, PredictionsBelowGate."""
    return LambdaStep(
        "Check predictions",
        parameters=invoke(
            "CheckPredictions",
            {
                "recipe": JsonPath("$.recipe"),
                "gate": JsonPath("$.gate"),
                "predictions_uri": JsonPath("$.transform.output_uri"),
                "champion_predictions_uri": JsonPath("$.transform.champion_output_uri"),
                "compare_predictions": JsonPath("$.evaluation.compare_predictions"),
            },
        ),
        result_selector=payload("passed", "metrics", "champion_metrics", "rows", "predictions_uri"),
        timeout_seconds=300 + FUNCTION_START_SECONDS,
        retry=retries.FUNCTION_FAULTS,
    )


def serve() -> Chain:
    """Bring the endpoint to the new model and ask it for a prediction, if this run is to do so."""
    wait = wait_for_endpoint()
    is_to_serve = Choice("Is there an endpoint to change?")
    exists = Choice("Does the endpoint exist?")
    update = endpoint_step("Update endpoint", update=True)
    update.next(wait)
    exists.add_choice(ChoiceRule.BooleanEquals("$.current_endpoint.exists", True), update)
    steps = [create_endpoint_config(), exists, endpoint_step("Create endpoint", update=False), wait, smoke_test()]
    # Only who has looked what serves may change it: without that nothing could be restored.
    is_to_serve.add_choice(ChoiceRule.IsPresent("$.current_endpoint", True), Chain(steps))
    is_to_serve.default_choice(Pass("Leave it to a release", parameters={"prediction": None, "latency_ms": None}))
    return Chain([is_to_serve])


def create_endpoint_config() -> EndpointConfigStep:
    """Say what the endpoint shall run."""
    return EndpointConfigStep(
        "Create endpoint config",
        endpoint_config_name=JsonPath("$.names.endpoint_config"),
        model_name=JsonPath("$.names.model"),
        initial_instance_count=JsonPath("$.endpoint.instance_count"),
        instance_type=JsonPath("$.endpoint.instance_type"),
        tags=TAGS,
        timeout_seconds=REQUEST_SECONDS,
        retry=retries.SAGEMAKER,
        result_path=None,
    )


def endpoint_step(state: str, *, update: bool) -> EndpointStep:
    """Create or update the endpoint; SageMaker answers at once and works on."""
    return EndpointStep(
        state,
        endpoint_name=JsonPath("$.names.endpoint"),
        endpoint_config_name=JsonPath("$.names.endpoint_config"),
        # UpdateEndpoint takes no tags: an endpoint keeps those of the run that created it.
        tags=None if update else TAGS,
        update=update,
        timeout_seconds=REQUEST_SECONDS,
        retry=[retries.UPDATE_BUSY, retries.SAGEMAKER_QUOTA] if update else retries.SAGEMAKER_INSTANCES,
        result_path=None,
    )


def wait_for_endpoint() -> LambdaStep:
    """Be done when the endpoint serves this run's configuration; the Retry is the waiting."""
    return LambdaStep(
        "Wait for endpoint",
        parameters=invoke(
            "WaitForEndpoint",
            {
                "endpoint": JsonPath("$.names.endpoint"),
                "endpoint_config": JsonPath("$.names.endpoint_config"),
            },
        ),
        timeout_seconds=30 + FUNCTION_START_SECONDS,
        retry=[retries.ENDPOINT_NOT_READY, retries.FUNCTION_FAULTS],
        result_path=None,
    )


def smoke_test() -> LambdaStep:
    """Ask the live endpoint for one prediction."""
    return LambdaStep(
        "Smoke test",
        parameters=invoke(
            "SmokeTest",
            {
                "endpoint": JsonPath("$.names.endpoint"),
                "data_uri": JsonPath("$.data.test_uri"),
                "content_type": JsonPath("$.transform.content_type"),
                "accept": JsonPath("$.transform.accept"),
            },
        ),
        result_selector=payload("prediction", "latency_ms"),
        timeout_seconds=90 + FUNCTION_START_SECONDS,
        retry=retries.FUNCTION_FAULTS,
    )


# Not good enough after all


def take_back(rejection: Chain, on_failure: Catch) -> Chain:
    """Undo what the run made so far, and go on to the rejection with the reasons that Check predictions gave."""
    undo = roll_back("Take back", on_failure)
    read = Pass(
        "Read reasons",
        # What a function raised arrives as JSON text.
        parameters={"raised": JsonPath("States.StringToJson($.error.Cause)")},
        result_path="$.predictions_error",
    )
    keep = Pass(
        "Keep reasons",
        parameters={
            "passed": False,
            "metrics": JsonPath("$.evaluation.metrics"),
            "champion": JsonPath("$.evaluation.champion"),
            "compare_predictions": JsonPath("$.evaluation.compare_predictions"),
            "reasons": JsonPath("States.Array($.predictions_error.raised.errorMessage)"),
        },
        result_path="$.evaluation",
    )
    return Chain([undo, read, keep, rejection])


# Both ways on


def register_model(
    state: str,
    decision: str | JsonPath,
    *,
    test_metrics: JsonPath | None,
    release: dict[str, Any],
    on_failure: Catch,
) -> LambdaStep:
    """Put the model into the registry with what was decided about it, why, and how it is to be released."""
    return LambdaStep(
        state,
        parameters=invoke(
            "RegisterModel",
            {
                "decision": decision,
                **release,
                "recipe": JsonPath("$.recipe"),
                "model_package_group": JsonPath("$.names.model_package_group"),
                "model_uri": JsonPath("$.training_job.model_uri"),
                "image_uri": JsonPath("$.image_uri"),
                "environment": JsonPath("$.model.environment"),
                "metrics": JsonPath("$.evaluation.metrics"),
                "test_metrics": test_metrics,
                "reasons": JsonPath("$.evaluation.reasons"),
                "lineage": JsonPath("$.lineage"),
                "content_types": {
                    "input": JsonPath("$.transform.content_type"),
                    "output": JsonPath("$.transform.accept"),
                },
                "transform_instance_type": JsonPath("$.transform.instance_type"),
                "endpoint_instance_type": JsonPath("$.endpoint.instance_type"),
            },
        ),
        result_selector=payload("model_package_arn"),
        result_path="$.registration",
        timeout_seconds=60 + FUNCTION_START_SECONDS,
        retry=retries.FUNCTION_FAULTS,
        catch=on_failure,
    )


def report(outcome: str, output: dict[str, Any]) -> list[LambdaStep | Pass]:
    """Tell people, then leave the run's output; a message that cannot be sent fails no run."""
    summarize = Pass(
        f"Summarize {outcome}",
        parameters={
            "recipe": JsonPath("$.recipe"),
            "metrics": JsonPath("$.evaluation.metrics"),
            "model_uri": JsonPath("$.training_job.model_uri"),
            "model_package_arn": JsonPath("$.registration.model_package_arn"),
            **output,
        },
    )
    return [notify(outcome, output["status"], catch_all(summarize, "$.notification_error")), summarize]


def notify(outcome: str, status: str | JsonPath, on_failure: Catch) -> LambdaStep:
    """Send a message about the run, from its whole state."""
    return LambdaStep(
        f"Notify {outcome}",
        parameters=invoke(
            "Notify",
            {
                "status": status,
                "state": STATE,
                "execution_arn": JsonPath("$$.Execution.Id"),
                "started": JsonPath("$$.Execution.StartTime"),
            },
        ),
        timeout_seconds=30 + FUNCTION_START_SECONDS,
        retry=retries.FUNCTION_FAULTS,
        catch=on_failure,
        result_path=None,
    )


# Any failure


def keep_error_and_input() -> Pass:
    """Give a run that never got a state one that can hold its error.

    `$.error` can be written into an object only, and a run's input may be any JSON.
    """
    return Pass("Keep error and input", parameters={"input": JsonPath("$$.Execution.Input"), "error": STATE})


def roll_back(
    state: str,
    on_failure: Catch,
    result_path: str | None = None,
    comment: str = "Deletes only what this run made, and restores what served before.",
) -> LambdaStep:
    """Undo what the run made."""
    return LambdaStep(
        state,
        comment=comment,
        parameters=invoke("RollBack", {"state": STATE}),
        timeout_seconds=120 + FUNCTION_START_SECONDS,
        retry=retries.UNDOING,
        catch=on_failure,
        result_selector=payload("deleted") if result_path else None,
        result_path=result_path,
    )


def fail() -> tuple[Chain, Choice]:
    """Undo what the run made, tell people, and end with the error that brought us here.

    What goes wrong on this way is kept beside that error, never in its place.

    The last state is a task and no Fail state. A redrive enters the state again that a run ended with: a Fail state
    could only fail again, while this one then lets the run go on.

    Returns
    -------
    tuple
        The way of a failed run, and the choice at its end, which a redriven run takes.
    """
    note = Pass(
        "Note redrives",
        # Fail run tells by it whether it is entered by the failure or by a redrive.
        parameters={"redrives": JsonPath("$$.Execution.RedriveCount")},
        result_path="$.failure",
    )
    notify_failure = notify("failure", "FAILED", catch_all(note, "$.notification_error"))
    on_trouble = catch_all(notify_failure, "$.roll_back")
    undo = roll_back("Roll back", on_trouble)
    fail_run = LambdaStep(
        "Fail run",
        comment="Raises the error that ended the run; after a redrive it lets the run go on.",
        parameters=invoke(
            "FailRun",
            {
                "error": JsonPath("$.error"),
                "redrives": JsonPath("$$.Execution.RedriveCount"),
                "redrives_at_failure": JsonPath("$.failure.redrives"),
            },
        ),
        timeout_seconds=30 + FUNCTION_START_SECONDS,
        # No Retry and no Catch: the error that it raises is the run's, whatever its name is.
        result_path=None,
    )
    where_to_go_on = Choice("Where to go on?")
    # What stayed would be in the way: its names are taken, and what serves would be taken for what served before.
    again = roll_back("Roll back again", on_trouble, result_path="$.roll_back")
    again.next(where_to_go_on)
    go_on(where_to_go_on, "$.roll_back.Error", again)
    return Chain([undo, notify_failure, note, fail_run, where_to_go_on]), where_to_go_on


def go_on(choice: Choice, path: str, state: State) -> None:
    """Let a redriven run whose state has `path` go on there, if no earlier rule of the choice holds."""
    choice.add_choice(ChoiceRule.IsPresent(path, True), state)


def take_input_again(prepare: LambdaStep) -> Pass:
    """Bring back the input of a run that never got a state, and begin it again."""
    step = Pass("Take input again", input_path="$.input")
    step.next(prepare)
    return step
