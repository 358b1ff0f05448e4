"""Which size is best for a budget? Four small language models, three budgets, one small text.

The text is that of all four domains, without ratings, cut into 512 pieces by byte-pair encoding
that was learnt from it. A budget is a number of floating-point operations, every matrix product
counted (`lessons_lib/measure/scaling.py`): what a size costs a token decides how many tokens it
reads. Text comes again when it is used up, as it has to with so little; one more variant reads an
eighth of the text eight times as often.

The learning rate is searched for each size, at the middle budget. The loss is in nats per piece.
"""

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache

import torch
from torch import Tensor

from lessons_lib.data.byte_pairs import ByteLevelBytePair, byte_letters
from lessons_lib.data.reviews import DOMAINS
from lessons_lib.data.tokens import learn_merges
from lessons_lib.measure.scaling import training_flops
from lessons_lib.model.layers import Config
from lessons_lib.model.transformer import LanguageModel, count_parameters
from lessons_lib.training.loop import train
from lessons_lib.training.objectives import loss_over, prediction_loss
from lessons_lib.training.plan import Plan
from studies.engine import Study, main
from studies.runs import Outcome
from studies.shared.texts import unrated

WIDTHS = ("16", "32", "56", "96")  # d_model
BUDGETS = ("8e10", "3.2e11", "1.28e12")  # floating-point operations of a training
SEARCHED_AT = BUDGETS[1]
END = "<|end|>"  # behind every text
PIECE_COUNT = 512  # bytes, merges and END
MIN_COUNT = 5  # merges are learnt from words that occur so often
SHARES = {"an eighth": 8}  # of the text


@cache
def tokenizer() -> ByteLevelBytePair:
    """512 pieces, learnt from the training texts."""
    letters = byte_letters()
    words = Counter(
        "".join(letters[byte] for byte in word.encode())
        for text in _texts("train")
        for word in re.findall(r" ?\w+| ?[^\w\s]+", text)
    )
    often = {word: count for word, count in words.items() if count >= MIN_COUNT}
    merges = learn_merges(often, PIECE_COUNT - len(letters) - 1)
    pieces = [END, *letters.values(), *("".join(pair) for pair in merges)]
    return ByteLevelBytePair(pieces, merges, special=(END,))


@cache
def stream(part: str, share: int = 1) -> Tensor:
    """All texts of a part one behind the other, in a random order: ids (N,); every n-th of them."""
    texts = _texts(part)
    order = torch.randperm(len(texts), generator=torch.Generator().manual_seed(0)).tolist()
    pieces = tokenizer()
    ids = [
        number
        for place in order[::share]
        for number in [*pieces.encode(texts[place]), pieces.id_of[END]]
    ]
    return torch.tensor(ids)


def _texts(part: str) -> list[str]:
    return [text for domain in DOMAINS for text in unrated(domain, part)]


def windows(ids: Tensor, length: int, first: int = 0) -> Tensor:
    """The stream cut into pieces of `length` + 1 that overlap by one: (windows, length + 1)."""
    return ids[first:].unfold(0, length + 1, length)


def batches(ids: Tensor, configuration: dict, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless (inputs, labels): all windows in a random order, then again, cut elsewhere."""
    rng = torch.Generator().manual_seed(seed)
    length, size = configuration["length"], configuration["batch_size"]
    while True:
        first = int(torch.randint(length, (1,), generator=rng))
        cut = windows(ids, length, first)
        for rows in torch.randperm(len(cut), generator=rng).split(size)[:-1]:
            yield cut[rows, :-1], cut[rows, 1:]


def run(variant: tuple[str, ...], settings: dict, seed: int, configuration: dict) -> Outcome:
    """Train one size for one budget; its loss on validation and on test texts."""
    torch.set_num_threads(1)  # runs are small: one core each, so that results do not depend on it
    width, budget, *share = variant
    config, length = _config(int(width), configuration), configuration["length"]
    ids = stream("train", SHARES[share[0]] if share else 1)
    torch.manual_seed(seed)
    model = LanguageModel(len(tokenizer()), config)
    sizes = config.d_model, config.num_layers, config.d_ff
    a_token = training_flops(*sizes, len(tokenizer()), length)
    a_step = configuration["batch_size"] * length
    steps = round(float(budget) * configuration["part_of_budget"] / (a_token * a_step))
    rate = settings["learning_rate"]
    plan = Plan(steps, rate, warmup_steps=steps // 10, decay="cosine")
    train(model, batches(ids, configuration, seed), prediction_loss, plan)
    parameters, tokens = count_parameters(model.body), steps * a_step
    numbers = {
        "validation": _loss(model, "validation", length),
        "loss": _loss(model, "test", length),
        "parameters": parameters,
        "tokens": tokens,
        "passes": tokens / len(ids),
        "flops": a_token * tokens,
        "flops_6nd": 6 * parameters * tokens,
    }
    return Outcome({name: round(value, 5) for name, value in numbers.items()})


def seeds_of(variant: tuple[str, ...]) -> tuple[int, ...]:
    """Three; one for the dearest run, the smallest size at the largest budget."""
    return (0,) if variant == (WIDTHS[0], BUDGETS[-1]) else (0, 1, 2)


def _config(d_model: int, configuration: dict) -> Config:
    layers = configuration["num_layers"]
    return Config(
        d_model=d_model, num_heads=4, num_layers=layers, d_ff=4 * d_model, positions="rotary"
    )


def _loss(model: LanguageModel, part: str, length: int) -> float:
    """Nats per piece, over all windows of a part."""
    groups = windows(stream(part), length).split(64)
    return loss_over(model, [(rows[:, :-1], rows[:, 1:]) for rows in groups])


def prepare(configuration: dict, variants: list) -> dict:
    """What the text is, for the record: pieces of each part, and bytes a piece."""
    parts = {part: len(stream(part)) for part in ("train", "validation", "test")}
    num_bytes = sum(len(text.encode()) for text in _texts("test"))
    told = {f"{part}_pieces": count for part, count in parts.items()}
    return told | {"bytes_a_piece": round(num_bytes / parts["test"], 3)}


STUDY = Study(
    name="scaling",
    variants=(
        *((width, budget) for budget in BUDGETS for width in WIDTHS),
        ("56", BUDGETS[-1], "an eighth"),
    ),
    search={"learning_rate": (3e-3, 1e-2, 3e-2)},
    settings_from=lambda variant: (variant[0], SEARCHED_AT),
    past_the_edge=("learning_rate",),
    seeds=seeds_of,
    run=run,
    prepare=prepare,
    configuration={
        "length": 64,
        "batch_size": 8,
        "num_layers": 2,
        "part_of_budget": 1.0,
    },
    budget_text="4 sizes x 3 budgets + 1, from 3 seeds (one from 1), and 4 sizes x 3 rates: 49 "
    "runs, of 8e10 to 1.28e12 floating-point operations; some 25 minutes on one core",
    quick={"part_of_budget": 0.02},
    quick_variants=tuple((width, SEARCHED_AT) for width in WIDTHS),
    check={
        "variant": ["32", "8e10"],
        "settings": {"learning_rate": 1e-2},
        "seed": 0,
        "configuration": {"part_of_budget": 0.2},
    },
)

if __name__ == "__main__":
    main(STUDY)
