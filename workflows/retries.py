"""When a state tries again, classed by cause: the one place where that is decided.

What is in no class is never retried. Above all that is bad input (`InvalidRun`), a job that ran and failed
(`States.TaskFailed`: the same code on the same data fails again; when it was SageMaker's fault, a redrive is the
second try that somebody has thought about) and a time-out (`States.Timeout`: a second wait as long as the first helps
nobody).
"""

from __future__ import annotations

from workflows.steps import Retry

_SAGEMAKER_BACK_OFF = {
    "interval_seconds": 2,
    "backoff_rate": 2.0,
    "max_attempts": 5,
    "max_delay_seconds": 60,
    "jitter_strategy": "FULL",
}

# SageMaker is throttling us, or has a fault of its own. Step Functions gives both this one name, and requests
# that SageMaker refuses too, so a refused one is repeated as well: the price is a minute at most, hence the
# few attempts. FULL jitter, because runs that were throttled together must not come back together.
#
# A request whose answer got lost may have worked. A job's name has the number of the try in it, so the next try starts
# another job, and the lost one ends by itself at its limit. A model or an endpoint has the run's name: the repeated
# request finds that "it already exists", which fails the run, and Roll back removes what was made, so that nothing is
# created twice and nothing left behind.
SAGEMAKER_FAULTS = Retry(
    error_equals=["SageMaker.AmazonSageMakerException"],
    **_SAGEMAKER_BACK_OFF,
)

# The same through the aws-sdk integration, which has a name of its own for them.
SAGEMAKER_SDK_FAULTS = Retry(
    error_equals=["SageMaker.SageMakerException"],
    **_SAGEMAKER_BACK_OFF,
)

# The account's quota for an instance type is used up. Other jobs have to end first, which takes minutes or
# hours: ask seldom, and give up within a working day's patience (5 + 10 + 20 + 30 + 30 minutes).
SAGEMAKER_QUOTA = Retry(
    error_equals=["SageMaker.ResourceLimitExceededException"],
    interval_seconds=300,
    backoff_rate=2.0,
    max_attempts=5,
    max_delay_seconds=1800,
    jitter_strategy="FULL",
)

# Lambda itself failed or throttled, and the function may never have run ("Handle transient Lambda service
# exceptions" in the Step Functions guide); or an AWS service that the function called did, for longer than
# botocore's own retries last. Every function here can safely run twice. All else that a function raises carries
# its exception's class name, and is not retried by this.
FUNCTION_FAULTS = Retry(
    error_equals=[
        "ServiceFault",
        "Lambda.ClientExecutionTimeoutException",
        "Lambda.ServiceException",
        "Lambda.AWSLambdaException",
        "Lambda.SdkClientException",
        "Lambda.TooManyRequestsException",
    ],
    interval_seconds=1,
    backoff_rate=2.0,
    max_attempts=6,
    max_delay_seconds=30,
    jitter_strategy="FULL",
)

# Not a fault: the endpoint is still on its way. A short function that raises and is asked again costs nothing
# while it waits and knows no 15-minute ceiling. Even steps, since the end is what we look for; two hours,
# since a large model on a scarce instance takes one.
ENDPOINT_NOT_READY = Retry(error_equals=["EndpointNotReady"], interval_seconds=15, backoff_rate=1.0, max_attempts=480)

# Another run is deploying to the same endpoint, or a release is at work on it, which may take a day.
ENDPOINT_BUSY = Retry(error_equals=["EndpointBusy"], interval_seconds=30, backoff_rate=1.0, max_attempts=2880)

# Another release is at work on the endpoint. A canary takes hours, and its approval may have been a mistake that
# somebody has to stop: a day and a half of patience.
ENDPOINT_LOCKED = Retry(error_equals=["EndpointLocked"], interval_seconds=60, backoff_rate=1.0, max_attempts=2160)

# The endpoint changes nothing but its weights, which takes a minute or two; no step is to be longer than it says.
SHIFT_NOT_READY = Retry(error_equals=["EndpointNotReady"], interval_seconds=5, backoff_rate=1.0, max_attempts=720)

# SageMaker moves the traffic by itself, for at most eight hours.
GUARDRAILS_NOT_READY = Retry(
    error_equals=["EndpointNotReady"], interval_seconds=30, backoff_rate=1.0, max_attempts=1080
)

# The same, met at UpdateEndpoint itself: another run was faster after this one had looked. The configuration is this
# run's own, just made, so what SageMaker refuses here is mostly refused because the endpoint is busy: up to twenty
# minutes of patience with jitter, no more, since a missing permission has the same name.
UPDATE_BUSY = Retry(
    error_equals=["SageMaker.AmazonSageMakerException"],
    interval_seconds=15,
    backoff_rate=1.5,
    max_attempts=40,
    max_delay_seconds=60,
    jitter_strategy="FULL",
)

# Undoing is worth another try whatever went wrong, a crash of the function included: each call is safe to repeat, and
# what it leaves undone stays. Only what the function itself calls hopeless is left to people.
HOPELESS = Retry(error_equals=["RollBackFailed"], max_attempts=0)
UNDOING_FAILED = Retry(
    error_equals=["States.ALL"],
    interval_seconds=10,
    backoff_rate=3.0,
    max_attempts=3,
    max_delay_seconds=90,
    jitter_strategy="FULL",
)

# What every state that undoes retries, the first that matches an error deciding.
UNDOING = [ENDPOINT_NOT_READY, FUNCTION_FAULTS, HOPELESS, UNDOING_FAILED]
# What every state that calls SageMaker retries, and every state that starts instances.
SAGEMAKER = [SAGEMAKER_FAULTS]
SAGEMAKER_SDK = [SAGEMAKER_SDK_FAULTS]
SAGEMAKER_INSTANCES = [SAGEMAKER_FAULTS, SAGEMAKER_QUOTA]
