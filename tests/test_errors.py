import pytest

import mien
from mien import errors


def test_wrong_usage_and_failed_work_exit_differently():
    assert errors.UsageError("x").exit_code == 2
    assert errors.RecipeError("x").exit_code == 2
    assert {kind.exit_code for kind in (errors.PictureError, errors.WeightsError, errors.DataError)} == {1}


def test_every_error_stands_in_the_tree():
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert len(kinds) == 10
    for kind in kinds:
        assert issubclass(kind, errors.MienError)
        assert kind.__name__ in (errors.__doc__ or "")
        assert getattr(mien, kind.__name__) is kind


def test_unknown_name_lists_what_there_is_and_guesses():
    text = str(errors.unknown_name("detector", "yunnet", ["haar", "yunet"], "More help."))
    assert text == "unknown detector 'yunnet': it is one of haar, yunet. Did you mean 'yunet'? More help."
    assert "Did you mean" not in str(errors.unknown_name("detector", "qqq", ["haar"]))


def test_of_very_many_names_only_the_nearest_is_told():
    names = [f"net{number}" for number in range(1000)]
    text = str(errors.unknown_name("backbone", "net1000", names, "More help."))
    assert text == "unknown backbone 'net1000'. Did you mean 'net100'? More help."


def test_missing_extra_names_the_extra():
    with pytest.raises(errors.MissingExtraError, match=r"Flying needs no_such_module.*pip install 'mien\[wings\]'"):
        errors.import_extra("no_such_module", extra="wings", purpose="Flying")
    assert errors.import_extra("json", extra="wings", purpose="Flying").dumps({}) == "{}"


def missing():
    with open("nowhere.parquet"):
        pass


def wrong():
    raise errors.UsageError("seed is -1: give 0 or more")


@pytest.mark.parametrize(
    ("script", "code", "text"),
    [(missing, "nowhere.parquet: No such file or directory", ""), (wrong, 2, "seed is -1: give 0 or more\n")],
)
def test_errors_of_scripts_are_one_line(script, code, text, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        errors.one_line(script)
    assert (ended.value.code, capsys.readouterr().err) == (code, text)
