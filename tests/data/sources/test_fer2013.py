import io

import numpy as np
import pytest
from PIL import Image

from mien.data.sources.fer2013 import read_fer2013
from mien.data.votes import VOTE_COLUMNS
from mien.errors import DataError
from mien.model_card import FER2013_CROP

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


def columns(count=4):
    draw = np.random.default_rng(0)
    faces = draw.integers(0, 256, (count, 48, 48), dtype=np.uint8)
    pictures = []
    for number, face in enumerate(faces):
        buffer = io.BytesIO()
        Image.fromarray(face).save(buffer, "PNG")
        pictures.append({"bytes": buffer.getvalue(), "path": f"fer{number:07d}.png"})
    content = {
        "image": pictures,
        "emotion": list(range(count)),
        "usage": ["Training", "PublicTest"] * (count // 2),
        **{f"votes_{name}": [1] * (count - 1) + [None] for name in VOTE_COLUMNS},
    }
    return content, faces


def write(path, content, rows_a_group=3):
    parquet.write_table(pyarrow.table(content), path, row_group_size=rows_a_group)
    return path


def test_reads_pictures_labels_and_votes(tmp_path):
    content, faces = columns()
    samples = read_fer2013(write(tmp_path / "f.parquet", content), spec=FER2013_CROP)
    assert (samples.crops[:, 0] == faces).all()
    assert samples.fer7.tolist() == [0, 1, 2, 3]
    assert samples.ids.tolist() == [f"fer{number:07d}.png" for number in range(4)]
    assert (samples.votes[:3] == 1).all()
    assert np.isnan(samples.votes[3]).all()
    chosen = read_fer2013(tmp_path / "f.parquet", spec=FER2013_CROP, splits=["PublicTest"])
    assert chosen.fer7.tolist() == [1, 3]


def test_wrong_files_say_what_is_wrong(tmp_path):
    with pytest.raises(DataError, match=r"none\.parquet: no such file"):
        read_fer2013(tmp_path / "none.parquet", spec=FER2013_CROP)
    (tmp_path / "text.parquet").write_text("emotion,pixels,Usage")
    with pytest.raises(DataError, match=r"text\.parquet: is not a Parquet file"):
        read_fer2013(tmp_path / "text.parquet", spec=FER2013_CROP)
    content, _ = columns()
    del content["usage"]
    with pytest.raises(DataError, match="column 'usage' is missing; there are image, emotion"):
        read_fer2013(write(tmp_path / "a.parquet", content), spec=FER2013_CROP)
    content, _ = columns()
    content["emotion"][2] = 9
    with pytest.raises(DataError, match=r"'emotion' has codes outside 0\.\.6"):
        read_fer2013(write(tmp_path / "b.parquet", content), spec=FER2013_CROP)
    content, _ = columns()
    content["image"][1]["bytes"] = b"broken"
    with pytest.raises(DataError, match=r"picture fer0000001\.png: 6 bytes: is not a picture"):
        read_fer2013(write(tmp_path / "c.parquet", content), spec=FER2013_CROP)
