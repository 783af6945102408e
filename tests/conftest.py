import os
import signal
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from PIL import Image

from mien.data.encoding import encode_png
from mien.data.record import Record, TableMeta
from mien.data.samples import Samples, read_samples
from mien.data.table import open_table
from mien.data.votes import VOTE_COLUMNS
from mien.inference.image import read_picture
from mien.labels import FER7
from mien.model_card import FER2013_CROP

REPOSITORY = Path(__file__).parent.parent

# How long an example takes says nothing on a machine that is busy.
settings.register_profile("mien", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("mien")

# A shell that starts the tests in the background has them, and all that they start, not hear Ctrl-C.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Data, models and photographs of other people, which are not in the repository."""
    folder = Path(os.environ.get("MIEN_SHARED", REPOSITORY.parent / "shared"))
    if not (folder / "data" / "fer2013.parquet").is_file():
        pytest.skip(f"{folder} holds no data/fer2013.parquet; set MIEN_SHARED to the folder that does")
    return folder


@pytest.fixture(scope="session")
def astronaut() -> Path:
    return REPOSITORY / "examples" / "astronaut.jpg"


@pytest.fixture(scope="session")
def astronaut_pixels(astronaut: Path) -> np.ndarray:
    with Image.open(astronaut) as picture:
        return np.asarray(picture.convert("RGB"))


@pytest.fixture(scope="session")
def public_test(shared: Path) -> Samples:
    return read_samples(shared / "data" / "fer2013.parquet", spec=FER2013_CROP, splits=["PublicTest"])


@pytest.fixture
def full_disk():
    """A context in which files of more than 16 kB cannot be written, as on a disk with no room for them."""
    resource = pytest.importorskip("resource", reason="no limits on files here")

    @contextmanager
    def full():
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (16_384, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return full


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder for pulled weight files."""
    monkeypatch.setenv("MIEN_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MIEN_MIRROR", raising=False)
    return tmp_path / "home"


@pytest.fixture
def drawn_samples() -> Samples:
    """Sixty-four random pictures with labels and votes, the last four without votes, in two splits."""
    draw = np.random.default_rng(0)
    votes = draw.multinomial(10, [0.3, 0.2, 0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.03, 0.02], 64).astype(np.float32)
    votes[-4:] = np.nan
    crops = draw.integers(0, 256, (64, 1, 48, 48), dtype=np.uint8)
    codes = draw.integers(0, 7, 64)
    return Samples(
        ids=np.array([f"drawn{number:02d}" for number in range(64)]),
        crops=crops,
        fer7=codes,
        votes=votes,
        split=np.array(["Training"] * 48 + ["PublicTest"] * 16),
        codes=codes,
        present=np.zeros((64, 7), bool),
        meta=TableMeta(FER7, license="", layout="drawn", votes=VOTE_COLUMNS),
        asked=np.zeros(64, bool),
    )


@pytest.fixture(scope="session")
def faces(shared: Path) -> tuple[Record, ...]:
    """48 different faces of FER-2013 with votes: 24 of Training, 12 of PublicTest, 12 of PrivateTest."""
    wanted = {"Training": 24, "PublicTest": 12, "PrivateTest": 12}
    chosen: list[Record] = []
    table = open_table(shared / "data" / "fer2013.parquet")
    seen: set[bytes] = set()
    groups = list(islice(table.groups(), 9))
    for group in (groups[0], *groups[7:]):
        for record in group:
            left = wanted[record.split] - sum(other.split == record.split for other in chosen)
            if left > 0 and record.votes is not None and record.image not in seen:
                seen.add(record.image)
                chosen.append(record)
    assert len(chosen) == 48
    return tuple(chosen)


@pytest.fixture(scope="session")
def pngs(faces: tuple[Record, ...]) -> tuple[bytes, ...]:
    """The same faces as gray PNG files."""
    return tuple(encode_png(np.ascontiguousarray(read_picture(face.image)[..., 0])) for face in faces)


@pytest.fixture(scope="session")
def small_fer2013(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """FER-2013's own columns, the first 300 pictures of Training and of PublicTest, and 20 of Training in both."""
    parquet = pytest.importorskip("pyarrow.parquet")
    file = parquet.ParquetFile(shared / "data" / "fer2013.parquet")
    table = file.read()
    usage = np.array(table["usage"].to_pylist())
    rows = [np.flatnonzero(usage == split)[:300] for split in ("Training", "PublicTest")]
    chosen = table.take(np.concatenate([rows[0], rows[1]]))
    twins = table.take(rows[0][:20]).to_pylist()
    again = [row | {"usage": "PublicTest", "image": row["image"] | {"path": f"twin{n}"}} for n, row in enumerate(twins)]
    path = tmp_path_factory.mktemp("small") / "fer2013.parquet"
    import pyarrow

    added = pyarrow.Table.from_pylist(again, schema=table.schema)
    parquet.write_table(pyarrow.concat_tables([chosen.unify_dictionaries(), added.unify_dictionaries()]), path)
    return path
