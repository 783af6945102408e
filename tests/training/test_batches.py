import copy

import pytest
import torch

from mien.training.batches import Batches, Pictures
from mien.training.targets import targets_of


@pytest.fixture
def pictures(drawn_samples, small_recipe):
    return Pictures(torch.from_numpy(drawn_samples.crops), targets_of(drawn_samples, small_recipe(1)))


def test_an_epoch_is_the_same_again_and_another_is_not(pictures):
    first, again, other = (
        torch.cat([crops for crops, _ in Batches(pictures, batch=10, order=(1, epoch))]) for epoch in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert len(first) == 60  # the last, smaller batch is left out of a shuffled epoch


def test_in_order_nothing_is_left_out(pictures):
    batches = Batches(pictures, batch=10)
    assert len(batches) == 7
    assert torch.equal(torch.cat([crops for crops, _ in batches]), pictures.crops)


def test_processes_share_an_epoch_and_no_picture_is_seen_twice(pictures):
    parts = [Batches(pictures, batch=8, order=(1, 0), part=(rank, 2)) for rank in range(2)]
    assert [len(part) for part in parts] == [4, 4]
    seen = torch.cat([crops for part in parts for crops, _ in part]).flatten(1)
    assert len(seen) == 64
    assert len(seen.unique(dim=0)) == 64


def test_pictures_are_not_copied_with_the_network(pictures):
    assert copy.deepcopy(pictures).crops.data_ptr() == pictures.crops.data_ptr()


class TestShares:
    @pytest.fixture
    def shared_out(self, drawn_samples, small_recipe):
        targets = targets_of(drawn_samples, small_recipe(1))
        crops = torch.arange(len(drawn_samples)).to(torch.uint8).view(-1, 1, 1, 1)  # each picture is its own number
        return Pictures(crops, targets, ((torch.arange(50), 0.2),))

    def test_so_many_of_a_group_are_drawn_and_others_are_all_seen(self, shared_out):
        rest = set(range(50, len(shared_out.crops)))
        drawn = []
        for epoch in range(200):
            seen = torch.cat([crops.flatten() for crops, _ in Batches(shared_out, batch=1, order=(1, epoch))]).tolist()
            assert len(seen) == len(set(seen))
            assert rest <= set(seen)
            drawn.append(set(seen) - rest)
        assert {len(each) for each in drawn} == {round(0.2 * len(rest) / 0.8)}
        assert set.union(*drawn) == set(range(50))

    def test_all_are_seen_in_order(self, shared_out):
        assert torch.equal(torch.cat([crops for crops, _ in Batches(shared_out, batch=10)]), shared_out.crops)

    def test_a_group_as_large_as_its_share_is_seen_whole(self, shared_out):
        half = Pictures(shared_out.crops, shared_out.targets, ((torch.arange(32), 0.5),))
        assert len(Batches(half, batch=1, order=(1, 0))) == len(shared_out.crops)
