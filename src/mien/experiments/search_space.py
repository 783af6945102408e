"""Which values a sweep tries for which keys of a recipe."""

import math
from dataclasses import dataclass, replace
from typing import Any

from optuna import Trial

from mien.errors import UsageError
from mien.training.recipe import Recipe


@dataclass(frozen=True)
class Searched:
    """One key of a recipe and the values to try.

    Attributes:
        key: with dots, such as ``"optimiser.rate"``.
        choices: the values themselves, empty where there is a range.
        low: smallest value of a range.
        high: largest value of a range.
        log: whether the range is drawn evenly in its logarithm.
        whole: whether the range holds whole numbers only.
    """

    key: str
    choices: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    whole: bool = False

    def __str__(self) -> str:
        """Return it as it is written on the command line."""
        if self.choices:
            return f"{self.key}={'|'.join(self.choices)}"
        low, high = (int(value) if self.whole else value for value in (self.low, self.high))
        return f"{self.key}={low}..{high}{':log' if self.log else ''}"

    def fitting(self, recipe: Recipe) -> "Searched":
        """Return it with fractions between its bounds where the recipe's value is one; ``0..1`` does not tell."""
        value: Any = recipe.model_dump()
        for part in self.key.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return replace(self, whole=False) if isinstance(value, float) else self

    def ends(self) -> tuple[str, ...]:
        """Return the choices, or both ends of the range, as changes of the recipe, ``KEY=VALUE``."""
        low, high = (int(value) if self.whole else value for value in (self.low, self.high))
        return tuple(f"{self.key}={value}" for value in self.choices or (low, high))

    def draw(self, trial: Trial) -> str:
        """Let a trial choose, and return the choice as a change of the recipe, ``KEY=VALUE``."""
        value: Any
        if self.choices:
            value = trial.suggest_categorical(self.key, self.choices)
        elif self.whole:
            value = trial.suggest_int(self.key, int(self.low), int(self.high), log=self.log)
        else:
            value = trial.suggest_float(self.key, self.low, self.high, log=self.log)
        return f"{self.key}={value}"


def parse_search(text: str) -> Searched:
    """Read ``KEY=LOW..HIGH``, ``KEY=LOW..HIGH:log`` or ``KEY=A|B|C``.

    Raises:
        UsageError: it is none of these, or a range from above to below.
    """
    key, sign, values = text.partition("=")
    wrong = UsageError(
        f"--search {text!r}: is not KEY=LOW..HIGH, KEY=LOW..HIGH:log or KEY=A|B|C, such as optimiser.rate=0.01..0.3:log"
    )
    if not sign or not key.strip() or not values.strip():
        raise wrong
    low, dots, rest = values.partition("..")
    if not dots or "|" in values:
        return Searched(key.strip(), choices=tuple(choice.strip() for choice in values.split("|")))
    high, _, kind = rest.partition(":")
    try:
        whole = all(part.strip().lstrip("-").isdigit() for part in (low, high))
        found = Searched(key.strip(), low=float(low), high=float(high), log=kind.strip() == "log", whole=whole)
    except ValueError:
        raise wrong from None
    if found.low > found.high:
        raise UsageError(
            f"--search {text!r}: {low.strip()} is above {high.strip()}; write {found.key}={high.strip()}..{low.strip()}"
        )
    finite = math.isfinite(found.low) and math.isfinite(found.high)
    if not finite or kind.strip() not in ("", "log") or found.low == found.high or (found.log and found.low <= 0):
        raise wrong
    return found


def usual_search(recipe: Recipe) -> tuple[Searched, ...]:
    """Return what is worth a search for any recipe: learning rate, weight decay and how strongly crops are changed."""
    rate = recipe.optimiser.rate
    return (
        Searched("optimiser.rate", low=rate / 10, high=rate * 3, log=True),
        Searched("optimiser.weight_decay", low=1e-5, high=1e-2, log=True),
        Searched("augmentation.scale", low=0.0, high=0.25),
        Searched("augmentation.erase", low=0.0, high=0.6),
        Searched("augmentation.mixup", low=0.0, high=0.7),
    )
