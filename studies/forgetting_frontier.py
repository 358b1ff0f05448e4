"""What does a second domain cost the first? Old against new quality, by nine ways of learning.

A model learns one domain (1,000 labels, everything open, a fixed rate), then another (500 labels,
at most 100 steps of 16 texts, all layers open, the word vectors not). Films then tweets, and tweets
then films. One head is carried on: a rating is a rating.

Ways: nothing special (plain); the encoder frozen, the head alone learns (the floor); a pull back
to the start (L2-SP), or to what mattered there (EWC, true Fisher); old texts again (rehearsal); the
old self's vote on the new texts; the straight line from the start to the end of plain training
(WiSE-FT); LoRA. Joint training, from the published weights, has the labels of both domains at once:
the ceiling. Beside them the start itself, and, at the settings of rehearsal, fewer old texts and
old texts without ratings. "greedy", put in after the forecast, is plain training by somebody who
looks at the new domain alone: its settings and looks are chosen by new validation texts.

Everybody tries six settings, and goes on where the best one lies at the edge. "strength" is 0 in
plain training; of rehearsal it is old batches for each new one, of WiSE-FT the start's weight over
the end's. Settings, and the best of five looks, are chosen by the same number: the squared error of
100 old and of 100 new validation texts, each over the variance of the ratings of its domain. So all
but "greedy" have seen 100 old ratings; rehearsal and joint training alone learn from old ones. A
line takes the end of its training without a look: its choice comes after.
"""

from lessons_lib.data.splits import SPLITS_SHA256
from lessons_lib.measure.metrics import pearson
from lessons_lib.model.encode import tokenize
from lessons_lib.transfer.fine_tuning import predict
from lessons_lib.transfer.outcomes import ratings_of
from studies.engine import Study, main
from studies.shared.second_domain import Part, second_learnt
from studies.shared.tuning import mean_square, outcome, to_predict

ORDERS = (("movies", "tweets"), ("tweets", "movies"))
SEARCHED = (
    *("plain", "frozen", "l2_sp", "ewc", "rehearsal"),
    *("old_self", "wise", "lora", "joint"),
)
AS_REHEARSAL = ("rehearsal_8", "rehearsal_32", "rehearsal_128", "rehearsal_unrated")
VARIANTS = (  # (first domain, second domain, method)
    *((*order, method) for order in ORDERS for method in ("start", *SEARCHED)),
    *((*ORDERS[0], method) for method in AS_REHEARSAL),
    (*ORDERS[1], "rehearsal_unrated"),
    *((*order, "greedy") for order in ORDERS),
)
STRENGTHS = {
    "l2_sp": (1e-3, 1e-2, 1e-1),
    "ewc": (1e2, 1e3, 1e4),
    "rehearsal": (0.1, 0.33, 1.0),
    "old_self": (0.3, 1.0, 3.0),
    "wise": (0.33, 1.0, 3.0),
}
RATES = {
    "frozen": (3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1),
    "lora": (2e-4, 5e-4, 1e-3, 2e-3, 4e-3, 8e-3),
    "plain": (2e-5, 5e-5, 1e-4, 2e-4, 4e-4, 8e-4),
    "greedy": (2e-5, 5e-5, 1e-4, 2e-4, 4e-4, 8e-4),
    "joint": (2e-5, 5e-5, 1e-4, 2e-4, 4e-4, 8e-4),
}
BUDGET = """10 methods in 2 orders x (6 trials + 5 seeds), the start and five small variants x 5
seeds: about 270 runs of 100 steps of 16 texts (joint: 225), each some 25 s on one core with its
predictions, and ten starts of a minute: an hour on two cores."""


def trials(variant) -> list[dict]:
    """Six settings for everybody."""
    method = settings_from(variant)[2]
    if method in RATES:
        return [{"learning_rate": rate} for rate in RATES[method]]
    return [
        {"learning_rate": rate, "strength": strength}
        for rate in (1e-4, 2e-4)
        for strength in STRENGTHS[method]
    ]


def settings_from(variant):
    """Other amounts of old texts follow rehearsal; the start needs no setting."""
    method = variant[2]
    if method in AS_REHEARSAL:
        return (*variant[:2], "rehearsal")
    return (*variant[:2], "plain") if method == "start" else variant


def run(variant, settings: dict, seed: int, configuration: dict, tested: bool = True):
    """Learn the first domain, or take it from the cache; learn the second; predict both."""
    *domains, method = variant
    limit = configuration.get("only")
    name, _, amount = method.rpartition("_") if method[-1].isdigit() else (method, "", "")
    model, parts, told = second_learnt(
        name, tuple(domains), settings, seed, configuration, int(amount) if amount else None
    )
    known = {}

    def predictor(texts):
        key = tuple(texts)
        if key not in known:
            known[key] = predict(model, tokenize(texts), precision=configuration["precision"])
        return known[key]

    validation = {domain: part.validation for domain, part in zip(domains, parts, strict=True)}
    read = {"training": domains, "selection": domains[1:] if method == "greedy" else domains}
    predicted = to_predict(domains, limit) if tested else {}
    found = outcome(predictor, told, validation, predicted, labels_read=read)
    found.numbers.update(on_validation(predictor, parts))
    if method == "greedy":
        found.numbers["validation"] = found.numbers["validation_error_new"]
    found.numbers["moved"] = round(told["moved"], 3)
    return found


def on_validation(predictor, parts: tuple[Part, Part]) -> dict[str, float]:
    """r and error of the old and the new domain's validation texts, and the mean of both errors."""
    numbers = {}
    for name, part in zip(("old", "new"), parts, strict=True):
        said = predictor([one.text for one in part.validation])
        wanted = ratings_of(part.validation)
        numbers[f"validation_error_{name}"] = mean_square(said, wanted) / part.variance
        numbers[f"validation_r_{name}"] = pearson(said, wanted) if said.std() > 0 else 0.0
    errors = numbers["validation_error_old"], numbers["validation_error_new"]
    numbers["validation"] = sum(errors) / 2
    return {name: round(value, 5) for name, value in numbers.items()}


def trial(variant, settings: dict, seed: int, configuration: dict):
    """As `run`, but no test text is looked at."""
    return run(variant, settings, seed, configuration, tested=False)


STUDY = Study(
    name="forgetting_frontier",
    variants=VARIANTS,
    search=trials,
    seeds=(0, 1, 2, 3, 4),
    run=run,
    trial=trial,
    settings_from=settings_from,
    configuration={
        "splits": SPLITS_SHA256,
        "precision": "bfloat16",
        "batch_size": 16,
        "first_labels": 1000,
        "first_steps": 150,
        "first_rate": 2e-4,
        "labels": 500,
        "most_validation": 100,
        "steps": 100,
        "joint_steps": 225,
        "fisher_texts": 200,
    },
    budget_text=" ".join(BUDGET.split()),
    past_the_edge=("learning_rate", "strength"),
    quick={
        "only": 60,
        "precision": "float32",
        "first_steps": 5,
        "steps": 5,
        "joint_steps": 5,
        "fisher_texts": 4,
    },
    quick_variants=(("movies", "tweets", "plain"), ("movies", "tweets", "ewc")),
    check={
        "variant": ["movies", "tweets", "l2_sp"],
        "settings": {"learning_rate": 2e-4, "strength": 0.01},
        "seed": 0,
        "configuration": {"only": 100, "precision": "float32", "first_steps": 10, "steps": 10},
    },
)

if __name__ == "__main__":
    main(STUDY)
