from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
import timm
import torch
from huggingface_hub import constants
from safetensors.torch import save_file
from torch.nn import functional

from mien.errors import RecipeError, UsageError, WeightsError
from mien.training.model_recipe import Compact, Lean
from mien.training.networks.building import build_network
from mien.training.networks.compact import CompactNet
from mien.training.networks.ensemble import Average
from mien.training.networks.lean import LeanNet
from mien.training.networks.parts import Standardise
from mien.training.recipe import Recipe
from mien.training.recipe_files import write_recipe

HEADS = {"fer7": 7, "ferplus8": 8}
PIXELS = torch.randint(0, 256, (5, 1, 48, 48), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
TINY = "resnet10t"
LEAN = {"kind": "lean", "widths": [8, 16], "depths": [0, 1]}


def build(model, **more):
    return build_network(
        Recipe(name="a", heads={"fer7": {}, "raf6": {"task": "multi", "target": "votes"}}, model=model, **more)
    )


@pytest.fixture
def hub_of(monkeypatch, tmp_path):
    """Puts another address in the place of the hub; what is downloaded lies in a folder of the test."""

    def move(address):
        template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, address)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "ENDPOINT", address)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))

    return move


@contextmanager
def served(path):
    """Serve a file as the hub does, and list what is asked for."""
    asked = []

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self):
            asked.append(f"{self.command} {self.path}")
            self.send_response(200)
            self.send_header("Content-Length", str(path.stat().st_size))
            self.send_header("ETag", '"a"')
            self.send_header("X-Repo-Commit", "0" * 40)
            self.end_headers()

        def do_GET(self):
            self.do_HEAD()
            self.wfile.write(path.read_bytes())

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


def test_the_shipped_size_is_under_two_million():
    count = sum(p.numel() for p in CompactNet(Compact(), HEADS, channels=1).parameters())
    assert count == pytest.approx(1.59e6, rel=0.01)


@pytest.mark.parametrize(
    "model",
    [
        {"kind": "compact", "widths": [8, 16], "depths": [1, 1]},
        {"kind": "compact", "widths": [8, 8, 8, 8], "depths": [1, 1, 1, 1]},
        {"kind": "lean", "widths": [8, 16], "depths": [0, 1]},
        {"kind": "lean", "widths": [8, 16, 24], "depths": [1, 0, 1], "stem_stride": 2, "mirrored": True},
        {"kind": "cnn", "stages": [[8], [16, 16]], "dense": [{"units": 12}]},
        {"kind": "cnn", "stages": [[8]], "batch_norm": False, "pool": "average", "dense": []},
        {"kind": "mlp", "dense": [{"units": 12, "batch_norm": False}]},
        {"kind": "timm", "backbone": TINY, "pretrained": False, "dense": [{"units": 12, "dropout": 0.5}]},
        {"kind": "timm", "backbone": TINY, "pretrained": False, "size": 64},
    ],
)
@pytest.mark.parametrize(("color", "channels", "size"), [("gray", 1, 48), ("rgb", 3, 40), ("gray", 1, 51)])
def test_every_kind_answers_all_heads(model, color, channels, size):
    network = build(model, crop={"size": size, "color": color}).eval()
    logits = network(torch.zeros(5, channels, size, size, dtype=torch.uint8))
    assert {name: tuple(values.shape) for name, values in logits.items()} == {"fer7": (5, 7), "raf6": (5, 6)}
    assert all(values.dtype == torch.float32 for values in logits.values())


def test_impossible_networks():
    with pytest.raises(RecipeError, match=r"6 poolings leave nothing of 48 pixels"):
        build({"kind": "cnn", "stages": [[8]] * 6})
    with pytest.raises(RecipeError, match=r"2 widths and 1 depths"):
        build({"kind": "compact", "widths": [8, 16], "depths": [1]})
    with pytest.raises(RecipeError, match=r"1 widths and 2 depths"):
        build({"kind": "lean", "widths": [8], "depths": [1, 1]})
    with pytest.raises(RecipeError, match=r"model\.depths: stage 2 of compact has no block"):
        build({"kind": "compact", "widths": [8, 16], "depths": [1, 0]})
    with pytest.raises(UsageError, match=r"unknown backbone 'resnet5'\. Did you mean"):
        build({"kind": "timm", "backbone": "resnet5"})
    with pytest.raises(RecipeError, match=r"timm cannot make resnet18\.none \(.*\); choose another name"):
        build({"kind": "timm", "backbone": "resnet18.none", "pretrained": False})


def test_standardise_takes_light_out():
    x = torch.rand(4, 1, 48, 48) * 200
    y = Standardise()(x)
    assert y.mean(dim=(1, 2, 3)) == pytest.approx(torch.zeros(4), abs=1e-4)
    assert y.std(dim=(1, 2, 3)) == pytest.approx(torch.ones(4), abs=1e-3)
    assert torch.allclose(Standardise()(x * 0.5 + 30), y, atol=1e-3)
    assert (Standardise()(torch.full((1, 1, 8, 8), 77.0)) == 0).all()


@pytest.mark.parametrize(("family", "settings"), [(CompactNet, Compact), (LeanNet, partial(Lean, kind="lean"))])
def test_mirrored_gives_a_picture_and_its_mirror_image_the_same_answer(family, settings):
    torch.manual_seed(0)
    plain = family(settings(widths=(8, 16), depths=(1, 1)), HEADS, channels=1).eval()
    mirrored = family(settings(widths=(8, 16), depths=(1, 1), mirrored=True), HEADS, channels=1).eval()
    mirrored.load_state_dict(plain.state_dict())
    expected = (plain(PIXELS)["fer7"] + plain(PIXELS.flip(3))["fer7"]) / 2
    assert torch.allclose(mirrored(PIXELS)["fer7"], expected, atol=1e-5)
    assert torch.allclose(mirrored(PIXELS.flip(3))["fer7"], expected, atol=1e-5)
    assert not torch.allclose(plain(PIXELS)["fer7"], expected, atol=1e-4)


def test_an_ensemble_averages_probabilities():
    members = [build({"kind": "mlp", "dense": []}, seed=seed).eval() for seed in range(3)]
    answers = [member(PIXELS) for member in members]
    found = Average(members, ["fer7"])(PIXELS)
    softmax = torch.stack([functional.softmax(answer["fer7"], 1) for answer in answers]).mean(0)
    sigmoid = torch.stack([torch.sigmoid(answer["raf6"]) for answer in answers]).mean(0)
    assert torch.allclose(functional.softmax(found["fer7"], 1), softmax, atol=1e-6)
    assert torch.allclose(torch.sigmoid(found["raf6"]), sigmoid, atol=1e-6)


def test_members_of_an_ensemble_answer_with_its_tasks(tmp_path):
    several = {"labels": "ferplus8", "task": "multi", "target": "votes"}
    member = Recipe(name="a", heads={"several": several}, model={"kind": "mlp", "dense": []})
    write_recipe(member, tmp_path / "recipe.toml")
    save_file(build_network(member).state_dict(), tmp_path / "best.safetensors")
    members = {"kind": "ensemble", "members": [str(tmp_path)] * 2}
    assert build_network(Recipe(name="b", heads={"several": several}, model=members))
    one = {"labels": "ferplus8", "target": "votes"}
    with pytest.raises(RecipeError, match=r"heads\.several\.task is 'multi' there, 'single' in the ensemble"):
        build_network(Recipe(name="b", heads={"several": one}, model=members))


class TestBackbone:
    def test_what_a_recipe_starts_from_has_the_backbone_too(self, monkeypatch):
        """Without a network nothing that is overwritten anyway can be downloaded."""
        made = timm.create_model

        def offline(name, *, pretrained, **options):
            assert not pretrained
            return made(name, pretrained=False, **options)

        monkeypatch.setattr(timm, "create_model", offline)
        assert build({"kind": "timm", "backbone": TINY}, start="runs/earlier")

    def test_a_gray_picture_is_an_rgb_picture_whose_channels_are_equal(self):
        network = build({"kind": "timm", "backbone": TINY, "pretrained": False}).eval()
        gray, rgb = network(PIXELS)["fer7"], network(PIXELS.expand(-1, 3, -1, -1))["fer7"]
        assert torch.allclose(gray, rgb, atol=1e-5)

    def test_weights_of_a_file(self, tmp_path):
        other = timm.create_model(TINY, pretrained=False, num_classes=10)
        save_file(other.state_dict(), tmp_path / "w.safetensors")
        network = build({"kind": "timm", "backbone": TINY, "pretrained": str(tmp_path / "w.safetensors")})
        assert torch.equal(network.backbone.conv1[0].weight, other.conv1[0].weight)

    @pytest.mark.parametrize(
        ("content", "problem"), [(None, "no such file"), (b"nonsense", f"holds no weights for {TINY}")]
    )
    def test_a_file_that_is_none(self, tmp_path, content, problem):
        path = tmp_path / "w.safetensors"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(WeightsError, match=problem):
            build({"kind": "timm", "backbone": TINY, "pretrained": str(path)})

    def test_without_a_network_the_error_says_how_to_place_the_weights(self, monkeypatch, tmp_path):
        def offline(*args, **options):
            raise OSError("We couldn't connect to the hub")

        monkeypatch.setattr(timm, "create_model", offline)
        with pytest.raises(WeightsError, match=r'cannot be downloaded.*--set model.pretrained="FILE"'):
            build({"kind": "timm", "backbone": TINY})

    def test_the_hub_is_asked_once_where_it_is_out_of_reach(self, hub_of, monkeypatch):
        def wait(seconds):
            raise AssertionError(f"waited for {seconds} s")

        hub_of("http://127.0.0.1:9")  # the port of no service
        monkeypatch.setattr("time.sleep", wait)
        with pytest.raises(WeightsError, match=r"cannot be downloaded \(http://127.0.0.1:9 does not answer: .*refused"):
            build({"kind": "timm", "backbone": TINY})
        assert not constants.HF_HUB_OFFLINE

    def test_weights_come_from_the_hub_and_once_there_without_it(self, hub_of, tmp_path):
        other = timm.create_model(TINY, pretrained=False)
        save_file(other.state_dict(), tmp_path / "model.safetensors")
        with served(tmp_path / "model.safetensors") as (address, asked):
            hub_of(address)
            network = build({"kind": "timm", "backbone": TINY})
        assert torch.equal(network.backbone.conv1[0].weight, other.conv1[0].weight)
        assert asked[0] == "HEAD /"
        assert any(line.startswith("GET /timm/resnet10t") for line in asked)
        again = build({"kind": "timm", "backbone": TINY})
        assert torch.equal(again.backbone.conv1[0].weight, other.conv1[0].weight)

    def test_frozen_parts_keep_weights_and_statistics_and_thaw_from_the_end(self):
        model = {"kind": "timm", "backbone": TINY, "pretrained": False, "frozen": True, "unfreeze_every": 2}
        network = build(model).train()
        before = {name: value.clone() for name, value in network.backbone.state_dict().items()}
        network(PIXELS)
        assert all(torch.equal(before[name], value) for name, value in network.backbone.state_dict().items())
        assert not any(p.requires_grad for p in network.backbone.parameters())
        assert all(p.requires_grad for p in network.heads.parameters())
        parts = [part for part in network.backbone.children() if list(part.parameters())]
        network.thaw(3)
        assert [all(p.requires_grad for p in part.parameters()) for part in parts] == [False] * (len(parts) - 1) + [
            True
        ]
        assert [part.training for part in (network.backbone.bn1, network.backbone.layer4[0].bn1)] == [False, True]
        network.thaw(100)
        assert all(p.requires_grad for p in network.backbone.parameters())

    def test_pictures_that_are_too_small(self):
        with pytest.raises(WeightsError, match=r"give it a larger model.size"):
            build({"kind": "timm", "backbone": "inception_resnet_v2", "pretrained": False})
