"""contracts.json: what the functions take, give and raise, as `switchyard check` reads it."""

from __future__ import annotations

import json

import contracts


def test_the_committed_contracts_are_the_functions_own():
    assert contracts.FILE.read_text() == contracts.contracts(), "run: make schema"


def test_an_error_is_named_wherever_a_function_raises_it():
    errors = {name: set(contract["errors"]) for name, contract in json.loads(contracts.contracts()).items()}
    assert errors["prepare_run"] >= {"InvalidRun", "ServiceFault"}
    assert "EndpointNotReady" in errors["wait_for_endpoint"]
    assert "EndpointNotReady" not in errors["prepare_run"]


def test_an_event_is_named_as_it_is_sent():
    document = json.loads(contracts.contracts())
    assert document["look_up_endpoint"]["event"]["required"] == ["execution", "endpoint", "parameter"]
    assert set(document["prepare_run"]["result"]["properties"]) >= {"recipe", "names", "training"}
