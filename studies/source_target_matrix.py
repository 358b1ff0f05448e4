"""From which domain to which? Every source against every target, by three ways of fine-tuning.

Sources: each of the four domains, and each "all but" one: the three others together. A run trains
on 1,500 rated texts of its source (500 of each where there are three) and is tested on all four
domains. Methods: ridge on frozen features; the top two layers over kept activations; all six
layers (three sources only: dear). Encoders: the published one, and two random controls (for the
top two layers on two sources).

Settings are chosen on the source's validation texts; an "all but" row takes those that were chosen
on one of its own sources. So no run, nor any choice behind it, has read a rating of a domain that
it claims to transfer to, and each results entry says which ratings it has read.

A seed draws the training texts anew, starts the head, orders the texts and drops out.
"""

import torch

from lessons_lib.data.reviews import DOMAINS
from studies.engine import Study, main
from studies.shared.texts import joined, part_of, texts_of
from studies.shared.tuning import BATCH_SIZE, outcome, tuned

ALL_BUT = {f"all but {domain}": domain for domain in DOMAINS}
SOURCES = (*DOMAINS, *ALL_BUT)
CONTROLS = ("default", "matched")
SIX_LAYERS = ("tweets", "editorials", "all but tweets")
CONTROLLED = ("movies", "all but tweets")
VARIANTS = (  # (source, method, encoder)
    *((source, "frozen", kind) for source in SOURCES for kind in ("pretrained", *CONTROLS)),
    *((source, "top_2", "pretrained") for source in SOURCES),
    *((source, "six_layers", "pretrained") for source in SIX_LAYERS),
    *((source, "top_2", kind) for source in CONTROLLED for kind in CONTROLS),
)
EPOCHS, RATES = (1, 2), {2: (3e-4, 1e-3), 6: (1e-4, 2e-4)}
BUDGET = """44 variants; 4 trials of each method on each single source that it needs, then 5 seeds
(3 of six_layers). Frozen: next to nothing. Top two layers, 47 steps an epoch at 0.14 s: 24 trials
x about 70 steps + 60 runs x about 94 = 17 minutes; six layers at 0.42 s: 8 x 70 + 9 x 94 = 10;
kept activations 4, tests 5 minutes. Together 36 core-minutes."""


def trials(variant) -> list[dict]:
    """Four settings of each method."""
    _, method, _ = variant
    if method == "frozen":
        return [{"trained": "frozen", "alpha": alpha} for alpha in (30, 100, 300, 1_000)]
    trained = 2 if method == "top_2" else 6
    return [
        {"trained": trained, "learning_rate": rate, "epochs": epochs}
        for rate in RATES[trained]
        for epochs in EPOCHS
    ]


def settings_from(variant):
    """An "all but" row relies on the search of one of its own sources."""
    source, method, kind = variant
    if source not in ALL_BUT:
        return variant
    searched = [s for s, m, k in VARIANTS if (m, k) == (method, kind) and s in DOMAINS]
    return next(s for s in searched[::-1] if s != ALL_BUT[source]), method, kind


def seeds(variant) -> tuple[int, ...]:
    """Five; three where all layers are trained."""
    return (0, 1, 2) if variant[1] == "six_layers" else (0, 1, 2, 3, 4)


def run(variant, settings: dict, seed: int, configuration: dict, tested: bool = True):
    """Train on one source, test on all domains."""
    source, _, kind = variant
    names = [d for d in DOMAINS if d != ALL_BUT[source]] if source in ALL_BUT else [source]
    rng = torch.Generator().manual_seed(seed)
    each = configuration["texts"] // len(names)
    train_on = joined(
        [part_of(kind, name, "train", configuration).draw(each, rng) for name in names]
    )
    validation = joined([part_of(kind, name, "validation", configuration) for name in names])
    steps = max(1, round(len(train_on) * settings.get("epochs", 0) / BATCH_SIZE))
    predictor, seconds = tuned(
        kind, settings | {"steps": steps}, train_on, seed, configuration["precision"]
    )
    tests = {name: part_of(kind, name, "test", configuration) for name in DOMAINS if tested}
    searched, _, _ = settings_from(variant)
    return outcome(
        predictor,
        seconds,
        validation,
        tests,
        labels_read={"training": names, "selection": [searched]},
        no_labels_of=[name for name in DOMAINS if name not in names],
    )


def trial(variant, settings: dict, seed: int, configuration: dict):
    """As `run`, but no test text is looked at."""
    return run(variant, settings, seed, configuration, tested=False)


def prepare(configuration: dict, variants) -> None:
    """Let the frozen layers read all texts once, before several processes want them."""
    for kind in sorted({variant[2] for variant in variants}):
        for domain in DOMAINS:
            for part in ("train", "validation", "test"):
                texts_of(kind, domain, part)


STUDY = Study(
    name="source_target_matrix",
    variants=VARIANTS,
    search=trials,
    seeds=seeds,
    run=run,
    trial=trial,
    settings_from=settings_from,
    prepare=prepare,
    configuration={"texts": 1_500, "precision": "bfloat16"},
    budget_text=" ".join(BUDGET.split()),
    quick={"texts": 90, "only": 120, "precision": "float32"},
    quick_variants=(("tweets", "top_2", "pretrained"), ("all but tweets", "frozen", "pretrained")),
    check={
        "variant": ["tweets", "top_2", "pretrained"],
        "settings": {"trained": 2, "learning_rate": 1e-3, "epochs": 4},
        "seed": 0,
        "configuration": {"texts": 100, "only": 150, "precision": "float32"},
    },
)

if __name__ == "__main__":
    main(STUDY)
