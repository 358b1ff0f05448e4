"""From which domain to which? Every source against every target, by three ways of learning.

Sources: each of the four domains, and each "all but" one: the three others together. Methods: ridge
on frozen features; everything, the word vectors too; and, within products and editorials,
everything with all of their labels (for films and tweets `labels_needed` has that). But for the
last, a run trains on 1,500 rated texts of its source (500 of each where there are three) and
predicts all four domains.

Encoders: the published one, and frozen beside it, on two sources, two random controls. (With
everything open random weights are compared in `labels_needed`, where they may train for longer.)

Every method tries twelve settings, and goes on where the best one lies at the edge; settings are
chosen on the validation texts of all sources and of no other domain. A seed draws the training
texts anew, starts the head, orders the texts and drops out. Each run predicts its sources'
validation texts as well: by these, never by the target's, it is chosen how much of VADER's score to
add.
"""

import torch

from lessons_lib.data.reviews import DOMAINS
from lessons_lib.data.splits import SPLITS_SHA256
from studies.engine import Study, main
from studies.shared.texts import draw, others, rated
from studies.shared.tuning import outcome, to_predict, tuned

ALL_BUT = {f"all but {domain}": domain for domain in DOMAINS}
SOURCES = (*DOMAINS, *ALL_BUT)
CONTROLS = ("default", "matched")
CONTROLLED = ("movies", "all but tweets")
VARIANTS = (  # (source, method, encoder)
    *((domain, "all labels", "pretrained") for domain in ("products", "editorials")),
    *((source, "everything", "pretrained") for source in SOURCES),
    *((source, "frozen", "pretrained") for source in SOURCES),
    *((source, "frozen", kind) for source in CONTROLLED for kind in CONTROLS),
)
BUDGET = """22 variants x (12 trials + 5 seeds; 3 within one domain with everything open): 9,000
steps with all labels, 16,000 with everything open, of 32 texts each. On two cores 0.4 s each, an
hour and a half; on one H100 with 14 processes some 2 ms each."""


def trials(variant) -> list[dict]:
    """Twelve settings of each method."""
    if variant[1] == "frozen":
        alphas = (1, 3, 10, 30, 100, 200, 300, 500, 1_000, 2_000, 5_000, 10_000)
        return [{"trained": "frozen", "alpha": alpha} for alpha in alphas]
    rates, epochs = (5e-5, 1e-4, 2e-4), (1, 2, 3, 4)
    return [
        {"trained": "all", "learning_rate": rate, "epochs": number}
        for rate in rates
        for number in epochs
    ]


def seeds(variant) -> tuple[int, ...]:
    """Five; three within one domain with everything open."""
    source, method, _ = variant
    is_short = method != "frozen" and source in DOMAINS
    return (0, 1, 2) if is_short else (0, 1, 2, 3, 4)


def run(variant, settings: dict, seed: int, configuration: dict, tested: bool = True):
    """Train on one source, predict all domains."""
    source, method, kind = variant
    names = others(ALL_BUT[source]) if source in ALL_BUT else [source]
    rng = torch.Generator().manual_seed(seed)
    limit = configuration.get("only")
    each = 10**9 if method == "all labels" else configuration["texts"] // len(names)
    train_on = [one for name in names for one in draw(rated(name, "train", limit), each, rng)]
    validation = {name: rated(name, "validation", limit) for name in names}
    steps = max(1, round(len(train_on) * settings.get("epochs", 0) / configuration["batch_size"]))
    predictor, told = tuned(kind, settings | {"steps": steps}, train_on, seed, configuration)
    return outcome(
        predictor,
        told,
        validation,
        to_predict(DOMAINS, limit) if tested else {},
        labels_read={"training": names, "selection": names},
        no_labels_of=[name for name in DOMAINS if name not in names],
    )


def trial(variant, settings: dict, seed: int, configuration: dict):
    """As `run`, but no test text is looked at."""
    return run(variant, settings, seed, configuration, tested=False)


STUDY = Study(
    name="source_target_matrix",
    variants=VARIANTS,
    search=trials,
    seeds=seeds,
    run=run,
    trial=trial,
    configuration={
        "splits": SPLITS_SHA256,
        "texts": 1_500,
        "precision": "bfloat16",
        "batch_size": 32,
    },
    budget_text=" ".join(BUDGET.split()),
    past_the_edge=("learning_rate", "epochs", "alpha"),
    quick={"texts": 90, "only": 120, "precision": "float32"},
    quick_variants=(
        ("tweets", "everything", "pretrained"),
        ("all but tweets", "frozen", "pretrained"),
    ),
    check={
        "variant": ["tweets", "everything", "pretrained"],
        "settings": {"trained": "all", "learning_rate": 1e-4, "epochs": 4},
        "seed": 0,
        "configuration": {"texts": 100, "only": 150, "precision": "float32"},
    },
)

if __name__ == "__main__":
    main(STUDY)
