import io
import struct
import threading
import time
import zlib

import pytest
from PIL import Image
from starlette.testclient import TestClient

import mien
from mien import Analyzer
from mien.web import schemas
from mien.web.settings import Limits
from tests.web.conftest import open_client

IMAGE = {"Content-Type": "image/jpeg"}


def bomb(width, height):
    """A PNG of a few bytes that says it has this size."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(100_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def test_a_picture_as_a_body_gives_what_the_analyzer_gives(client, photo):
    answer = client.post("/v1/analyze", content=photo, headers=IMAGE)
    assert answer.status_code == 200
    expected = mien.Analyzer(detector="haar", threads=1).analyze(photo).to_dict()
    assert answer.json() == {"results": [expected], "problems": []}
    schemas.AnalyzeShape.model_validate(answer.json())


def test_many_pictures_come_back_in_order_with_their_names(client, photo):
    blank = io.BytesIO()
    Image.new("RGB", (80, 60), "white").save(blank, "PNG")
    files = [("pictures", ("a b.png", blank.getvalue())), ("pictures", ("portrait.jpg", photo))]
    answer = client.post("/v1/analyze", files=files).json()
    assert [(result["source"], len(result["faces"])) for result in answer["results"]] == [
        ("a b.png", 0),
        ("portrait.jpg", 1),
    ]
    assert answer["results"][0]["width"] == 80


def test_what_cannot_be_read_is_named_and_the_rest_is_kept(client, photo):
    files = [
        ("pictures", ("first.jpg", photo)),
        ("pictures", ("notes.txt", b"no picture")),
        ("pictures", ("empty.jpg", b"")),
        ("pictures", ("cut.jpg", photo[: len(photo) // 2])),
        ("pictures", ("last.jpg", photo)),
    ]
    answer = client.post("/v1/analyze", files=files).json()
    assert [result["source"] for result in answer["results"]] == ["first.jpg", "last.jpg"]
    assert [(problem["picture"], problem["source"]) for problem in answer["problems"]] == [
        (1, "notes.txt"),
        (2, "empty.jpg"),
        (3, "cut.jpg"),
    ]
    assert answer["problems"][0]["error"].startswith("notes.txt: is not a picture")
    schemas.AnalyzeShape.model_validate(answer)


def test_nothing_but_rubbish_is_refused(client):
    answer = client.post("/v1/analyze", content=b"rubbish", headers=IMAGE)
    assert answer.status_code == 422
    assert answer.json()["error"].startswith("the picture: is not a picture that can be read")


def test_a_picture_bomb_is_refused_before_it_goes_off(client):
    content = bomb(60_000, 60_000)
    assert len(content) < 1000
    answer = client.post("/v1/analyze", content=content, headers=IMAGE)
    assert answer.status_code == 422
    assert "60000 x 60000 is more than the limit of 50 megapixels" in answer.json()["error"]


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("model=mien-compat", "Did you mean 'mien-compact'?"),
        ("model=/etc/passwd", "unknown model '/etc/passwd'"),
        ("model=../mien-compact.onnx", "unknown model"),
        ("labels=fer8", "unknown head"),
        ("detector=yunnet", "Did you mean 'yunet'?"),
    ],
)
def test_unknown_names_are_refused_with_the_names_that_exist(client, photo, query, error):
    answer = client.post(f"/v1/analyze?{query}", content=photo, headers=IMAGE)
    assert answer.status_code == 400
    assert error in answer.json()["error"]


def test_another_head_and_detector_answer_when_asked_for(client, photo):
    query = "labels=ferplus8&detector=whole"
    (result,) = client.post(f"/v1/analyze?{query}", content=photo, headers=IMAGE).json()["results"]
    assert "contempt" in result["faces"][0]["emotions"]
    assert result["faces"][0]["score"] == 1


def test_min_confidence_leaves_faces_out(client, photo):
    assert not client.post("/v1/analyze?min_confidence=0.999", content=photo, headers=IMAGE).json()["results"][0][
        "faces"
    ]
    answer = client.post("/v1/analyze?min_confidence=2", content=photo, headers=IMAGE)
    assert answer.status_code == 422
    assert "min_confidence" in answer.json()["error"]


@pytest.mark.parametrize(
    ("sent", "status", "error"),
    [
        ({"json": {"picture": "x"}}, 415, "multipart/form-data"),
        ({"content": b"x"}, 415, "no content type"),
        ({"files": {"photo": ("a.jpg", b"x")}}, 400, "unknown form field 'photo': it is one of pictures."),
        ({"data": {"pictures": "text"}}, 415, "x-www-form-urlencoded"),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 400, "form cannot be read"),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data; boundary=y"}}, 400, "form"),
    ],
)
def test_a_body_without_pictures_is_refused(client, sent, status, error):
    answer = client.post("/v1/analyze", **sent)
    assert answer.status_code == status
    assert error in answer.json()["error"]


@pytest.mark.parametrize(
    ("path", "field", "sent", "error"),
    [
        ("/v1/analyze", "pictures", ("labels", (None, "ferplus8")), "labels goes into the address: ?labels=ferplus8"),
        ("/v1/analyze", "pictures", ("model", (None, "a b&c")), "model goes into the address: ?model=a%20b%26c"),
        ("/v1/analyze", "pictures", ("model", (None, "x" * 99)), "model goes into the address: ?model=..."),
        ("/v1/analyze", "pictures", ("label", (None, "x")), "unknown form field 'label': it is one of pictures."),
        ("/v1/analyze", "pictures", ("picture", ("b.jpg", b"x")), "Did you mean 'pictures'?"),
        ("/v1/analyze", "pictures", ("pictures", (None, "@b.jpg")), "the field 'pictures' holds text"),
        ("/v1/explain", "picture", ("face", (None, "1")), "face goes into the address: ?face=1"),
        ("/v1/videos", "video", ("labels", (None, "ferplus8")), "labels goes into the address: ?labels=ferplus8"),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_a_form_with_more_than_its_files_is_refused(client, photo, path, field, sent, error, first):
    files = [(field, ("a.jpg", photo)), sent]
    answer = client.post(path, files=files[::-1] if first else files)
    assert answer.status_code == 400
    assert error in answer.json()["error"]


@pytest.mark.parametrize(
    ("charset", "name"), [("unicode_escape", r"\ud800.jpg"), ("raw_unicode_escape", r"\udfff"), ("utf-7", "+2AA-.jpg")]
)
@pytest.mark.parametrize(("path", "field"), [("/v1/analyze", "pictures"), ("/v1/explain", "picture")])
def test_a_name_that_is_no_text_in_the_charset_of_its_form_is_refused(client, photo, path, field, charset, name):
    head = f'--y\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'.encode()
    answer = client.post(
        path,
        content=head + photo + b"\r\n--y--\r\n",
        headers={"Content-Type": f"multipart/form-data; boundary=y; charset={charset}"},
    )
    assert answer.status_code == 400
    assert "is not text; send the form, and the names in it, in UTF-8" in answer.json()["error"]


def test_a_fault_of_the_server_is_one_sentence_too(photo, monkeypatch):
    monkeypatch.setattr(Analyzer, "analyze_many", lambda *given, **options: 1 / 0)
    with open_client() as client, pytest.raises(ZeroDivisionError):  # the log gets the traceback
        client.post("/v1/analyze", content=photo, headers=IMAGE)
    with open_client() as opened:
        answer = TestClient(opened.app, base_url=str(opened.base_url), raise_server_exceptions=False).post(
            "/v1/analyze", content=photo, headers=IMAGE
        )
    assert answer.status_code == 500
    assert answer.json() == {"error": "the server failed, which is its own fault; its log says why"}


def test_too_many_pictures_are_refused(client):
    files = [("pictures", (f"{number}.jpg", b"x")) for number in range(65)]
    answer = client.post("/v1/analyze", files=files)
    assert answer.status_code == 400
    assert "at most 64 files" in answer.json()["error"]


def test_a_body_is_counted_while_it_arrives(photo):
    with open_client(limits=Limits(max_bytes=20_000)) as client:
        for content in (photo, iter([photo[:15_000], photo[15_000:]])):  # the second one has no Content-Length
            answer = client.post("/v1/analyze", content=content, headers=IMAGE)
            assert answer.status_code == 413
            assert answer.json()["error"].startswith("the body is larger than 0.0190735 MB")


def test_a_full_server_says_when_to_come_back(photo, monkeypatch):
    inside, go_on = threading.Event(), threading.Event()
    analyze_many = Analyzer.analyze_many

    def slow(self, sources, **options):
        inside.set()
        assert go_on.wait(20)
        return analyze_many(self, sources, **options)

    monkeypatch.setattr(Analyzer, "analyze_many", slow)
    with open_client(limits=Limits(max_requests=1)) as client:
        answers = []

        def ask():
            answers.append(client.post("/v1/analyze", content=photo, headers=IMAGE))

        first = threading.Thread(target=ask)
        first.start()
        assert inside.wait(20)
        refused = client.post("/v1/analyze", content=photo, headers=IMAGE)
        assert client.get("/health").status_code == 200
        go_on.set()
        first.join(20)
        assert refused.status_code == 429
        assert int(refused.headers["Retry-After"]) >= 1
        assert "all 1 places" in refused.json()["error"]
        assert answers[0].status_code == 200
        assert client.post("/v1/analyze", content=photo, headers=IMAGE).status_code == 200


def test_work_that_takes_too_long_is_given_up_and_keeps_its_place_until_it_ends(photo, monkeypatch):
    go_on, over = threading.Event(), threading.Event()
    found = Analyzer(threads=1).analyze_many([photo])

    def slow(self, sources, **options):
        assert go_on.wait(20)
        over.set()
        return found

    monkeypatch.setattr(Analyzer, "analyze_many", slow)
    with open_client(limits=Limits(max_requests=1, timeout_s=0.2)) as client:
        late = client.post("/v1/analyze", content=photo, headers=IMAGE)
        assert late.status_code == 503
        assert "within 0.2 s" in late.json()["error"]
        assert client.post("/v1/analyze", content=photo, headers=IMAGE).status_code == 429
        go_on.set()
        assert over.wait(20)
        for _ in range(100):
            if "mien_requests_in_work 0.0" in client.get("/metrics").text:
                break
        assert client.post("/v1/analyze", content=photo, headers=IMAGE).status_code == 200


def test_of_a_request_that_is_given_up_the_next_picture_is_not_begun(photo, monkeypatch):
    go_on, begun = threading.Event(), []
    read = Analyzer.read

    def slow(self, source):
        begun.append(source)
        assert go_on.wait(20)
        return read(self, source)

    monkeypatch.setattr(Analyzer, "read", slow)
    with open_client(limits=Limits(timeout_s=1)) as client:
        late = client.post("/v1/analyze", files=[("pictures", (f"{number}.jpg", photo)) for number in range(8)])
        assert late.status_code == 503
        go_on.set()
        deadline = time.monotonic() + 20
        while "mien_requests_in_work 0.0" not in client.get("/metrics").text:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert len(begun) == 1
