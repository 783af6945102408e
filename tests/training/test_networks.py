import pytest
import torch

from mien.training.networks import CompactNet, Standardise

HEADS = {"fer7": 7, "ferplus8": 8}


def test_the_shipped_size_is_under_two_million():
    count = sum(p.numel() for p in CompactNet(HEADS).parameters())
    assert count == pytest.approx(1.59e6, rel=0.01)


@pytest.mark.parametrize(("channels", "size"), [(1, 48), (3, 64)])
def test_shapes(channels, size):
    net = CompactNet(HEADS, channels=channels, widths=(8, 16), depths=(1, 1)).eval()
    logits = net(torch.zeros(5, channels, size, size, dtype=torch.uint8))
    assert {name: tuple(values.shape) for name, values in logits.items()} == {"fer7": (5, 7), "ferplus8": (5, 8)}
    assert all(values.dtype == torch.float32 for values in logits.values())


def test_standardise_takes_light_out():
    x = torch.rand(4, 1, 48, 48) * 200
    y = Standardise()(x)
    assert y.mean(dim=(1, 2, 3)) == pytest.approx(torch.zeros(4), abs=1e-4)
    assert y.std(dim=(1, 2, 3)) == pytest.approx(torch.ones(4), abs=1e-3)
    assert torch.allclose(Standardise()(x * 0.5 + 30), y, atol=1e-3)
    assert (Standardise()(torch.full((1, 1, 8, 8), 77.0)) == 0).all()


def test_mirrored_gives_a_picture_and_its_mirror_image_the_same_answer():
    torch.manual_seed(0)
    plain = CompactNet(HEADS, widths=(8, 16), depths=(1, 1)).eval()
    mirrored = CompactNet(HEADS, widths=(8, 16), depths=(1, 1), mirrored=True).eval()
    mirrored.load_state_dict(plain.state_dict())
    x = torch.randint(0, 256, (3, 1, 48, 48))
    expected = (plain(x)["fer7"] + plain(x.flip(3))["fer7"]) / 2
    assert torch.allclose(mirrored(x)["fer7"], expected, atol=1e-5)
    assert torch.allclose(mirrored(x.flip(3))["fer7"], expected, atol=1e-5)
    assert not torch.allclose(plain(x)["fer7"], expected, atol=1e-4)
