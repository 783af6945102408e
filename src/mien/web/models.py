"""The models that a server answers with, opened when they are first asked for."""

import asyncio
import threading
from typing import Any

from mien.errors import unknown_name
from mien.inference.analyzer import Analyzer
from mien.inference.detectors import DETECTORS, resolved
from mien.inference.weights import CATALOGUE, find
from mien.model_card import ModelCard
from mien.web.schemas import Choice
from mien.web.settings import Settings


class Models:
    """Analyzers by model, head and detector. Safe to use from several threads at once.

    A request can name models of the catalogue and the server's own; never a path.

    Args:
        settings: the defaults, and how many cores there are.

    Raises:
        UsageError: the default model, head or detector does not exist.
        WeightsError: its weight file is absent or damaged.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._opened: dict[tuple[str, str, str], Analyzer] = {}
        self._asked: dict[Choice, Analyzer] = {}
        own = self._open(settings.model, settings.labels, settings.detector)
        self.default = own.card.name
        self._files = {entry.name: entry.name for entry in CATALOGUE if entry.kind == "emotions"}
        self._files[self.default] = settings.model  # by its name, wherever its file lies
        self._cards: dict[str, ModelCard] = {self.default: own.card}
        self._opened[self.default, own.head.name, own.detector.name] = own

    def get(self, choice: Choice) -> Analyzer:
        """Return the analyzer that a request has chosen.

        Raises:
            UsageError: there is no such model, head or detector.
            WeightsError: a weight file has not been pulled, or is damaged.
        """
        name = self.default if choice.model is None else choice.model
        if name not in self._files:
            raise unknown_name("model", name, self._files)
        found = resolved(self._settings.detector if choice.detector is None else choice.detector)
        with self._lock:  # a model is opened once, however many ask for it at the same time
            card = self._card(name)
            usual = self._settings.labels if name == self.default else None
            labels = usual if choice.labels is None else choice.labels
            head = card.heads[0] if labels is None else card.head(labels)
            key = name, head.name, found
            if key not in self._opened:
                self._opened[key] = self._open(self._files[name], head.name, found)
            return self._opened[key]

    async def opened(self, choice: Choice) -> Analyzer:
        """Return an analyzer as `get` does, without keeping the event loop from its work while a model is opened."""
        if choice not in self._asked:
            self._asked[choice] = await asyncio.to_thread(self.get, choice)
        return self._asked[choice]

    def describe(self) -> dict[str, Any]:
        """Return what can be asked for: models with their heads, and detectors."""
        with self._lock:
            cards = [self._card(name) for name in self._files]
        usual = self.get(Choice())
        return {
            "models": [_describe(card) for card in cards],
            "detectors": [name for name in DETECTORS if name != "auto" and (name != "yunet" or find(name).is_there())],
            "default": {"model": self.default, "labels": usual.head.name, "detector": usual.detector.name},
        }

    def _card(self, name: str) -> ModelCard:
        if name not in self._cards:
            opened = self._open(self._files[name], None, "whole")
            self._cards[name] = opened.card
            self._opened[name, opened.head.name, "whole"] = opened
        return self._cards[name]

    def _open(self, model: str, labels: str | None, detector: str) -> Analyzer:
        return Analyzer(
            model=model,
            detector=detector,
            labels=labels,
            max_pixels=self._settings.limits.max_pixels,
            threads=1,  # several requests share the cores, not the steps of one
        )


def _describe(card: ModelCard) -> dict[str, Any]:
    return {
        "name": card.name,
        "license": card.license,
        "trained_on": card.trained_on,
        "sha256": card.sha256,
        "heads": [
            {
                "name": head.name,
                "task": head.task,
                "labels": list(head.labels),
                "thresholds": None if head.thresholds is None else list(head.thresholds),
            }
            for head in card.heads
            if head.task != "gate"
        ],
    }
