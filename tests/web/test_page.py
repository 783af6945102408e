"""The page in headless Chromium: what a person does with it, at a real server."""

import contextlib
import csv
import io
import json
import re
import time
import urllib.error
import urllib.request
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from tests.films_on_disk import write_film
from tests.web.conftest import DESKTOP, run_server

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = sync_api.expect

PHONE = {"width": 390, "height": 844}


@pytest.fixture
def page(browser, port):
    """An opened page; it must not ask anybody else, nor complain in its console."""
    context = browser.new_context(viewport=DESKTOP, accept_downloads=True)
    page = context.new_page()
    asked, complaints = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: message.type == "error" and complaints.append(message.text))
    page.goto(f"http://127.0.0.1:{port}/")
    expect(page.locator("#model option").first).to_be_attached()
    yield page
    context.close()
    assert all(url.startswith((f"http://127.0.0.1:{port}/", "blob:")) for url in asked)
    assert [text for text in complaints if "status of 4" not in text] == []  # Chromium notes refused requests


def painted(page, selector):
    """How many pixels of a canvas are not transparent."""
    return page.locator(selector).evaluate(
        """canvas => {
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          let count = 0;
          for (let place = 3; place < data.length; place += 4) count += data[place] > 0;
          return count;
        }"""
    )


def download(page, button):
    with page.expect_download() as waiting:
        page.click(button)
    return waiting.value.path().read_bytes(), waiting.value.suggested_filename


def test_a_photo_shows_its_face_and_can_be_saved(page, astronaut):
    page.set_input_files("#file", astronaut)
    face = page.locator("#faces .face")
    expect(face).to_have_count(1)
    expect(face).to_have_attribute("aria-label", re.compile(r"^Face 1: happiness 9\d %$"))
    expect(face.locator(".bar")).to_have_count(3)
    expect(face.locator(".chip")).to_have_text(["happiness"])
    content, name = download(page, "#save-json")
    assert name == "astronaut.json"
    probabilities = json.loads(content)["results"][0]["faces"][0]["emotions"]
    page.locator("#threshold").fill("5")
    expect(face.locator(".chip")).to_have_count(sum(value >= 0.05 for value in probabilities.values()))
    content, name = download(page, "#save-csv")
    (row,) = csv.DictReader(content.decode().splitlines())
    assert (name, row["face"]) == ("astronaut.csv", "1")
    assert (row["source"], row["top"], float(row["p_happiness"])) == (
        "astronaut.jpg",
        "happiness",
        probabilities["happiness"],
    )
    plain, name = download(page, "#save-picture")
    assert name == "astronaut-mien.png"
    assert plain.startswith(b"\x89PNG")


def test_blur_hides_the_face_on_the_screen_and_in_the_saved_picture(page, astronaut, tmp_path):
    cv2, np = pytest.importorskip("cv2"), pytest.importorskip("numpy")

    def detail():
        content, _ = download(page, "#save-picture")
        picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE)
        return cv2.Laplacian(picture[90:160, 195:250], cv2.CV_64F).var()

    page.set_input_files("#file", astronaut)
    expect(page.locator("#faces .face")).to_have_count(1)
    sharp = detail()
    page.check("#blur")
    assert detail() < 0.05 * sharp


def test_a_click_on_a_face_shows_what_spoke_for_it(page, astronaut):
    page.set_input_files("#file", astronaut)
    expect(page.locator("#faces .face")).to_have_count(1)
    before, _ = download(page, "#save-picture")
    box = page.locator("#picture").bounding_box()
    scale = box["width"] / 512
    page.mouse.click(box["x"] + 223 * scale, box["y"] + 120 * scale)
    expect(page.locator("#why-text")).to_contain_text("Red parts of the face spoke for happiness", timeout=20_000)
    during, _ = download(page, "#save-picture")
    page.click("#why-close")
    expect(page.locator("#why")).to_be_hidden()
    after, _ = download(page, "#save-picture")
    assert during != before
    assert after == before


def test_another_head_is_asked_when_it_is_chosen(page, astronaut):
    page.set_input_files("#file", astronaut)
    expect(page.locator("#faces .face")).to_have_count(1)
    page.select_option("#model", "mien-compact/ferplus8")
    expect(page.locator("#progress")).to_be_hidden()
    content, _ = download(page, "#save-json")
    assert "contempt" in json.loads(content)["results"][0]["faces"][0]["emotions"]


def test_many_photos_and_one_that_is_broken(page, astronaut, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(astronaut.read_bytes()[:9000])
    page.set_input_files("#file", [astronaut, broken, astronaut])
    expect(page.locator("#strip button")).to_have_text(["astronaut.jpg (1)", "astronaut.jpg (1)"])
    expect(page.locator("#error")).to_contain_text("broken.jpg: is truncated or damaged")


def test_a_broken_file_is_told_and_the_next_one_works(page, astronaut, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"this is no picture")
    page.set_input_files("#file", broken)
    expect(page.get_by_role("alert")).to_contain_text("broken.jpg: is not a picture that can be read")
    expect(page.locator("#progress")).to_be_hidden()
    film = tmp_path / "broken.mp4"
    film.write_bytes(b"this is no film")
    page.set_input_files("#file", film)
    expect(page.get_by_role("alert")).to_contain_text("broken.mp4: is not a film that can be read")
    page.set_input_files("#file", astronaut)
    expect(page.locator("#faces .face")).to_have_count(1)
    expect(page.locator("#error")).to_be_hidden()


def test_what_is_too_large_is_called_by_its_name(browser, astronaut, tmp_path):
    from mien.web.settings import Limits

    large = tmp_path / "large.mp4"
    large.write_bytes(bytes(3_000_000))
    with run_server(limits=Limits(max_film_bytes=1 << 20, max_bytes=50_000)) as port:
        context = browser.new_context(viewport=DESKTOP)
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{port}/")
        alert = page.get_by_role("alert")
        page.set_input_files("#file", [astronaut, large])
        expect(alert).to_have_text("large.mp4: 3 MB is more than 1 MB, the limit here")
        page.set_input_files("#file", [astronaut, astronaut])
        expect(alert).to_contain_text("2 photos: 1 MB is more than")
        page.set_input_files("#file", [astronaut])
        expect(alert).to_contain_text("astronaut.jpg: 1 MB is more than")
        context.close()


def test_a_film_shows_its_progress_and_grows_a_timeline(page, film):
    texts = page.evaluate_handle(
        """() => {
          const seen = [];
          const text = document.querySelector("#progress-text");
          new MutationObserver(() => seen.push(text.textContent)).observe(text, { childList: true });
          return seen;
        }"""
    )
    page.set_input_files("#file", film)
    expect(page.locator("#timeline")).to_have_attribute("data-frames", "30", timeout=30_000)
    expect(page.locator("#progress")).to_be_hidden()
    seen = texts.json_value()
    assert any(text.startswith("Sending astronaut.mp4 (") for text in seen)
    assert any(text.startswith("Analysing: ") and "of 30 frames" in text for text in seen)
    assert painted(page, "#timeline") > 1000
    expect(page.locator("#events tr").first).to_contain_text("happiness")
    expect(page.get_by_role("slider", name="Timeline")).to_have_attribute("aria-valuemax", "2.90")
    page.locator("#timeline").press("End")
    expect(page.locator("#timeline")).to_have_attribute("aria-valuenow", "2.90")
    expect(page.locator("#faces .face")).to_contain_text("Person 1")
    content, name = download(page, "#save-csv")
    rows = list(csv.DictReader(content.decode().splitlines()))
    assert name == "astronaut.csv"
    assert {row["frame"] for row in rows} == {str(number) for number in range(30)}


def wait_until(page, condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        page.wait_for_timeout(50)


def hold_back(page, *, known, job=None, later_s=0.0):
    """Let the page know only the first frames of a film, however long it asks, and of its job what is said here."""
    job = {"state": "running"} if job is None else job

    def answer(route):
        with contextlib.suppress(sync_api.Error):  # the page has gone while it was asking
            response = route.fetch()
            content = response.json()
            after = int(re.search(r"after=(\d+)", route.request.url)[1])
            frames = content["frames"][: max(known - after, 0)]
            for frame in frames:
                frame["time_s"] += later_s
            content["job"]["start_s"] += later_s
            content["job"] |= job
            route.fulfill(response=response, json=content | {"frames": frames})

    page.route("**/v1/videos/*/result?*", answer)


def go_to(page, seconds):
    page.locator("#film").evaluate(
        """(video, seconds) => new Promise((resolve) => {
          video.addEventListener("seeked", resolve, { once: true });
          video.currentTime = seconds;
        })""",
        seconds,
    )


def seen(page, selector):
    """What somebody sees where an element is, whatever lies above it: (height, width, 3) uint8 RGB."""
    shot = page.screenshot(clip=page.locator(selector).bounding_box())
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"))


def test_what_has_not_been_analysed_yet_is_hidden_where_faces_are_blurred(page, film):
    hold_back(page, known=10)
    page.check("#blur")
    page.set_input_files("#file", film)
    expect(page.locator("#timeline")).to_have_attribute("data-frames", "10", timeout=30_000)
    go_to(page, 0.85)
    expect(page.locator("#veil")).to_be_hidden()
    expect(page.locator("#faces .face")).to_have_count(1)
    go_to(page, 1.05)  # the last frame that is known was at 0.9 s, and the next one is on
    expect(page.locator("#veil")).to_be_visible()
    expect(page.locator("#summary")).to_have_text("Not analysed.")
    assert painted(page, "#picture") == 0
    expect(page.locator("#save-picture")).to_be_disabled()
    below = seen(page, "#film")[10:40]  # above its own controls, and above the words
    assert np.ptp(below.reshape(-1, 3), axis=0).max() == 0
    page.uncheck("#blur")
    expect(page.locator("#veil")).to_be_hidden()
    assert download(page, "#save-picture")[0].startswith(b"\x89PNG")


def test_a_film_that_failed_is_hidden_and_not_saved_where_faces_are_blurred(page, film):
    hold_back(page, known=5, job={"state": "failed", "error": "astronaut.mp4: went wrong"})
    page.check("#blur")
    page.set_input_files("#file", film)
    expect(page.get_by_role("alert")).to_have_text("astronaut.mp4: went wrong", timeout=30_000)
    go_to(page, 0.65)
    expect(page.locator("#veil")).to_be_visible()
    expect(page.locator("#save-picture")).to_be_disabled()


def test_what_lies_beyond_the_limit_is_hidden_too(browser, film):
    from mien.web.settings import Limits

    with run_server(limits=Limits(max_film_s=1.0)) as port:
        context = browser.new_context(viewport=DESKTOP)
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{port}/")
        page.check("#blur")
        page.set_input_files("#file", film)
        expect(page.get_by_role("alert")).to_contain_text("goes on after 1 s", timeout=30_000)
        expect(page.locator("#progress")).to_be_hidden()
        page.locator("#timeline").press("End")
        expect(page.locator("#timeline")).to_have_attribute("aria-valuenow", "1.00")
        expect(page.locator("#veil")).to_be_hidden()
        expect(page.locator("#save-picture")).to_be_enabled()
        go_to(page, 1.25)
        expect(page.locator("#veil")).to_be_visible()
        expect(page.locator("#save-picture")).to_be_disabled()
        context.close()


def see_blurred(page, film, *, frames):
    """Give the page a film to blur, and wait until it is analysed."""
    page.check("#blur")
    page.set_input_files("#file", film)
    expect(page.locator("#timeline")).to_have_attribute("data-frames", frames, timeout=30_000)
    expect(page.locator("#progress")).to_be_hidden()


def test_of_a_film_only_the_canvas_and_the_controls_are_seen(page, film):
    def above_the_controls(hidden=None):
        if hidden:
            page.locator(hidden).evaluate("element => { element.style.visibility = 'hidden'; }")
        page.wait_for_timeout(300)  # for what is drawn to be on the screen
        return seen(page, "#frame")[10:250, 10:-10].astype(int)  # within its round corners

    see_blurred(page, film, frames="30")
    go_to(page, 0.5)
    expect(page.locator("#faces .face")).to_have_count(1)
    both = above_the_controls()
    assert np.ptp(seen(page, "#frame")[-60:].reshape(-1, 3), axis=0).min() > 200  # white signs on the dark
    alone = above_the_controls(hidden="#film")
    assert np.ptp(alone.reshape(-1, 3), axis=0).max() > 100
    assert (np.abs(both - alone).max(axis=2) <= 8).mean() > 0.99
    page.locator("#film").evaluate("video => { video.style.visibility = 'visible'; }")
    video = above_the_controls(hidden="#picture")
    assert np.ptp(video.reshape(-1, 3), axis=0).max() == 0


FACES = [[88, 36, 34, 40], [408, 36, 34, 40]]
"""Left, top, width and height of the face in `cut_film`, before the cut and after it."""

DETAIL = """() => {
  const context = document.querySelector("#picture").getContext("2d", { willReadFrequently: true });
  return (areas) => areas.map((area) => {
    const { data } = context.getImageData(...area);
    let sum = 0;
    for (let place = 4; place < data.length; place += 4) sum += Math.abs(data[place + 1] - data[place - 3]);
    return (4 * sum) / data.length;
  });
}"""


def cut_film(path, astronaut, *, begin_s=0.0, sound=None):
    """A film of 1 s: a face on the left, and after half of it on the right."""
    picture = np.asarray(Image.open(astronaut).convert("RGB").resize((240, 240)))
    frames = np.full((20, 240, 640, 3), 90, np.uint8)
    frames[:10, :, :240] = frames[10:, :, 320:560] = picture
    times = [begin_s + number / 20 for number in range(20)]
    return write_film(path, frames, times=times, rate=20, sound=sound, sound_s=2)


def test_a_face_is_covered_in_each_frame_of_a_film_that_plays(page, astronaut, tmp_path):
    def play():
        return page.locator("#film").evaluate(
            f"""async (video, areas) => {{
              const detail = ({DETAIL})();
              const seen = [];
              const look = () => {{ seen.push(detail(areas)); video.requestVideoFrameCallback(look); }};
              video.requestVideoFrameCallback(look);
              await video.play();
              await new Promise((resolve) => {{ video.onended = resolve; }});
              return seen;
            }}""",
            FACES,
        )

    page.set_input_files("#file", cut_film(tmp_path / "cut.mp4", astronaut))
    expect(page.locator("#timeline")).to_have_attribute("data-frames", "20", timeout=30_000)
    expect(page.locator("#progress")).to_be_hidden()
    sharp = np.array(play())
    page.check("#blur")
    blurred = np.array(play())
    assert len(blurred) > 5
    assert blurred.max() < 0.5 * sharp.max(axis=0).min()


@pytest.mark.parametrize(("name", "sound"), [("late.mp4", "aac"), ("late.mkv", "aac"), ("silent.mp4", None)])
def test_blur_lies_on_the_face_where_the_picture_begins_late(page, astronaut, tmp_path, name, sound):
    page.set_input_files("#file", cut_film(tmp_path / name, astronaut, begin_s=1.0, sound=sound))
    timeline = page.locator("#timeline")
    expect(timeline).to_have_attribute("data-frames", "20", timeout=30_000)
    expect(page.locator("#progress")).to_be_hidden()
    for seconds, face in ((1.25, 0), (1.75, 1)):
        go_to(page, seconds + 0.01)
        expect(timeline).to_have_attribute("aria-valuenow", f"{seconds:.2f}")
        sharp = page.evaluate(f"areas => ({DETAIL})()(areas)", FACES)
        page.check("#blur")
        blurred = page.evaluate(f"areas => ({DETAIL})()(areas)", FACES)
        page.uncheck("#blur")
        assert sharp[face] > 2 * max(blurred)
    timeline.press("Home")
    expect(timeline).to_have_attribute("aria-valuenow", "1.00")
    assert page.locator("#film").evaluate("video => video.currentTime") == 1.0


def test_the_last_frame_of_a_film_stays_known(page, film):
    see_blurred(page, film, frames="30")
    go_to(page, 3)
    expect(page.locator("#veil")).to_be_hidden()
    expect(page.locator("#faces .face")).to_have_count(1)


def test_a_film_that_the_browser_cannot_play_shows_nothing_of_the_last_face(page, astronaut, tmp_path):
    av = pytest.importorskip("av")
    path = tmp_path / "old.mp4"
    picture = np.asarray(Image.open(astronaut).convert("RGB").resize((240, 240)))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 240, 240, "yuv420p"
        for _ in range(2):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    page.check("#blur")
    page.set_input_files("#file", astronaut)
    expect(page.locator("#faces .face")).to_have_count(1)
    page.set_input_files("#file", path)
    expect(page.get_by_role("alert")).to_contain_text("this browser cannot play it")
    expect(page.locator("#faces .face")).to_contain_text("Person 1")
    expect(page.locator("#timeline")).to_have_role("img")  # there is nowhere to go to
    face = "canvas => canvas.getContext('2d').getImageData(95, 45, 20, 20).data.some(Boolean)"
    assert not page.locator("#picture").evaluate(face)


@pytest.fixture(scope="module")
def slow_film(astronaut, tmp_path_factory):
    """A film of three frames, 2 s each, coded in 360 x 480 and shown in 720 x 480: its pixels are wide."""
    av, cv2 = pytest.importorskip("av"), pytest.importorskip("cv2")
    path = tmp_path_factory.mktemp("slow") / "slow.mp4"
    picture = cv2.resize(cv2.imread(str(astronaut)), (360, 512), interpolation=cv2.INTER_AREA)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(1, 2))
        stream.width, stream.height, stream.pix_fmt = 360, 480, "yuv420p"
        stream.sample_aspect_ratio = Fraction(2, 1)
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture[:480].copy(), format="bgr24")))
        container.mux(stream.encode(None))
    return path


def test_a_frame_stands_until_the_next_one_however_long_that_is(page, slow_film):
    page.set_input_files("#file", slow_film)
    expect(page.locator("#timeline")).to_have_attribute("data-frames", "3", timeout=30_000)
    expect(page.locator("#progress")).to_be_hidden()
    go_to(page, 1.5)
    expect(page.locator("#faces .face")).to_have_count(1)
    for seconds, shown in ((3.5, "2.00"), (5.5, "4.00")):
        go_to(page, seconds)
        expect(page.locator("#timeline")).to_have_attribute("aria-valuenow", shown)


def test_boxes_and_blur_fit_a_film_whose_pixels_are_not_square(page, slow_film):
    see_blurred(page, slow_film, frames="3")
    go_to(page, 0.5)
    expect(page.locator("#faces .face")).to_have_count(1)
    assert page.locator("#film").evaluate("video => [video.videoWidth, video.videoHeight]") == [720, 480]
    assert page.locator("#picture").evaluate("canvas => [canvas.width, canvas.height]") == [720, 480]
    content, _ = download(page, "#save-json")
    frame = json.loads(content)["frames"][0]
    assert (frame["width"], frame["height"]) == (720, 480)
    x1, y1, x2, y2 = frame["faces"][0]["box"]
    opaque = page.locator("#picture").evaluate(
        "(canvas, places) => places.map(([x, y]) => canvas.getContext('2d').getImageData(x, y, 1, 1).data[3] === 255)",
        [[x, y] for x in (x1 + 2, (x1 + x2) / 2, x2 - 2) for y in (y1 + 2, (y1 + y2) / 2, y2 - 2)],
    )
    assert all(opaque)


def test_a_film_fills_the_screen_together_with_what_covers_its_faces(page, film):
    def full():
        return page.evaluate("document.fullscreenElement?.id ?? null")

    page.set_input_files("#file", film)
    expect(page.locator("#timeline")).to_have_attribute("data-frames", "30", timeout=30_000)
    video = page.locator("#film")
    assert video.evaluate("video => [...video.controlsList]") == ["nofullscreen", "noremoteplayback"]
    assert video.evaluate("video => video.disablePictureInPicture && video.disableRemotePlayback")
    page.click("#fullscreen")
    wait_until(page, lambda: full() == "frame")
    shown = page.locator("#picture").bounding_box()
    assert shown == video.bounding_box()
    assert shown == page.locator("#frame").bounding_box()
    page.evaluate("document.exitFullscreen()")
    video.evaluate("video => video.requestFullscreen()")  # by a browser that does not know the list of controls
    page.wait_for_timeout(300)
    wait_until(page, lambda: full() != "film")


def test_the_timeline_of_a_film_begins_where_its_clock_begins(page, film):
    hold_back(page, known=30, job={}, later_s=40_000)
    page.set_input_files("#file", film)
    timeline = page.locator("#timeline")
    expect(timeline).to_have_attribute("data-frames", "30", timeout=30_000)
    expect(timeline).to_have_attribute("aria-valuemin", "40000.00")
    expect(timeline).to_have_attribute("aria-valuemax", "40002.90")
    go_to(page, 0.51)
    expect(timeline).to_have_attribute("aria-valuenow", "40000.50")
    timeline.press("End")
    expect(timeline).to_have_attribute("aria-valuenow", "40002.90")


def test_a_page_that_is_left_has_its_film_forgotten(page, port, film):
    jobs = []
    page.on("request", lambda request: jobs.extend(re.findall(r"/v1/videos/(\w+)/result", request.url)))
    hold_back(page, known=10)
    page.set_input_files("#file", film)
    expect(page.locator("#timeline")).to_have_attribute("data-frames", "10", timeout=30_000)
    address = f"http://127.0.0.1:{port}/v1/videos/{jobs[0]}"

    def is_there():
        try:
            urllib.request.urlopen(address).close()
        except urllib.error.HTTPError as error:
            return error.code != 404
        return True

    assert is_there()
    page.goto("about:blank")
    wait_until(page, lambda: not is_there())


def test_photos_that_are_cancelled_while_they_are_decoded_do_not_appear(page, astronaut):
    page.evaluate(
        """() => {
          const make = window.createImageBitmap;
          window.createImageBitmap = (...given) => new Promise((resolve) => {
            window.decode = () => make(...given).then((bitmap) => { window.decoded = bitmap; resolve(bitmap); });
          });
        }"""
    )
    page.set_input_files("#file", astronaut)
    wait_until(page, lambda: page.evaluate("Boolean(window.decode)"))
    page.click("#cancel")
    page.evaluate("window.decode()")
    wait_until(page, lambda: page.evaluate("window.decoded?.width === 0"))  # closed: its memory is free
    expect(page.locator("#work")).to_be_hidden()


def test_what_is_given_before_the_server_has_said_what_it_offers_waits(browser, port, astronaut):
    context = browser.new_context(viewport=DESKTOP)
    page = context.new_page()
    complaints, held = [], []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.route("**/v1/models", lambda route: held.append(route))
    page.goto(f"http://127.0.0.1:{port}/")
    page.set_input_files("#file", astronaut)
    page.wait_for_timeout(200)
    held[0].continue_()
    expect(page.locator("#faces .face")).to_have_count(1)
    assert complaints == []
    context.close()


def test_the_webcam_shows_boxes_and_grows_a_timeline(page):
    page.click("#webcam")
    timeline = page.locator("#timeline")
    expect(timeline).to_have_attribute("data-frames", re.compile(r"^\d\d+$"), timeout=30_000)
    expect(page.locator("#faces .face")).to_contain_text("happiness")
    expect(page.locator("#meter")).to_contain_text("frames/s")
    before = int(timeline.get_attribute("data-frames"))
    page.wait_for_timeout(1000)
    assert int(timeline.get_attribute("data-frames")) > before + 3
    assert painted(page, "#timeline") > 1000
    expect(timeline).to_have_role("img")  # there is nowhere to go to
    assert timeline.get_attribute("tabindex") is None
    page.click("#webcam")
    stopped = int(timeline.get_attribute("data-frames"))
    page.wait_for_timeout(500)
    assert int(timeline.get_attribute("data-frames")) <= stopped + 2
    content, _ = download(page, "#save-csv")
    assert len(content.splitlines()) > 10
    page.select_option("#model", "mien-compact/ferplus8")  # for the next time: what is there was answered by another
    assert download(page, "#save-csv")[0] == content


def test_everything_can_be_reached_with_the_keyboard(page, astronaut):
    # Interception begins a moment after it is asked for, so it is asked for long before the chooser opens.
    page.on("filechooser", lambda chooser: chooser.set_files(astronaut))
    page.wait_for_timeout(300)
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("#file")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#faces .face")).to_have_count(1, timeout=20_000)
    for name in ("webcam", "model", "detector", "threshold", "blur"):
        page.keyboard.press("Tab")
        expect(page.locator(f"#{name}")).to_be_focused()
    page.keyboard.press("Space")
    expect(page.get_by_role("switch", name="Blur faces")).to_be_checked()
    for name in ("save-csv", "save-json", "save-picture"):
        page.keyboard.press("Tab")
        expect(page.locator(f"#{name}")).to_be_focused()
    page.keyboard.press("Tab")
    face = page.locator("#faces .face")
    expect(face).to_be_focused()
    page.keyboard.press("Enter")
    expect(face).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Escape")
    expect(face).to_have_attribute("aria-pressed", "false")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_needs_no_scrolling_to_the_side(browser, port, astronaut, scheme):
    context = browser.new_context(viewport=PHONE, color_scheme=scheme, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{port}/")
    page.set_input_files("#file", astronaut)
    expect(page.locator("#faces .face")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(21, 22, 26)"
    assert dark == (scheme == "dark")
    for button in page.locator("button:visible").all():
        assert button.bounding_box()["height"] >= 40
    context.close()


def test_the_table_of_events_needs_no_scrolling_of_the_page(page, film):
    page.set_viewport_size({"width": 360, "height": 700})
    page.set_input_files("#file", film)
    expect(page.locator("#timeline")).to_have_attribute("data-frames", "30", timeout=30_000)
    expect(page.locator("#progress")).to_be_hidden()
    page.click("details summary")
    expect(page.locator("#events tr").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_server_with_a_key_asks_for_it(browser, astronaut):
    with run_server(api_key="ключ +/") as port:
        context = browser.new_context(viewport=DESKTOP)
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{port}/")
        for title, key in (("This server asks for a key", "wrong"), ("That key is wrong", "ключ +/")):
            expect(page.locator("#key-title")).to_have_text(title)
            page.locator("#key").fill(key)
            page.keyboard.press("Enter")
        expect(page.locator("#model option").first).to_be_attached()
        page.set_input_files("#file", astronaut)
        expect(page.locator("#faces .face")).to_have_count(1)
        page.click("#webcam")
        expect(page.locator("#timeline")).to_have_attribute("data-frames", re.compile(r"^\d+$"), timeout=30_000)
        context.close()
