"""How a control is starved by accident: random weights, 2,000 film labels, and what they are given.

The first version of `labels_needed` froze the word vectors of every encoder, those of random
weights too, and trained for at most 80 steps. Here random weights are trained with the word vectors
shut and open, for 1,200 steps, and are looked at on the way. No test text is read.

A seed draws the texts anew, starts the head, orders the texts and drops out.
"""

import numpy as np
import torch

from lessons_lib.data.splits import SPLITS_SHA256
from lessons_lib.measure.metrics import pearson
from lessons_lib.model.encode import tokenize
from lessons_lib.training.loop import train
from lessons_lib.training.plan import Plan
from lessons_lib.transfer.fine_tuning import parameter_groups, predict, rating_loss
from lessons_lib.transfer.outcomes import ratings_of
from studies.engine import Study, main
from studies.shared.texts import draw, rated
from studies.shared.tuning import begun, mean_square

VARIANTS = ("shut", "open")
ALL_LAYERS = 6  # open, and the word vectors shut
BUDGET = """2 variants x (3 trials + 3 seeds) of 1,200 steps of 32 texts: 14,400 steps. On one
H100 some 2 ms each where many run at once, half a minute; on two cores 0.4 s each, 1.6 hours."""


def run(variant: str, settings: dict, seed: int, configuration: dict) -> dict[str, float]:
    """Train random weights; the error at the end and r on the way, on validation texts."""
    limit, steps = configuration.get("only"), configuration["steps"]
    rng = torch.Generator().manual_seed(seed)
    drawn = draw(rated("movies", "train", limit), configuration["labels"], rng)
    validation = rated("movies", "validation", limit)
    held_out, wanted = tokenize([one.text for one in validation]), ratings_of(validation)
    trained = ALL_LAYERS if variant == "shut" else "all"
    model, batches = begun("default", trained, drawn, seed, batch_size=32)
    precision, looks = configuration["precision"], configuration["looks"]
    plan = Plan(
        steps,
        settings["learning_rate"],
        warmup_steps=steps // 10,
        decay="constant",
        check_every=steps // looks,
        precision=precision,
    )
    numbers: dict[str, float] = {}

    def look(model) -> float:
        found = predict(model, held_out, precision=precision)
        at = (len(numbers) + 1) * (steps // looks)
        numbers[f"r_{at}"] = round(pearson(found, wanted) if np.ptp(found) else 0.0, 4)
        return mean_square(found, wanted)

    groups = parameter_groups(model, 1.0)
    history = train(model, batches, rating_loss, plan, validate=look, groups=groups)
    return numbers | {"validation": round(min(loss for _, loss in history.validation), 4)}


STUDY = Study(
    name="starved_control",
    variants=VARIANTS,
    search={"learning_rate": (2e-4, 5e-4, 1e-3)},
    seeds=(0, 1, 2),
    run=run,
    configuration={
        "splits": SPLITS_SHA256,
        "labels": 2_000,
        "steps": 1_200,
        "looks": 15,
        "precision": "bfloat16",
    },
    budget_text=" ".join(BUDGET.split()),
    quick={"only": 100, "labels": 60, "steps": 6, "looks": 3, "precision": "float32"},
    check={
        "variant": "open",
        "settings": {"learning_rate": 5e-4},
        "seed": 0,
        "configuration": {
            "only": 150,
            "labels": 60,
            "steps": 12,
            "looks": 3,
            "precision": "float32",
        },
    },
)

if __name__ == "__main__":
    main(STUDY)
