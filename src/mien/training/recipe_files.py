"""TOML <-> recipe: files, single values set on the command line, and errors that name the nearest right key."""

import difflib
import json
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mien.errors import RecipeError
from mien.training.recipe import Recipe


def read_recipe(path: Path, changes: Iterable[str] = ()) -> Recipe:
    """Read and check a recipe.

    Args:
        path: the TOML file. One with ``extends = "other.toml"``, a path seen from its own folder, holds only what
            differs from that recipe.
        changes: values that take the place of the file's, such as ``"loop.epochs=3"``; each value is written as in
            TOML, bare words are strings.

    Raises:
        RecipeError: no such file, not TOML, recipes that extend each other, an unknown key (with the nearest right one)
            or an impossible value.
    """
    content = _content(path)
    for change in changes:
        _set(content, change)
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        raise RecipeError(f"{path}: {_explain(error, content)}") from error


def write_recipe(recipe: Recipe, path: Path) -> None:
    """Write a recipe with every value spelled out, so that later defaults cannot change what it meant.

    Raises:
        OSError: the file cannot be written.
    """
    lines: list[str] = []
    _lines(recipe.model_dump(mode="json"), (), lines)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def difference(there: Recipe, here: Recipe) -> str:
    """Return the first key in which two recipes differ, with both values, such as ``"seed = 1 there, 2 here"``."""
    path: list[str] = []
    before: Any = there.model_dump()
    now: Any = here.model_dump()
    while isinstance(before, dict) and isinstance(now, dict):
        path.append(next(key for key in before | now if before.get(key) != now.get(key)))
        before, now = before.get(path[-1]), now.get(path[-1])
    return f"{'.'.join(path)} = {before!r} there, {now!r} here"


def check_same_recipe(started: Path, recipe: Recipe, *, remedy: str) -> None:
    """Make sure that a run was started with a recipe.

    Args:
        started: the recipe in its folder.
        recipe: the one here.
        remedy: what to do where it was another.

    Raises:
        RecipeError: it was another; says in what they differ.
    """
    there = read_recipe(started)
    if there != recipe:
        raise RecipeError(f"{started.parent}: was started with another recipe ({difference(there, recipe)}); {remedy}")


def _content(path: Path, extended_by: tuple[Path, ...] = ()) -> dict[str, Any]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        wanted_by = f", which {extended_by[-1]} extends" if extended_by else ""
        raise RecipeError(f"{path}: no such recipe{wanted_by}; the ones that come with mien are in recipes/") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise RecipeError(f"{path}: is not a recipe in TOML ({error})") from error
    other = content.pop("extends", None)
    if other is None:
        return content
    if not isinstance(other, str):
        raise RecipeError(f"{path}: extends = {other!r}: is not the path of a recipe")
    base = path.parent / other
    if base.resolve() in [each.resolve() for each in (path, *extended_by)]:
        raise RecipeError(f"{path}: extends {other}, which extends it again; one of them has to say everything")
    return _laid_over(_content(base, (*extended_by, path)), content)


def _laid_over(base: dict[str, Any], content: dict[str, Any]) -> dict[str, Any]:
    both = base | content
    for key in base.keys() & content.keys():
        if isinstance(base[key], dict) and isinstance(content[key], dict):
            both[key] = _laid_over(base[key], content[key])
    return both


def _set(content: dict[str, Any], change: str) -> None:
    key, sign, text = change.partition("=")
    if not sign or not key.strip():
        raise RecipeError(f"--set {change!r}: is not KEY=VALUE, such as --set loop.epochs=3")
    try:
        value = tomllib.loads(f"value = {text.strip()}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    *tables, last = key.strip().split(".")
    place = content
    for table in tables:
        place = place.setdefault(table, {})
        if not isinstance(place, dict):
            raise RecipeError(f"--set {change!r}: {table!r} is a value of the recipe, it has no keys of its own")
    place[last] = value


def _lines(table: dict[str, Any], path: tuple[str, ...], lines: list[str]) -> None:
    lines.extend(f"{_key(key)} = {_value(value)}" for key, value in table.items() if not isinstance(value, dict))
    for key, value in table.items():
        if isinstance(value, dict):
            lines.append(f"\n[{'.'.join((*path, _key(key)))}]")
            _lines(value, (*path, _key(key)), lines)


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _value(key)


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(key)} = {_value(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return f"[{', '.join(_value(item) for item in value)}]"
    # TOML spells strings, numbers and truth values as JSON does, but has no surrogates and no bare DEL.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _explain(error: ValidationError, content: dict[str, Any]) -> str:
    """Say what is wrong first: an unknown key, for one that is misspelt may be missed elsewhere, or the first value.

    Of a value that may be of several kinds, there is a problem for each kind; what is wrong within it says most.
    """
    problems = error.errors()
    places = [_place(problem, content) for problem in problems]
    unknown = [number for number, each in enumerate(problems) if each["type"] == "extra_forbidden"]
    within = [number for number, place in enumerate(places) if place[: len(places[0])] == places[0]]
    first = unknown[0] if unknown else max(within, key=lambda number: len(places[number]))
    key = ".".join(map(str, places[first]))
    if unknown:
        allowed = _allowed(problems[first]["loc"][:-1])
        near = difflib.get_close_matches(str(places[first][-1]), allowed, n=1)
        guess = f" Did you mean {near[0]!r}?" if near else ""
        return f"unknown key {key!r}: allowed here are {', '.join(allowed)}.{guess}"
    messages = [problem["msg"] for problem, place in zip(problems, places, strict=True) if place == places[first]]
    message = ", or ".join([messages[0], *(each.removeprefix("Input should be ") for each in messages[1:])])
    message = message.removeprefix("Value error, ").replace("valid tuple", "valid list")
    given = problems[first]["input"]
    return ": ".join(filter(None, (key if isinstance(given, dict) or not key else f"{key} = {given!r}", message)))


def _place(problem: Any, content: Any) -> list[int | str]:
    """Return the keys that lead to a problem in the file: Pydantic puts the kinds that a value may be of in between."""
    place: list[int | str] = []
    for number, part in enumerate(problem["loc"], 1):
        if problem["type"] == "missing" and number == len(problem["loc"]):
            return [*place, part]
        if (isinstance(content, dict) and part in content) or (isinstance(content, list) and isinstance(part, int)):
            place.append(part)
            content = content[part]
    return place


def _allowed(place: tuple[Any, ...]) -> list[str]:
    schema = Recipe.model_json_schema()
    node: dict[str, Any] = schema
    for part in place:
        if "discriminator" in node:  # the part is the kind of the model
            node = {"$ref": node["discriminator"]["mapping"][part]}
        elif isinstance(part, int):
            node = node["items"] if "items" in node else node["prefixItems"][part]
        elif "properties" in node:
            node = node["properties"][part]
        else:
            node = node["additionalProperties"]
        while "$ref" in node:
            node = schema["$defs"][node["$ref"].rsplit("/", 1)[-1]]
    return list(node["properties"])
