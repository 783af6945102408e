import cv2
import numpy as np
import pytest
import torch

from mien.training import augment as module
from mien.training.augment import augment, cutmix, mixup
from mien.training.augmentation_recipe import Augmentation

STILL = Augmentation(
    rotation_degrees=0, scale=0, shift=0, flip=0, contrast=0, brightness=0, erase=0, erase_pixels=(6, 20), mixup=0
)
PIXELS = torch.randint(0, 256, (16, 1, 48, 48), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_nothing_asked_nothing_changed():
    assert augment(PIXELS, STILL, generator()) == pytest.approx(PIXELS.float(), abs=1e-3)


def test_the_same_generator_gives_the_same_batch():
    settings = Augmentation()
    first, again = (augment(PIXELS, settings, generator(5)) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, augment(PIXELS, settings, generator(6)))
    assert first.shape == PIXELS.shape
    assert 0 <= first.min() <= first.max() <= 255


def test_smaller_crops_show_the_same():
    ramp = torch.arange(48, dtype=torch.uint8).expand(2, 1, 48, 48)
    smaller = augment(ramp, STILL, generator(), side=24)
    assert smaller.shape == (2, 1, 24, 24)
    assert smaller == pytest.approx((2 * torch.arange(24.0) + 0.5).expand(2, 1, 24, 24), abs=1e-3)


def test_flip_is_a_mirror_image():
    flipped = augment(PIXELS, STILL.model_copy(update={"flip": 1.0}), generator())
    assert flipped == pytest.approx(PIXELS.float().flip(3), abs=1e-3)


def test_shift_moves_by_at_most_its_share():
    dot = torch.zeros(64, 1, 48, 48, dtype=torch.uint8)
    dot[:, :, 22:26, 22:26] = 255
    moved = augment(dot, STILL.model_copy(update={"shift": 0.25}), generator())
    weight = moved / moved.sum(dim=(2, 3), keepdim=True)
    centers = (weight.sum(2).squeeze(1) * torch.arange(48)).sum(1)
    assert (centers - 23.5).abs().max() <= 12.1
    assert (centers - 23.5).abs().max() > 6


def test_rotation_turns_by_at_most_its_angle():
    bar = torch.zeros(64, 1, 48, 48, dtype=torch.uint8)
    bar[:, :, 23:25, :] = 255
    turned = augment(bar, STILL.model_copy(update={"rotation_degrees": 15}), generator())
    rows = torch.arange(48.0)[None, :]
    left, right = ((turned[:, 0, :, x] * rows).sum(1) / turned[:, 0, :, x].sum(1) for x in (8, 40))
    degrees = torch.atan2(right - left, torch.tensor(32.0)).rad2deg()
    assert degrees.abs().max() <= 16
    assert degrees.std() > 4
    upright = augment(
        bar.transpose(2, 3).contiguous(), STILL.model_copy(update={"rotation_degrees": 15}), generator()
    ).transpose(2, 3)
    above, below = ((upright[:, 0, :, y] * rows).sum(1) / upright[:, 0, :, y].sum(1) for y in (8, 40))
    assert torch.atan2(above - below, torch.tensor(32.0)).rad2deg() == pytest.approx(degrees, abs=0.5)


def test_a_mirror_image_is_turned_as_the_picture_is():
    turned = {"rotation_degrees": 30, "scale": 0.2}
    plain = augment(PIXELS.flip(3), STILL.model_copy(update=turned), generator())
    assert augment(PIXELS, STILL.model_copy(update={**turned, "flip": 1.0}), generator()) == pytest.approx(
        plain, abs=1e-2
    )


def test_erase_puts_the_mean_into_one_rectangle():
    many = PIXELS.repeat(16, 1, 1, 1)
    erased = augment(many, STILL.model_copy(update={"erase": 1.0}), generator())
    mean = many.float().mean(dim=(1, 2, 3), keepdim=True)
    changed = (erased - mean).abs() < 1e-3
    high, wide = (changed[:, 0].any(dim).sum(1) for dim in (2, 1))
    assert torch.equal(changed.sum(dim=(1, 2, 3)), high * wide)  # one rectangle, and all of it
    for side in (high, wide):  # 6 to 20 pixels, none of it beyond the edge
        assert 5 <= side.min() <= 7
        assert 19 <= side.max() <= 21
    assert torch.allclose(erased[~changed], many.float()[~changed], atol=1e-3)


def test_mixup_blends_with_the_partner():
    x = PIXELS.float()
    mixed, partner = mixup(x, share=0.75, generator=generator())
    assert sorted(partner.tolist()) == list(range(16))
    assert torch.allclose(mixed, 0.75 * x + 0.25 * x[partner])


def test_cutmix_puts_one_rectangle_of_the_partner_in():
    x = PIXELS.float()
    mixed, partner, share = cutmix(x, share=0.7, generator=generator())
    assert sorted(partner.tolist()) == list(range(16))
    own, other = mixed == x, mixed == x[partner]
    assert (own | other).all()
    foreign = ~own.all(0).all(0)  # where at least one picture shows its partner
    rows, columns = foreign.any(1).sum(), foreign.any(0).sum()
    assert share == pytest.approx(1 - (rows * columns).item() / 48**2)
    assert share == pytest.approx(0.7, abs=0.03)


def test_blur_takes_detail_and_leaves_the_mean():
    blurred = augment(PIXELS, STILL.model_copy(update={"blur": 1.0}), generator())
    assert blurred.std(dim=(1, 2, 3)).max() < 0.6 * PIXELS.float().std(dim=(1, 2, 3)).min()
    assert blurred.mean(dim=(1, 2, 3)) == pytest.approx(PIXELS.float().mean(dim=(1, 2, 3)), abs=2)


@pytest.mark.parametrize("quality", [15, 50, 60])
def test_compression_is_that_of_jpeg(quality, monkeypatch):
    monkeypatch.setattr(module, "JPEG_QUALITY", (quality, quality))
    rows = np.add.outer(np.arange(44), np.arange(44)).astype(np.float32)  # no multiple of 8
    picture = (120 + 80 * np.sin(rows / 5) + np.random.default_rng(0).normal(0, 10, rows.shape)).clip(0, 255)
    picture = picture.astype(np.uint8)
    settings = STILL.model_copy(update={"jpeg": 1.0})
    found = augment(torch.from_numpy(picture)[None, None], settings, generator())[0, 0].numpy()
    coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    expected = cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE).astype(float)
    whole = np.s_[:40, :40]  # how a coder fills up its last block is its own affair
    # A coefficient halfway between two steps may be rounded either way: a block may differ, the rest is the same.
    assert np.abs(found[whole] - expected[whole]).mean() < 0.6
    assert np.abs(expected[whole] - picture[whole]).mean() > 3


def test_noise_is_that_of_a_sensor():
    gray = torch.full((400, 1, 16, 16), 128, dtype=torch.uint8)
    deviations = augment(gray, STILL.model_copy(update={"noise": 0.5}), generator()).std(dim=(1, 2, 3))
    assert 0.4 < (deviations == 0).float().mean() < 0.6
    assert 10 < deviations.max() < 14
