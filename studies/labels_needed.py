"""How many labels does fine-tuning need, and how many does pre-training save?

From n rated texts of one domain (those that a setting is chosen by included) to the ratings of
other texts of it: films with 16 to all 8,708 labels, tweets with 16 to all 2,304.

Encoders: the published one, and the same shape with random weights. Beside them, without a network:
words (TF-IDF and ridge).

Everybody tries eight settings, and goes on where the best one lies at the edge. A control gets what
the method gets, and more: in a network that starts from random weights everything is open, the word
vectors too, at rates up to ten times as high, for up to four times as many steps. Each training is
looked at ten times and keeps the state that is best on validation texts, so that the number of
epochs is searched as well.

A seed draws the n texts anew, starts the head, orders the texts and drops out.
"""

import time
from collections.abc import Sequence

import torch

from lessons_lib.data.reviews import Snippet
from lessons_lib.data.splits import SPLITS_SHA256
from studies.engine import Study, main
from studies.shared.texts import draw, rated
from studies.shared.tuning import outcome, to_predict, tuned

LABELS = {
    "movies": ("16", "64", "256", "1000", "2000", "all"),
    "tweets": ("16", "64", "256", "1000", "all"),
}
FROM_RANDOM = {"movies": ("256", "1000", "2000", "all"), "tweets": ("256", "1000")}
VARIANTS = tuple(  # (domain, labels, encoder or words)
    (domain, labels, kind)
    for kind in ("words", "pretrained", "default")
    for domain, counts in LABELS.items()
    for labels in counts
    if kind != "default" or labels in FROM_RANDOM[domain]
)
BUDGET = """28 variants x (8 trials + 5 seeds; 3 from random weights), 350 runs. At most 60 to 600
steps from the published weights, 240 to 2,400 from random ones, fewer where nothing gets better any
more: about 60,000 steps of 32 texts. On one H100 with 14 processes some 2 ms each, 3 minutes; on
two cores 0.1 to 0.4 s each, three hours."""


def trials(variant) -> list[dict]:
    """Eight settings for everybody."""
    kind = variant[2]
    if kind == "words":
        return [{"alpha": alpha} for alpha in (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)]
    if kind == "default":
        return [
            {"trained": "all", "learning_rate": rate, "share": share}
            for rate in (1e-4, 2e-4, 5e-4, 1e-3)
            for share in (0.33, 1.0)
        ]
    return [
        *({"trained": "frozen", "alpha": alpha} for alpha in (100, 1_000)),
        *({"trained": 2, "learning_rate": rate, "share": 1.0} for rate in (3e-4, 1e-3, 3e-3)),
        *({"trained": "all", "learning_rate": rate, "share": 1.0} for rate in (5e-5, 1e-4, 2e-4)),
    ]


def seeds(variant) -> tuple[int, ...]:
    """Five; three where all starts from random weights, which is dear."""
    return (0, 1, 2) if variant[2] == "default" else (0, 1, 2, 3, 4)


def run(variant, settings: dict, seed: int, configuration: dict, tested: bool = True):
    """Draw n rated texts, set some aside for validation, train on the rest, predict."""
    domain, labels, kind = variant
    limit = configuration.get("only")
    pool = rated(domain, "train", limit)
    rng = torch.Generator().manual_seed(seed)
    drawn = draw(pool, len(pool) if labels == "all" else int(labels), rng)
    held_out = max(8, min(len(drawn) // 4, configuration["most_validation"]))
    validation, train_on = drawn[:held_out], drawn[held_out:]
    if kind == "words":
        predictor, told = words(settings["alpha"], train_on)
    else:
        most = configuration["most_steps"][labels]
        most = most if kind == "pretrained" else most * configuration["more_for_controls"]
        settings = settings | {"steps": round(most * settings.get("share", 0))}
        predictor, told = tuned(kind, settings, train_on, seed, configuration, validation)
    read = {"training": [domain], "selection": [domain]}
    predicted = to_predict([domain], limit) if tested else {}
    return outcome(predictor, told, {domain: validation}, predicted, labels_read=read)


def trial(variant, settings: dict, seed: int, configuration: dict):
    """As `run`, but no test text is looked at."""
    return run(variant, settings, seed, configuration, tested=False)


def words(alpha: float, train_on: Sequence[Snippet]):
    """Weighted counts of words and pairs of words, and ridge."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline

    started = time.perf_counter()
    counts = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\w+|[^\w\s]")
    ridge = make_pipeline(counts, Ridge(alpha))
    ridge.fit([one.text for one in train_on], [one.rating for one in train_on])
    return ridge.predict, {"seconds": time.perf_counter() - started, "steps": 0}


STUDY = Study(
    name="labels_needed",
    variants=VARIANTS,
    search=trials,
    seeds=seeds,
    run=run,
    trial=trial,
    configuration={
        "splits": SPLITS_SHA256,
        "precision": "bfloat16",
        "batch_size": 32,
        "most_validation": 200,
        "most_steps": {"16": 60, "64": 100, "256": 200, "1000": 300, "2000": 400, "all": 600},
        "more_for_controls": 4,
    },
    budget_text=" ".join(BUDGET.split()),
    past_the_edge=("learning_rate", "alpha"),
    quick={
        "only": 100,
        "precision": "float32",
        "most_steps": dict.fromkeys(("16", "64", "256", "1000", "2000", "all"), 5),
    },
    quick_variants=(("tweets", "64", "pretrained"), ("tweets", "64", "words")),
    check={
        "variant": ["tweets", "64", "pretrained"],
        "settings": {"trained": 2, "learning_rate": 1e-3, "share": 0.3},
        "seed": 0,
        "configuration": {"only": 150, "precision": "float32"},
    },
)

if __name__ == "__main__":
    main(STUDY)
