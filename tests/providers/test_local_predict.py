"""Model files: what they predict, how they are found, and what is said of those that will not do."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from math import exp
from pathlib import Path

import pytest
from local_network import classifier, echo, regression

from chalicelib.errors import ProviderError
from chalicelib.models import Prediction
from chalicelib.providers.local import Local

LINEAR = {"kind": "linear", "version": "3", "intercept": 1, "coefficients": {"age": 0.5, "shared": -2}}
LOGISTIC = {**LINEAR, "kind": "logistic"}


class Folder:
    """``usecases/models`` of a project whose root is the current folder."""

    def __init__(self, root):
        self.path = root / "usecases" / "models"
        self.path.mkdir(parents=True)

    def put(self, name, declared, network=None):
        content = declared if isinstance(declared, str) else json.dumps(declared)
        (self.path / f"{name}.json").write_text(content)
        if network is not None:
            (self.path / f"{name}.onnx").write_bytes(network)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Folder(tmp_path)


def predicted(name, /, **features):
    (prediction,) = Local().predict(name, [features]).result
    return prediction


def refusal(name, /, code="refused", **features):
    with pytest.raises(ProviderError) as caught:
        Local().predict(name, [features])
    assert caught.value.code == code
    return str(caught.value)


# What they predict


def test_a_linear_model_is_its_intercept_and_its_weighted_features(folder):
    folder.put("score", LINEAR)
    assert predicted("score", age=30, shared=2.5) == Prediction(value=11.0)


@pytest.mark.parametrize("total", [-800, -1, 0, 3, 800])
def test_a_logistic_model_gives_the_probability(folder, total):
    folder.put("score", {**LOGISTIC, "intercept": 0, "coefficients": {"x": 1}})
    expected = 0 if total == -800 else 1 / (1 + exp(-total))
    assert predicted("score", x=total).value == pytest.approx(expected, abs=1e-9)


def test_a_logistic_model_with_classes_gives_the_likelier_one(folder):
    folder.put("score", {**LOGISTIC, "classes": ["no", "yes"]})
    found = predicted("score", age=2, shared=0)
    assert found.value == "yes"
    assert found.scores == {"no": pytest.approx(0.1192029), "yes": pytest.approx(0.8807971)}


def test_what_is_true_counts_as_one_and_other_features_are_let_pass(folder):
    folder.put("score", LINEAR)
    assert predicted("score", age=0, shared=True, name="Kim").value == -1


def test_the_order_of_features_changes_no_digit(folder):
    names = [f"f{n}" for n in range(30)]
    weights = {name: 10.0 ** (n % 15) / 3 for n, name in enumerate(names)}
    folder.put("ahead", {**LINEAR, "coefficients": weights})
    folder.put("back", {**LINEAR, "coefficients": dict(reversed(weights.items()))})
    features = dict.fromkeys(names, 0.1)
    assert predicted("ahead", **features) == predicted("back", **features)


def test_a_network_takes_its_columns_in_the_order_declared(folder):
    folder.put("price", {"kind": "onnx", "version": "1", "columns": ["b", "a"]}, regression([10, 1]))
    assert predicted("price", a=2, b=3) == Prediction(value=32.0)


def test_a_network_with_an_input_for_each_column_gives_the_classes_declared(folder):
    declared = {"kind": "onnx", "version": "1", "columns": ["b", "a"], "classes": ["no", "yes"]}
    folder.put("match", declared, classifier(["a", "b"], [[0, 1], [0, 0]]))
    found = predicted("match", a=1, b=5)
    assert found.value == "yes"
    assert found.scores == {"no": pytest.approx(0.2689414, abs=1e-6), "yes": pytest.approx(0.7310586, abs=1e-6)}


def test_a_network_may_be_read_at_another_output(folder):
    declared = {"kind": "onnx", "version": "1", "columns": ["a"], "output": "sums"}
    folder.put("sum", declared, classifier(["a"], [[0.25]]))
    assert predicted("sum", a=2).value == 0.5


def test_texts_go_into_a_network_and_come_out_of_it(folder):
    folder.put("say", {"kind": "onnx", "version": "1", "columns": ["word"]}, echo())
    assert predicted("say", word="서울").value == "서울"
    assert "'word' is not a text" in refusal("say", word=3)


# How they behave as a provider


def test_every_item_is_answered_in_order_and_the_version_names_the_content(folder):
    folder.put("score", LINEAR)
    answer = Local().predict("score", [{"age": n, "shared": 0} for n in range(3)])
    assert [one.value for one in answer.result] == [1, 1.5, 2]
    assert (answer.model, answer.units) == ("score", 3)
    declared, _, digest = answer.version.partition("+")
    assert declared == "3"
    assert len(digest) == 12


def test_a_changed_file_is_read_again_and_is_another_version(folder):
    folder.put("score", LINEAR)
    local = Local()
    before = local.predict("score", [{"age": 0, "shared": 0}])
    folder.put("score", {**LINEAR, "intercept": 1000})
    after = local.predict("score", [{"age": 0, "shared": 0}])
    assert (before.result[0].value, after.result[0].value) == (1, 1000)
    assert before.version != after.version


def test_a_network_of_another_content_is_another_version(folder):
    declared = {"kind": "onnx", "version": "1", "columns": ["a"]}
    folder.put("one", declared, regression([1]))
    folder.put("two", declared, regression([2]))
    local = Local()
    assert local.predict("one", [{"a": 1}]).version != local.predict("two", [{"a": 1}]).version


def test_models_are_found_from_the_notebooks_folder(folder, monkeypatch):
    folder.put("score", LINEAR)
    monkeypatch.chdir(folder.path.parent)
    assert predicted("score", age=0, shared=0).value == 1


def test_a_stage_may_name_another_folder(folder, tmp_path):
    (tmp_path / "chalicelib" / "weights").mkdir(parents=True)
    (tmp_path / "chalicelib" / "weights" / "score.json").write_text(json.dumps(LINEAR))
    answer = Local({"folder": "chalicelib/weights"}).predict("score", [{"age": 0, "shared": 0}])
    assert answer.result[0].value == 1


def test_many_threads_get_the_answers_that_one_gets(folder):
    folder.put("price", {"kind": "onnx", "version": "1", "columns": ["a", "b"]}, regression([0.1, 0.7]))
    local, jobs = Local(), [{"a": n, "b": 1} for n in range(40)]
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda item: local.predict("price", [item]).result[0].value, jobs))
    assert found == [pytest.approx(0.1 * n + 0.7, rel=1e-6) for n in range(40)]


# What is said of those that will not do


def test_a_missing_feature_is_named(folder):
    folder.put("score", LINEAR)
    folder.put("price", {"kind": "onnx", "version": "1", "columns": ["a", "b"]}, regression([1, 1]))
    assert refusal("score", age=3) == "model 'score': feature 'shared' is missing"
    assert refusal("price", b=3) == "model 'price': feature 'a' is missing"


def test_a_feature_that_an_item_of_several_lacks_is_named_with_the_item(folder):
    folder.put("score", LINEAR)
    with pytest.raises(ProviderError) as caught:
        Local().predict("score", [{"age": 3, "shared": 1}, {"age": 3}])
    assert str(caught.value) == "model 'score': feature 'shared' is missing (item 2 of 2)"


@pytest.mark.parametrize("value", ["secret 7", None, float("nan"), float("inf"), 10**400, [1]])
def test_a_feature_that_is_no_number_is_named_and_not_shown(folder, value):
    folder.put("score", LINEAR)
    assert refusal("score", age=value, shared=0) == "model 'score': feature 'age' is not a finite number"


def test_a_sum_beyond_all_numbers_is_no_answer(folder):
    folder.put("score", {**LINEAR, "coefficients": {"a": 1e308, "b": 1e308}})
    refusal("score", code="bad-answer", a=1, b=1)
    refusal("score", code="bad-answer", a=1e10, b=-1e10)


@pytest.mark.parametrize("name", ["other", "../models/score", "score.json", "", "x" * 5000])
def test_an_unknown_model_is_refused_with_those_there_are(folder, name):
    folder.put("score", LINEAR)
    assert refusal(name).endswith("in usecases/models; there are: score")


def test_without_the_folder_that_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert refusal("score") == "there is no folder usecases/models for the local provider's models"


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ("{", "usecases/models/score.json does not describe a model: Invalid JSON: EOF while parsing"),
        ("[" * 100_000, "score.json does not describe a model: Invalid JSON"),
        ({**LINEAR, "coefficients": {"a": "1"}}, "coefficients.a"),
        ({**LINEAR, "weights": {}}, "weights"),
        ({"kind": "linear", "coefficients": {}}, "Field required (at version); Dictionary should have at least 1 item"),
        ({**LINEAR, "kind": "tree"}, "does not describe a model"),
        ({**LINEAR, "intercept": float("nan")}, "intercept"),
        ({"kind": "onnx", "version": "1", "columns": ["a"]}, "no score.onnx"),
    ],
)
def test_a_description_that_will_not_do_is_told(folder, declared, said):
    folder.put("score", declared)
    assert said in refusal("score", code="not-configured")


@pytest.mark.parametrize(
    ("declared", "network", "said"),
    [
        ({"columns": ["a"]}, b"no network", "net.onnx cannot be loaded"),
        ({"columns": ["a"], "output": "probability"}, regression([1]), "it has: sum"),
        ({"columns": ["a", "c"]}, classifier(["a", "b"], [[1], [1]]), "has the inputs a, b"),
    ],
)
def test_a_network_that_its_description_does_not_fit_is_told(folder, declared, network, said):
    folder.put("net", {"kind": "onnx", "version": "1", **declared}, network)
    assert said in refusal("net", code="not-configured", a=1)


def test_a_file_that_cannot_be_read_is_told(folder, monkeypatch):
    folder.put("score", LINEAR)

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert refusal("score", code="not-configured") == "usecases/models/score.json cannot be read: Permission denied"


def test_a_network_without_its_description_is_told(folder):
    (folder.path / "net.onnx").write_bytes(regression([1]))
    assert "net.onnx needs a net.json beside it" in refusal("net", code="not-configured")


def test_columns_of_another_number_than_the_network_takes_are_told(folder):
    folder.put("net", {"kind": "onnx", "version": "1", "columns": ["a"]}, regression([1, 1]))
    assert refusal("net", a=1) == "model 'net': usecases/models/net.onnx does not take these features: InvalidArgument"


def test_classes_of_another_number_than_the_network_gives_are_no_answer(folder):
    declared = {"kind": "onnx", "version": "1", "columns": ["a"], "classes": ["no", "yes", "perhaps"]}
    folder.put("net", declared, classifier(["a"], [[0, 1]]))
    assert "known form" in refusal("net", code="bad-answer", a=1)
