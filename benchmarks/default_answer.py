"""Which answer should users get by default? Heads, mixtures of heads and corrections for how often labels are.

    python benchmarks/default_answer.py mien-compact fer2013.parquet

On PublicTest, as it is and made worse in every way of `mien evaluate --robustness` (third of five strengths),
candidates answer with one of the seven labels: the mean of the probabilities of the seven-class head and of the votes
head (without contempt, renormalised), weighted, then divided by the training labels' frequencies to some power and
renormalised. What counts is the mean of the balanced accuracies. Writes results/default_answer_MODEL.csv.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import balanced_accuracy_score

from measurements import write_rows
from mien.cli.progress import track
from mien.data.samples import read_samples
from mien.errors import one_line
from mien.evaluation.corruptions import CORRUPTIONS, corrupt
from mien.inference.scores import score_heads
from mien.inference.session import Session
from mien.inference.weights import emotion_model
from mien.labels import FER7, FERPLUS8
from mien.model_card import FER2013_CROP

VOTES_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
POWERS = (0.0, 0.25, 0.5, 0.75, 1.0)
STRENGTH = 2


def main() -> None:
    """Score the candidates."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("data", type=Path)
    given = parser.parse_args()
    session = Session(emotion_model(given.model))
    heads = [session.card.head("fer7"), session.card.head("ferplus8")]
    training, public = (
        read_samples(given.data, spec=FER2013_CROP, splits=(split,)) for split in ("Training", "PublicTest")
    )
    prior = np.bincount(training.fer7, minlength=len(FER7)) / len(training)
    conditions = {"as they are": public.crops}
    conditions |= {each.name: corrupt(public.crops, each, STRENGTH) for each in CORRUPTIONS}
    rows = []
    for condition, crops in track(conditions.items(), what="conditions"):
        own, votes = score_heads(session, crops, heads)
        for share in VOTES_SHARES:
            for power in POWERS:
                answer = mixture(own, votes, share=share, prior=prior, power=power).argmax(axis=1)
                rows.append(
                    {
                        "model": session.card.name,
                        "sha256": session.card.sha256,
                        "data": given.data.name,
                        "split": "PublicTest",
                        "condition": condition,
                        "n": len(public),
                        "votes_share": share,
                        "prior_power": power,
                        "accuracy": f"{(answer == public.fer7).mean():.4f}",
                        "balanced_accuracy": f"{balanced_accuracy_score(public.fer7, answer):.4f}",
                    }
                )
    write_rows(f"default_answer_{session.card.name}", rows)
    print("votes  power  balanced: mean  as they are   accuracy: mean  as they are")
    for share in VOTES_SHARES:
        for power in POWERS:
            own_rows = [row for row in rows if (row["votes_share"], row["prior_power"]) == (share, power)]
            balanced, accuracy = (
                [100 * float(str(row[key])) for row in own_rows] for key in ("balanced_accuracy", "accuracy")
            )
            print(
                f"{share:5.2f}  {power:5.2f}  {np.mean(balanced):14.2f}  {balanced[0]:11.2f}   "
                f"{np.mean(accuracy):14.2f}  {accuracy[0]:11.2f}"
            )


def mixture(
    own: NDArray[np.float64], votes: NDArray[np.float64], *, share: float, prior: NDArray[np.float64], power: float
) -> NDArray[np.float64]:
    """Return (n, 7) probabilities of a candidate."""
    seven = votes[:, [FERPLUS8.index(label) for label in FER7.labels]]
    mixed = (1 - share) * own + share * seven / seven.sum(axis=1, keepdims=True)
    corrected = mixed / prior**power
    return np.asarray(corrected / corrected.sum(axis=1, keepdims=True))


if __name__ == "__main__":
    one_line(main)
