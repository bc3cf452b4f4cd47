"""Events for functions: kept, tried up to three times, and then handed on or given up.

"Invoking a Lambda function asynchronously", "Configuring error handling settings for Lambda
asynchronous invocations" and "Capturing records of Lambda asynchronous invocations", Lambda
developer guide: a failed event is tried twice more, after one minute and after two; an event that
is older than MaximumEventAgeInSeconds (6 hours) is not tried again. Then it goes to the on-failure
destination, and to the dead-letter queue of the function. `Settings.timeout_minute` says how long a
minute is here, for waits and for ages.

Events are kept with the functions: one whose attempt was cut off by the end of the embedded AWS is
tried again after the next start, so a function may see an event twice, as on AWS.
"""

from __future__ import annotations

import json
import sys
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from moto.awslambda.models import LambdaBackend, LambdaFunction, lambda_backends
from moto.core.exceptions import JsonRESTError, ServiceException

from local_aws import processes, settings
from local_aws.awslambda.destinations import destinations, hand_over, hand_over_to_dead_letters
from local_aws.awslambda.rights import check_sending
from local_aws.awslambda.runner import Invocation, Outcome

MINUTES_BEFORE_RETRY = (1, 2)
DEFAULT_RETRIES = 2
DEFAULT_AGE_SECONDS = 6 * 3600


@dataclass
class PendingEvent:
    """An event that a function has not dealt with yet.

    Attributes:
        accepted: When it came, in seconds since 1970.
        attempts: How often the function has failed with it.
    """

    function_arn: str
    payload: Any
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    accepted: float = field(default_factory=time.time)
    attempts: int = 0


def accept(function: LambdaFunction, payload: Any) -> str:
    """Keep an event and let the function have it soon.

    Returns:
        The request id of all of its attempts.
    """
    event = PendingEvent(function.function_arn, payload)
    backend = lambda_backends[function.account_id][function.region]
    _pending(backend)[event.request_id] = event
    _soon(backend, event)
    return event.request_id


def resume() -> None:
    """Go on with the events that were not dealt with when the embedded AWS ended."""
    for _, _, backend in list(lambda_backends.iter_backends()):
        for event in list(_pending(backend).values()):
            _soon(backend, event)


def _pending(backend: LambdaBackend) -> dict[str, PendingEvent]:
    events: dict[str, PendingEvent] = vars(backend).setdefault("pending_events", {})
    return events


def _soon(backend: LambdaBackend, event: PendingEvent, seconds: float = 0.0) -> None:
    timer = threading.Timer(seconds, _attempt, (backend, event))
    timer.name, timer.daemon = f"event {event.request_id}", True
    timer.start()


def _attempt(backend: LambdaBackend, event: PendingEvent) -> None:
    if event.request_id not in _pending(backend):
        return  # this embedded AWS was stopped, and forgotten, meanwhile
    function = backend._lambdas.get_arn(event.function_arn)
    if function is None:
        del _pending(backend)[event.request_id]
        return
    try:
        outcome = Invocation(function, event.payload, event.request_id).run()
    except processes.ShuttingDown:
        return  # it is kept, and tried after the next start
    if outcome.failed and not processes.accepting():
        return  # it was cut off
    if not outcome.failed:
        _end(backend, function, event, outcome, "Success")
        return
    event.attempts += 1
    config = _config(function)
    if event.attempts > config.get("MaximumRetryAttempts", DEFAULT_RETRIES):
        _end(backend, function, event, outcome, "RetriesExhausted")
        return
    wait = MINUTES_BEFORE_RETRY[event.attempts - 1] * settings.current().timeout_minute
    oldest = config.get("MaximumEventAgeInSeconds", DEFAULT_AGE_SECONDS)
    age = (time.time() + wait - event.accepted) * 60 / settings.current().timeout_minute
    if age > oldest:
        _end(backend, function, event, outcome, "EventAgeExceeded")
    else:
        _soon(backend, event, wait)


def _end(
    backend: LambdaBackend,
    function: LambdaFunction,
    event: PendingEvent,
    outcome: Outcome,
    condition: str,
) -> None:
    _pending(backend).pop(event.request_id, None)
    kind = "OnSuccess" if condition == "Success" else "OnFailure"
    destination = destinations(_config(function)).get(kind, "")
    dead_letters = "" if condition == "Success" else vars(function).get("dead_letter_arn", "")
    if destination:
        record = _record(function, event, outcome, condition)
        _deliver(function, destination, lambda: hand_over(destination, function, record))
    if dead_letters:
        error = json.loads(outcome.payload)["errorMessage"]
        letter = (event.payload, event.request_id, error)
        _deliver(function, dead_letters, lambda: hand_over_to_dead_letters(dead_letters, *letter))


def _deliver(function: LambdaFunction, target: str, send: Callable[[], None]) -> None:
    """Hand an event on with the rights of the function's role; one that cannot be is lost."""
    try:
        check_sending(function.role, function.function_name, function.region, target)
        send()
    except (JsonRESTError, ServiceException) as error:
        print(f"Function {function.function_name}: {error}", file=sys.stderr)


def _config(function: LambdaFunction) -> dict[str, Any]:
    configs = function.event_invoke_config
    return dict(configs[0].config) if configs else {}


def _record(
    function: LambdaFunction, event: PendingEvent, outcome: Outcome, condition: str
) -> dict[str, Any]:
    """The invocation record that a destination receives."""
    now = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
    response: dict[str, Any] = {"statusCode": 200, "executedVersion": str(function.version)}
    if outcome.failed:
        response["functionError"] = "Unhandled"
    return {
        "version": "1.0",
        "timestamp": f"{stamp}.{int(now * 1000) % 1000:03d}Z",
        "requestContext": {
            "requestId": event.request_id,
            "functionArn": f"{event.function_arn}:{function.version}",
            "condition": condition,
            "approximateInvokeCount": event.attempts + (condition == "Success"),
        },
        "requestPayload": event.payload,
        "responseContext": response,
        "responsePayload": json.loads(outcome.payload),
    }
