"""How much of full fine-tuning do few trained parameters keep, and what do they cost?

From 500 rated texts of one domain (100 of them for validation) to the ratings of other texts of it,
on films and on tweets. Everybody trains a new linear head beside what the technique opens or puts
in: nothing ("head"), the top two layers, all; LoRA of rank 8 and of rank 64, the latter also with
the root's scaling, DoRA, bottleneck adapters, a prefix, a prompt, the biases, (IA)^3.

Everybody tries four learning rates, three times as high one after the other, in a range that fits
the technique, and goes on where the best one lies at the edge. Each training is looked at five
times and keeps the state that is best on the validation texts. "lora_random" is the control: LoRA
in an encoder of the same shape with random weights, its trials as many.

A seed draws the texts anew, starts what is new, orders the texts and drops out.
"""

from dataclasses import replace

import torch

from lessons_lib.data.splits import SPLITS_SHA256
from lessons_lib.model.encode import tokenize
from lessons_lib.transfer.adapters import add_adapters
from lessons_lib.transfer.bias_only import open_biases
from lessons_lib.transfer.ia3 import add_ia3
from lessons_lib.transfer.lora import DoRALinear, add_lora
from lessons_lib.transfer.prefix import add_prefix
from lessons_lib.transfer.prompt import add_prompt
from lessons_lib.transfer.rating_model import SentimentModel
from studies.engine import Study, main
from studies.shared.costs import costs_of
from studies.shared.texts import draw, rated
from studies.shared.tuning import outcome, to_predict, tuned

DOMAINS = ("tweets", "movies")
STARTS_AS = "does the writer like it or not ? how good or bad is it , from very bad to excellent"
TRAINED = {"head": "head", "last_2": 2, "all": "all"}  # "inserted" for all others
INSERTED = {
    "lora": add_lora,
    "lora_64": lambda encoder: add_lora(encoder, rank=64),
    "rslora": lambda encoder: add_lora(encoder, rank=64, scaling="alpha / sqrt(rank)"),
    "dora": lambda encoder: add_lora(encoder, kind=DoRALinear),
    "adapters": lambda encoder: add_adapters(encoder, width=32),
    "prefix": lambda encoder: add_prefix(encoder, starting_words()),
    "prompt": lambda encoder: add_prompt(encoder, starting_words()),
    "bias_only": open_biases,
    "ia3": add_ia3,
    "lora_random": add_lora,
}
TECHNIQUES = (*TRAINED, *INSERTED)
VARIANTS = tuple((technique, domain) for technique in TECHNIQUES for domain in DOMAINS)
LEAST_RATE = {  # the lowest of four
    "head": 3e-3,
    "last_2": 3e-4,
    "all": 3e-5,
    "lora": 3e-4,
    "lora_64": 3e-4,
    "rslora": 1e-4,
    "dora": 3e-4,
    "adapters": 3e-4,
    "prefix": 1e-3,
    "prompt": 3e-3,
    "bias_only": 1e-3,
    "ia3": 3e-3,
    "lora_random": 3e-4,
}
BUDGET = """26 variants x (4 trials + 5 seeds), 234 runs of at most 100 steps of 16 texts, 0.1 to
0.2 s each on one core: about 70 minutes of one core, 35 of two; each search may go four trials
further past its edge."""


def trials(variant) -> list[dict]:
    """Four learning rates, by factors of three."""
    least = LEAST_RATE[variant[0]]
    rates = (float(f"{least * factor:.1g}") for factor in (1, 3.2, 10, 32))
    trained = TRAINED.get(variant[0], "inserted")
    return [{"trained": trained, "learning_rate": rate} for rate in rates]


def run(variant, settings: dict, seed: int, configuration: dict, tested: bool = True):
    """Draw rated texts, set some aside for validation, train on the rest, predict."""
    technique, domain = variant
    limit = configuration.get("only")
    rng = torch.Generator().manual_seed(seed)
    drawn = draw(rated(domain, "train"), configuration["labels"], rng)
    validation, train_on = (
        drawn[: configuration["validation"]],
        drawn[configuration["validation"] :],
    )
    models = []

    def insert(model: SentimentModel) -> None:
        if technique in INSERTED:
            INSERTED[technique](model.encoder)
        models.append(model)

    kind = "default" if technique == "lora_random" else "pretrained"
    settings = settings | {"steps": configuration["steps"]}
    predictor, told = tuned(kind, settings, train_on, seed, configuration, validation, insert)
    read = {"training": [domain], "selection": [domain]}
    predicted = to_predict([domain], limit) if tested else {}
    found = outcome(predictor, told, {domain: validation}, predicted, labels_read=read)
    if not tested:
        return found
    costs = costs_of(models[0], configuration["precision"], configuration["timed"])
    return replace(found, numbers=found.numbers | costs)


def trial(variant, settings: dict, seed: int, configuration: dict):
    """As `run`, but no test text is looked at."""
    return run(variant, settings, seed, configuration, tested=False)


def starting_words() -> list[int]:
    """The 20 tokens as which prefix and prompt start."""
    return tokenize([STARTS_AS])[0][1:-1]


STUDY = Study(
    name="parameters_against_quality",
    variants=VARIANTS,
    search=trials,
    seeds=(0, 1, 2, 3, 4),
    run=run,
    trial=trial,
    configuration={
        "splits": SPLITS_SHA256,
        "precision": "bfloat16",
        "batch_size": 16,
        "labels": 500,
        "validation": 100,
        "steps": 100,
        "looks": 5,
        "timed": True,
    },
    budget_text=" ".join(BUDGET.split()),
    past_the_edge=("learning_rate",),
    quick={"only": 100, "precision": "float32", "labels": 60, "validation": 20, "steps": 5},
    quick_variants=(("lora", "tweets"), ("prompt", "tweets")),
    check={
        "variant": ["lora", "tweets"],
        "settings": {"trained": "inserted", "learning_rate": 3e-3},
        "seed": 0,
        "configuration": {
            "only": 100,
            "precision": "float32",
            "labels": 120,
            "validation": 20,
            "steps": 20,
            "timed": False,
        },
    },
)

if __name__ == "__main__":
    main(STUDY)
