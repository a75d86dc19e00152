"""SageMaker endpoints through boto3 and a socket: what is sent in each form, what is understood, what is refused."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any

import pytest
from aws_account import failure
from pydantic import ValidationError

from chalicelib.asking import Asking
from chalicelib.models import Prediction
from chalicelib.providers.sagemaker import SageMaker
from tests.emulators.aws import ACCOUNT, Aws
from tests.emulators.faults import Delay, Fault, Garbage, Refuse, Reset, Status, Version, WrongSchema

FLATS = [{"rooms": 2, "area": 50.5, "lift": True}, {"rooms": 3, "area": 80, "lift": False}]
COLUMNS = ["area", "rooms", "lift"]


def provider(aws: Aws, settings: dict[str, Any] | None = None, **model: Any) -> SageMaker:
    """A provider with one model, "price", behind the endpoint "price-1"."""
    models = {"price": {"endpoint": "price-1", **model}}
    return SageMaker({"endpoint": aws.url, "timeout": 30, **(settings or {}), "models": models})


def linear(items: list[Any]) -> list[float]:
    """1000 for each square metre and 1 for each room, from any form of an item."""
    rows = [item.get("features", item) if isinstance(item, dict) else item for item in items]
    pairs = [(row["area"], row["rooms"]) if isinstance(row, dict) else row[:2] for row in rows]
    return [1000 * float(area) + float(rooms) for area, rooms in pairs]


def answering(aws: Aws, predictions: list[Any], **model: Any) -> Any:
    """The answer to two items where the endpoint predicts this."""
    aws.endpoint("price-1", lambda items: predictions)
    return provider(aws, **model).predict("price", FLATS)


@pytest.mark.parametrize(
    ("model", "sent"),
    [
        ({}, FLATS),
        ({"items": "rows", "columns": COLUMNS}, [[50.5, 2, True], [80, 3, False]]),
        ({"items": "features", "columns": COLUMNS}, [{"features": [50.5, 2, True]}, {"features": [80, 3, False]}]),
        ({"format": "csv", "columns": COLUMNS}, [["50.5", "2", "1"], ["80", "3", "0"]]),
    ],
)
def test_items_reach_the_endpoint_in_the_model_s_form_and_each_gets_its_prediction(
    aws: Aws, model: dict[str, Any], sent: list[Any]
) -> None:
    seen: list[Any] = []

    def predict(items: list[Any]) -> list[float]:
        seen.extend(items)
        return linear(items)

    aws.endpoint("price-1", predict)
    answer = provider(aws, **model).predict("price", FLATS)
    assert seen == sent
    assert answer.result == [Prediction(value=50502.0), Prediction(value=80003.0)]
    assert (answer.model, answer.version, answer.units, answer.attempts) == ("price-1", "AllTraffic", 2, 1)
    kind = "text/csv" if "format" in model else "application/json"
    assert aws.calls == [{"operation": "InvokeEndpoint", "endpoint": "price-1", "variant": None, "content_type": kind}]


def test_text_with_commas_and_none_survive_csv(aws: Aws) -> None:
    seen: list[Any] = []
    aws.endpoint("price-1", lambda items: seen.extend(items) or [0])
    provider(aws, format="csv", columns=["a", "b"]).predict("price", [{"a": 'x, "y"\nz', "b": None}])
    assert seen == [['x, "y"\nz', ""]]


@pytest.mark.parametrize(
    ("predictions", "result"),
    [
        (["spam", "ham"], [Prediction(value="spam"), Prediction(value="ham")]),
        (
            [[0.25, 0.75], [1, 0]],
            [
                Prediction(value="1", scores={"0": 0.25, "1": 0.75}),
                Prediction(value="0", scores={"0": 1.0, "1": 0.0}),
            ],
        ),
    ],
)
@pytest.mark.parametrize("form", [{}, {"format": "csv", "columns": COLUMNS}])
def test_classes_and_probabilities_are_understood_in_both_formats(
    aws: Aws, predictions: list[Any], result: list[Prediction], form: dict[str, Any]
) -> None:
    assert answering(aws, predictions, **form).result == result


def test_amazon_s_linear_learner_is_understood(aws: Aws) -> None:
    said = [{"predicted_label": 1, "score": 0.75}, {"predicted_label": 0, "score": 0.25}]
    assert [one.value for one in answering(aws, said).result] == ["1", "0"]


def test_one_line_of_csv_with_a_value_for_each_item_is_understood(aws: Aws) -> None:
    assert [one.value for one in answering(aws, [[7, 8]], format="csv", columns=COLUMNS).result] == [7, 8]


def test_a_variant_is_asked_for_and_the_one_that_answered_is_the_version(aws: Aws) -> None:
    aws.endpoint("price-1", linear, variant="blue")
    assert provider(aws).predict("price", FLATS).version == "blue"
    assert provider(aws, variant="green").predict("price", FLATS).version == "green"
    aws.faults.then(Version("red"))
    assert provider(aws).predict("price", FLATS).version == "red"


def test_what_of_an_endpoint_answers_is_part_of_the_model_s_name(aws: Aws) -> None:
    aws.endpoint("price-1", linear)
    assert provider(aws, target_model="a.tar.gz").predict("price", FLATS).model == "price-1/a.tar.gz"
    assert provider(aws, inference_component="small").predict("price", FLATS).model == "price-1/small"


def test_no_items_are_no_call(aws: Aws) -> None:
    answer = provider(aws).predict("price", [])
    assert (answer.result, answer.units, answer.attempts, aws.calls) == ([], 0, 0, [])


# What is refused before anything is sent


def test_an_unknown_model_is_not_configured_and_the_known_ones_are_named(aws: Aws) -> None:
    error = failure(provider(aws).predict, "prize", FLATS)
    assert (error.code, error.attempts, aws.calls) == ("not-configured", 0, [])
    assert str(error) == "sagemaker has no model 'prize'; its settings name under models: price"


@pytest.mark.parametrize(
    ("item", "problem"),
    [
        (
            {"area": 1, "rooms": 2},
            "an item for the model 'price' (item 2 of 2) lacks 'lift'; its columns are area, rooms, lift",
        ),
        ({"area": 1, "rooms": 2, "lift": 0, "year": 3}, "has 'year', which is no column"),
        ({"area": 1, "room": 2, "lift": 0}, "lacks 'rooms' and has 'room', which is no column"),
        ({"area": math.nan, "rooms": 2, "lift": 0}, "'area' is neither text, a finite number"),
        ({"area": [1], "rooms": 2, "lift": 0}, "'area' is neither text, a finite number"),
        ({"area": object(), "rooms": 2, "lift": 0}, "'area' is neither text, a finite number"),
    ],
)
@pytest.mark.parametrize("form", [{"format": "csv"}, {"items": "rows"}])
def test_an_item_that_does_not_fit_the_columns_is_refused_by_name(
    aws: Aws, item: dict[str, Any], problem: str, form: dict[str, Any]
) -> None:
    error = failure(provider(aws, columns=COLUMNS, **form).predict, "price", [FLATS[0], item])
    assert (error.code, error.attempts, aws.calls) == ("refused", 0, [])
    assert problem in str(error)


def test_objects_may_hold_lists_but_nothing_that_json_lacks(aws: Aws) -> None:
    aws.endpoint("price-1", lambda items: [sum(items[0]["history"])])
    assert provider(aws).predict("price", [{"history": [1, 2]}]).result[0].value == 3
    assert failure(provider(aws).predict, "price", [{"history": [1, math.inf]}]).code == "refused"


@pytest.mark.parametrize("model", [{"format": "csv"}, {"items": "rows"}, {"items": "features"}, {"secret": "x"}])
def test_a_model_without_the_columns_it_needs_is_no_setting(aws: Aws, model: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        provider(aws, **model)


# What goes wrong


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Delay(30), "timeout"),
        (Refuse(), "unreachable"),
        (Reset(), "unreachable"),
        (Status(400), "refused"),
        (Status(403), "credentials"),
        (Status(429), "throttled"),
        (Status(500), "server-error"),
        (Status(530), "server-error"),
        (Garbage(), "bad-answer"),
        (WrongSchema(), "bad-answer"),
    ],
)
def test_each_fault_has_its_code(aws: Aws, fault: Fault, code: str) -> None:
    aws.endpoint("price-1", linear)
    aws.faults.always(fault)
    settings = {"attempts": 1, "timeout": 0.3 if isinstance(fault, Delay) else 30}
    error = failure(provider(aws, settings).predict, "price", FLATS)
    assert (error.code, error.attempts, len(aws.calls)) == (code, 1, 1)
    assert ACCOUNT not in str(error)


def test_an_endpoint_that_is_not_there_is_refused_without_saying_whose(aws: Aws) -> None:
    error = failure(provider(aws).predict, "price", FLATS)
    assert (error.code, str(error)) == ("refused", "sagemaker-runtime invoke_endpoint: ValidationError (status 400)")


@pytest.mark.parametrize(("status", "code"), [(400, "refused"), (503, "server-error")])
def test_an_error_of_the_model_s_own_container_has_the_code_of_its_status(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, status: int, code: str
) -> None:
    body = {"OriginalStatusCode": status, "OriginalMessage": "area 50.5 of account 123456789012", "Message": "x"}
    monkeypatch.setattr(Aws, "error", lambda self, status: {"__type": "ModelError", **body})
    aws.faults.always(Status(424))
    error = failure(provider(aws).predict, "price", FLATS)
    assert (error.code, error.attempts) == (code, 1)
    assert "50.5" not in str(error) and ACCOUNT not in str(error)


@pytest.mark.parametrize("form", [{}, {"format": "csv", "columns": COLUMNS}])
@pytest.mark.parametrize("predictions", [[], [1], [1, 2, 3]])
def test_another_number_of_predictions_than_items_is_a_bad_answer(
    aws: Aws, form: dict[str, Any], predictions: list[Any]
) -> None:
    error = failure(answering, aws, predictions, **form)
    assert error.code == "bad-answer"
    assert str(error) == f"the model 'price' answered {len(predictions)} predictions for 2 items"


@pytest.mark.parametrize("form", [{}, {"format": "csv", "columns": COLUMNS}])
@pytest.mark.parametrize("prediction", [math.nan, math.inf, [0.5, 1.5]])
def test_a_prediction_that_is_no_number_or_probability_is_a_bad_answer(
    aws: Aws, form: dict[str, Any], prediction: Any
) -> None:
    assert failure(answering, aws, [1, prediction], **form).code == "bad-answer"


def test_what_is_throttled_once_is_asked_again_and_counted(aws: Aws) -> None:
    aws.endpoint("price-1", linear)
    aws.faults.then(Status(429))
    assert provider(aws).predict("price", FLATS).attempts == 2


def test_no_time_left_is_no_call(aws: Aws) -> None:
    aws.endpoint("price-1", linear)
    error = failure(provider(aws).predict, "price", FLATS, Asking(until=perf_counter() - 1))
    assert (error.code, error.attempts, aws.calls) == ("timeout", 0, [])


def test_many_threads_get_their_own_answers(aws: Aws) -> None:
    aws.endpoint("price-1", linear)
    asked = provider(aws)
    with ThreadPoolExecutor(16) as threads:
        answers = threads.map(lambda rooms: asked.predict("price", [{"area": 0, "rooms": rooms}]), range(64))
    assert [answer.result[0].value for answer in answers] == list(range(64))
