"""The same picture is found again; other pictures are not taken for it."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from mien.data import duplicates
from mien.data.duplicates import find_duplicates, fingerprints, near_repeated_in
from mien.data.samples import read_samples
from mien.inference.image import read_picture
from mien.model_card import FER2013_CROP


@pytest.fixture(scope="module")
def pictures(faces) -> list[np.ndarray]:
    """48 different faces as RGB."""
    return [read_picture(face.image) for face in faces]


def shifted(picture: np.ndarray) -> np.ndarray:
    """The picture one pixel to the right."""
    return np.roll(picture, 1, axis=1)


def watermarked(picture: np.ndarray) -> np.ndarray:
    """The picture with letters across it."""
    return cv2.putText(picture.copy(), "stock", (4, 30), cv2.FONT_HERSHEY_SIMPLEX, 0.35, (200, 200, 200))


def brighter(picture: np.ndarray) -> np.ndarray:
    """The picture with more light and less contrast."""
    return (picture * 0.8 + 40).astype(np.uint8)


def compressed(picture: np.ndarray) -> np.ndarray:
    """The picture after JPEG."""
    return cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], cv2.IMREAD_COLOR)


def enlarged(picture: np.ndarray) -> np.ndarray:
    """The picture at twice the size."""
    return cv2.resize(picture, (96, 96))


def mirrored(picture: np.ndarray) -> np.ndarray:
    """The picture in a mirror."""
    return np.ascontiguousarray(picture[:, ::-1])


def test_different_faces_are_no_duplicates(pictures) -> None:
    found = find_duplicates(fingerprints(pictures))
    assert (found.exact, found.near) == ([], [])


def test_the_same_pixels_are_exact_duplicates(pictures) -> None:
    found = find_duplicates(fingerprints([*pictures, pictures[3].copy(), pictures[5].copy(), pictures[3].copy()]))
    assert found.exact == [(3, 48, 50), (5, 49)]
    assert found.near == found.exact


def test_one_pixel_makes_them_near_and_not_exact(pictures) -> None:
    other = pictures[3].copy()
    other[0, 0] ^= 1
    found = find_duplicates(fingerprints([*pictures, other]))
    assert (found.exact, found.near) == ([], [(3, 48)])


@pytest.mark.parametrize(
    ("change", "at_least"),
    [(shifted, 0.8), (watermarked, 0.8), (brighter, 1.0), (compressed, 1.0), (enlarged, 1.0), (mirrored, 0.95)],
)
def test_changed_copies_are_near_duplicates(pictures, change, at_least: float) -> None:
    copies = [change(picture) for picture in pictures]
    found = find_duplicates(fingerprints([*pictures, *copies]))
    right = [group for group in found.near if len(group) == 2 and group[1] == group[0] + 48]
    assert len(found.near) == len(right), "a copy was taken for another picture's"
    assert len(right) >= at_least * 48


def test_the_mirrored_hash_is_the_hash_of_the_mirror(pictures) -> None:
    prints = fingerprints(pictures)
    turned = fingerprints([mirrored(picture) for picture in pictures])
    assert (prints.mirrored != turned.hashes).sum(axis=1).max() <= 4


def test_blank_pictures_are_like_nothing_but_their_equals(pictures) -> None:
    black, white = np.zeros((48, 48, 3), np.uint8), np.full((48, 48, 3), 255, np.uint8)
    noise = np.random.default_rng(0).integers(0, 2, (48, 48, 3)).astype(np.uint8)
    found = find_duplicates(fingerprints([*pictures, black, white, noise, black]))
    assert (found.exact, found.near) == ([(48, 51)], [(48, 51)])


def test_gray_and_colour_are_near_and_not_exact(pictures) -> None:
    found = find_duplicates(fingerprints([pictures[0], pictures[0][..., 0]]))
    assert (found.exact, found.near) == ([], [(0, 1)])


def test_no_pictures_and_one_picture(pictures) -> None:
    for few in ([], pictures[:1]):
        found = find_duplicates(fingerprints(few))
        assert (found.exact, found.near) == ([], [])


def test_blocks_do_not_change_the_result(pictures, monkeypatch) -> None:
    prints = fingerprints([*pictures, *(shifted(picture) for picture in pictures)])
    whole = find_duplicates(prints).near
    monkeypatch.setattr("mien.data.duplicates.BLOCK", 7)
    assert sorted(find_duplicates(prints).near) == sorted(whole)


def test_what_stays_is_of_the_test_split_and_the_first(pictures) -> None:
    copies = [pictures[0], pictures[1], pictures[0], pictures[1], pictures[0], brighter(pictures[2]), pictures[2]]
    found = find_duplicates(fingerprints(copies))
    splits = ["Training", "train", "PrivateTest", "validation", "PrivateTest", "Training", "Training"]
    assert found.repeats(splits, near=False) == {0, 1, 4}
    assert found.repeats(splits, near=True) == {0, 1, 4, 6}


def test_evaluation_can_leave_out_what_was_trained_on(faces, make_table) -> None:
    twin = replace(faces[0], split="PrivateTest", path="twin.png")
    from mien.data.encoding import encode_png

    near = replace(twin, image=encode_png(brighter(read_picture(faces[1].image))), path="near.png")
    samples = read_samples(make_table([*faces, twin, near]).path, spec=FER2013_CROP)
    test, training = samples.of_split("PrivateTest"), samples.of_split("Training")
    assert test.ids[near_repeated_in(test, training)].tolist() == ["twin.png", "near.png"]
    assert not near_repeated_in(training, samples.of_split("PublicTest")).any()


def test_fer2013s_private_test_stands_in_training(shared: Path) -> None:
    samples = read_samples(shared / "data" / "fer2013.parquet", spec=FER2013_CROP)
    pixels = [crop[0] for crop in samples.crops]
    groups = find_duplicates(fingerprints(pixels))
    splits = samples.split

    def also_in_training(split: str, found: list[tuple[int, ...]]) -> int:
        return sum((splits[list(group)] == split).sum() for group in found if (splits[list(group)] == "Training").any())

    assert also_in_training("PrivateTest", groups.exact) == 289
    assert also_in_training("PublicTest", groups.exact) == 280
    assert also_in_training("PrivateTest", groups.near) == 635
    assert also_in_training("PublicTest", groups.near) == 620


def test_of_many_like_one_another_each_is_compared_once(pictures, monkeypatch) -> None:
    draw = np.random.default_rng(0)
    film = [np.clip(pictures[0] + draw.normal(0, 3, (48, 48, 1)), 0, 255).astype(np.uint8) for _ in range(60)]
    compared = []
    real = duplicates._correlation

    def count(*arguments) -> float:
        compared.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(duplicates, "_correlation", count)
    found = find_duplicates(fingerprints([*pictures, *film]))
    assert found.near == [(0, *range(48, 108))]
    assert len(compared) < 2 * len(film)  # and not the 1,830 pairs that there are
