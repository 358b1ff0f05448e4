"""Train a small language model on 32 characters; how does it read 512? For each position scheme.

The text is newspaper editorials (`data/reviews.py`), the unit is a character, and the loss is
in nats per character. All lengths are tested on the same target characters, the 481st to 512th of
each test article, with more and more text in front of them. So a scheme that can use, or at least
bear, more context keeps its loss; one that cannot gets worse.
"""

import torch
from torch.nn import functional

from lessons_lib.data.reviews import load_domain
from lessons_lib.data.tokens import Vocabulary
from lessons_lib.model.layers import Config
from lessons_lib.model.positions import SCHEMES
from lessons_lib.model.transformer import LanguageModel
from lessons_lib.training.loop import train
from lessons_lib.training.plan import Plan
from studies.engine import Study, main

LENGTHS = (32, 64, 128, 256, 512)
TARGETS = 16  # the last characters, on which the loss is measured


def articles() -> dict[str, list[str]]:
    """Whole editorials of at least 513 characters, split by article: train, validation, test."""
    texts: dict[str, list[str]] = {}
    for snippet in load_domain("editorials"):
        texts.setdefault(snippet.group, []).append(snippet.text)
    whole = [" ".join(parts) for parts in texts.values()]
    whole = [text for text in whole if len(text) > max(LENGTHS)]
    return {"train": whole[:350], "validation": whole[350:400], "test": whole[400:]}


def run(scheme: str, settings: dict, seed: int, configuration: dict) -> dict[str, float]:
    """Train one model; its loss at each length, on the test articles, and at 32 on validation."""
    torch.set_num_threads(1)  # runs are small: one core each, so that results do not depend on it
    parts = articles()
    characters = Vocabulary("".join(parts["train"]), special=("<unknown>",))
    ids = {name: [torch.tensor(characters.encode(t)) for t in part] for name, part in parts.items()}
    torch.manual_seed(seed)
    model = LanguageModel(len(characters), _config(scheme, configuration))
    plan = Plan(configuration["steps"], settings["learning_rate"], warmup_steps=50, decay="cosine")
    train(model, _batches(torch.cat(ids["train"]), seed, configuration), _loss, plan)
    at = {f"loss_{length}": loss_at(model, ids["test"], length) for length in LENGTHS}
    return {"validation": loss_at(model, ids["validation"], min(LENGTHS)), **at}


def loss_at(model: LanguageModel, texts: list[torch.Tensor], length: int) -> float:
    """Nats per character over the last targets before character 513, with `length` in front."""
    windows = torch.stack([text[max(LENGTHS) - length : max(LENGTHS) + 1] for text in texts])
    with torch.no_grad():
        logits = model(windows[:, :-1])[:, -TARGETS:]
    return functional.cross_entropy(logits.flatten(0, 1), windows[:, -TARGETS:].flatten()).item()


def _config(scheme: str, configuration: dict) -> Config:
    d_model = configuration["d_model"]
    return Config(
        d_model=d_model,
        num_heads=4,
        num_layers=configuration["num_layers"],
        d_ff=4 * d_model,
        positions=scheme,
        max_len=max(LENGTHS),
    )


def _batches(ids: torch.Tensor, seed: int, configuration: dict):
    rng = torch.Generator().manual_seed(seed)
    length = configuration["train_length"]
    while True:
        starts = torch.randint(len(ids) - length, (configuration["batch_size"],), generator=rng)
        yield torch.stack([ids[start : start + length + 1] for start in starts.tolist()])


def _loss(model: LanguageModel, batch: torch.Tensor) -> torch.Tensor:
    logits = model(batch[:, :-1])
    return functional.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())


STUDY = Study(
    name="length_extrapolation",
    variants=SCHEMES,
    search={"learning_rate": (1e-3, 3e-3, 1e-2)},
    seeds=(0, 1, 2, 3, 4),
    run=run,
    configuration={
        "steps": 1_000,
        "batch_size": 32,
        "train_length": 32,
        "d_model": 64,
        "num_layers": 2,
    },
    quick={"steps": 100},
    check={
        "variant": "alibi",
        "settings": {"learning_rate": 3e-3},
        "seed": 0,
        "configuration": {"steps": 60},
    },
)

if __name__ == "__main__":
    main(STUDY)
