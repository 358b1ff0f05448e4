"""How many labels does fine-tuning need, and how many does pre-training save?

From n rated texts of one domain (those that a setting is chosen by included) to the ratings of
its test texts: films with 16, 64, 256, 1,000 and 2,000 labels, tweets with 64 and 1,000.

Encoders: the published one; the same shape with default and with matched random weights; and the
same shape that has learnt from the four domains' raw training texts alone ("own_text"). Each of
them may choose, by the same four settings, what is trained: nothing (ridge on frozen features),
the top two layers at two rates, or all six layers. Beside them, without a network: words (TF-IDF
and ridge, four settings).

A seed draws the n texts anew, starts the head, orders the texts and drops out.
"""

import time

import torch

from studies.engine import Study, main
from studies.shared.encoders import ENCODERS, own_text_note
from studies.shared.texts import Texts, part_of, texts_of
from studies.shared.tuning import outcome, tuned

LABELS = {"movies": (16, 64, 256, 1_000, 2_000), "tweets": (64, 1_000)}
VARIANTS = tuple(  # (domain, labels, encoder or words)
    (domain, str(labels), kind)
    for domain, counts in LABELS.items()
    for labels in counts
    for kind in (*ENCODERS, "words")
)
MOST_VALIDATION = 200
STEPS = {16: 30, 64: 30, 256: 30, 1_000: 50, 2_000: 80}  # of up to 32 texts
BUDGET = """28 cells of encoders x (4 trials + 5 seeds), 7 of words. Steps of the top two layers
take 0.04 to 0.14 s by the number of texts, of six layers 0.14 to 0.42 s. Films: search 9 minutes,
seeds 9 (if all keep the top two) to 30 (if all keep six layers); tweets 3, and 5 to 11. One run of
pre-training on our own text: 11 minutes. Together 37 to 64 core-minutes."""


def trials(variant) -> list[dict]:
    """Four settings for everybody."""
    if variant[2] == "words":
        return [{"alpha": alpha} for alpha in (0.3, 1.0, 3.0, 10.0)]
    return [
        {"trained": "frozen", "alpha": 300},
        {"trained": 2, "learning_rate": 3e-4},
        {"trained": 2, "learning_rate": 1e-3},
        {"trained": 6, "learning_rate": 2e-4},
    ]


def run(variant, settings: dict, seed: int, configuration: dict, tested: bool = True):
    """Draw n rated texts, set some aside for validation, train on the rest, test."""
    domain, labels, kind = variant[0], int(variant[1]), variant[2]
    network = "pretrained" if kind == "words" else kind  # words need no network's states
    rng = torch.Generator().manual_seed(seed)
    drawn = part_of(network, domain, "train", configuration).draw(labels, rng)
    held_out = max(8, min(labels // 4, MOST_VALIDATION))
    validation = drawn.take(range(held_out))
    train_on = drawn.take(range(held_out, len(drawn)))
    if kind == "words":
        predictor, seconds = _words(settings, train_on)
    else:
        steps = configuration.get("steps", STEPS[labels])
        predictor, seconds = tuned(
            kind, settings | {"steps": steps}, train_on, seed, configuration["precision"]
        )
    tests = {domain: part_of(network, domain, "test", configuration)} if tested else {}
    read = {"training": [domain], "selection": [domain]}
    return outcome(predictor, seconds, validation, tests, labels_read=read)


def trial(variant, settings: dict, seed: int, configuration: dict):
    """As `run`, but no test text is looked at."""
    return run(variant, settings, seed, configuration, tested=False)


def _words(settings: dict, train_on: Texts):
    """Weighted counts of words and pairs of words, and ridge."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline

    started = time.perf_counter()
    counts = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\w+|[^\w\s]")
    ridge = make_pipeline(counts, Ridge(settings["alpha"]))
    ridge.fit([one.text for one in train_on.snippets], train_on.ratings)
    seconds = time.perf_counter() - started
    return lambda texts: ridge.predict([one.text for one in texts.snippets]), seconds


def prepare(configuration: dict, variants) -> dict:
    """Pre-train on our own text, and let the frozen layers read all texts once, where needed."""
    kinds = {variant[2] for variant in variants} & set(ENCODERS)
    note = own_text_note() if "own_text" in kinds else {}
    for kind in sorted(kinds):
        for domain in LABELS:
            for part in ("train", "test"):
                texts_of(kind, domain, part)
    return {"own_text": note}


STUDY = Study(
    name="labels_needed",
    variants=VARIANTS,
    search=trials,
    seeds=(0, 1, 2, 3, 4),
    run=run,
    trial=trial,
    prepare=prepare,
    configuration={"precision": "bfloat16"},
    budget_text=" ".join(BUDGET.split()),
    quick={"only": 100, "precision": "float32", "steps": 5},
    quick_variants=(("tweets", "64", "pretrained"), ("tweets", "64", "words")),
    check={
        "variant": ["tweets", "64", "default"],
        "settings": {"trained": 2, "learning_rate": 1e-3},
        "seed": 0,
        "configuration": {"only": 150, "precision": "float32", "steps": 30},
    },
)

if __name__ == "__main__":
    main(STUDY)
