from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien.errors import UsageError, VideoError
from mien.inference.video.frames import Part, open_film


@pytest.fixture
def folder(tmp_path):
    for number in range(12):
        Image.fromarray(np.full((8, 10, 3), 20 * number, np.uint8)).save(tmp_path / f"frame{number}.png")
    return tmp_path


def read(film, part=None, after=None):
    problems = []
    return list(film.frames(part or Part(), after=after, on_problem=problems.append)), problems


def test_numbers_in_names_are_numbers(folder):
    film = open_film(folder, rate=10)
    frames, problems = read(film)
    assert problems == []
    assert [frame.pixels[0, 0, 0] // 20 for frame in frames] == list(range(12))
    assert [frame.time_s for frame in frames] == pytest.approx([number / 10 for number in range(12)])
    assert film.expected_frames(Part()) == 12


def test_parts(folder):
    film = open_film(folder, rate=10)
    assert [frame.index for frame in read(film, Part(0.25, 1.0, 2))[0]] == [4, 6, 8]
    assert film.expected_frames(Part(0.25, 1.0, 2)) == 3
    assert [frame.index for frame in read(film, after=(9, 0.9))[0]] == [10, 11]


def test_a_broken_picture_leaves_a_gap(folder):
    (folder / "frame5.png").write_bytes(b"broken")
    frames, problems = read(open_film(folder))
    assert [frame.index for frame in frames] == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11]
    assert "frame5.png" in problems[0]


def test_no_pictures_and_no_rate(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(VideoError, match="no pictures in this folder"):
        open_film(tmp_path / "empty")
    with pytest.raises(UsageError, match="rate is 0"):
        open_film(folder, rate=0)


def test_a_folder_that_may_not_be_read_is_one_line(tmp_path, monkeypatch):
    def refused(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refused)  # whoever tests as root may read everything
    with pytest.raises(VideoError, match=r"cannot be read \(Permission denied\)"):
        open_film(tmp_path)
