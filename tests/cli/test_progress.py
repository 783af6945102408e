from mien.cli.progress import progress_bar


def test_a_full_bar_gives_way_to_what_follows():
    with progress_bar("pictures", total=3) as advance:
        step = advance.then("intervals")
        shown = [
            (task.description, task.total) for _ in range(3) if step(1) is None for task in advance._progress.tasks
        ]
    assert shown == [("pictures", 3), ("pictures", 3), ("intervals", None)]


def test_how_much_there_is_may_be_known_later():
    with progress_bar("faces", total=None) as advance:
        advance.to(2, 5)
        (task,) = advance._progress.tasks
    assert (task.completed, task.total) == (2, 5)
