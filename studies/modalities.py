"""Does a body that has learnt text read digits, bits and tables better than one that has not?

The body: the first layers of the published encoder, or of the published language model, as they
are; its random twins of one shape (`lessons_lib/model/random_weights.py`): with the weights that
training starts from ("default"), with the mean and spread of each tensor ("matched"), with its very
numbers in another order ("shuffled"). Around it a new beginning and a new end. Open are either
these "ends" (projection, positions, norms, head; Lu et al. 2021, arXiv:2103.05247), or the ends
without the body's norms, or "all"; "two rates" opens all, the body at a thirtieth of the rate.

Rothermel et al. 2021 (arXiv:2107.12460) hold that frozen bodies looked good because nobody had
tuned the others' rates. So every variant tries six settings, rates and decays, on its own
validation examples, goes on where the best rate lies at the edge, and keeps the best of three looks
in each training (so the number of steps is chosen, too). Beside that the same variants at one rate
for all ("at one rate"): what one would have seen without a search; and, at the rate that was found,
three times the steps ("for longer"). Five controls were added after the forecast: two weak rows for
longer, the published body at its random twin's rate, and two bodies of matched weights all open.

Three layers are the standard (a training with all of them open takes a sixth of a minute on one
core); none, one, two and six are variants. A seed is the draw of the labels, the new parts, the
random body and the order. What is no Transformer, or a small one with as many open parameters as
the ends have, has the same trials.
"""

import functools
import time

import numpy as np
import torch
from torch import Tensor, nn

from lessons_lib.base.device import autocast, working
from lessons_lib.measure.results import pack
from lessons_lib.model.layers import Config, EncoderLayer
from lessons_lib.model.pretrained import load_encoder
from lessons_lib.model.smollm import load_language_model
from lessons_lib.training.loop import train
from lessons_lib.training.plan import Plan
from lessons_lib.transfer.frozen_body import classifier_of, open_ends, text_body
from studies.engine import Study, main
from studies.runs import Outcome
from studies.shared.other_data import DATA, Data, Examples, drawn

TEXT = ("encoder", "language model")
ONE_RATE = {"learning_rate": 1e-3, "decay": "weak"}
DECAY = {"weak": 0.01, "strong": 1.0}
BODY_FACTOR = 1 / 30  # of "two rates"
LONGER = 3  # times the steps
FROZEN = ("pretrained", "default", "matched")
CONTROLS = (  # added when the others were known
    ("digits", "300", "encoder 3", "default", "ends for longer"),
    ("digits", "300", "encoder 0", "pretrained", "ends for longer"),
    ("digits", "300", "encoder 3", "pretrained", "ends at matched's rate"),
    ("digits", "300", "encoder 3", "matched", "all"),
    ("digits", "300", "language model 2", "matched", "all"),
)


def _variants():
    """(data, labels, body, weights, what is open); of what is no text model, the first three."""
    for n in ("100", "300", "1000"):
        for weights in FROZEN:
            yield "digits", n, "encoder 3", weights, "ends"
        for weights in ("pretrained", "default"):
            yield "digits", n, "encoder 3", weights, "all"
        for other in ("small transformer", "convolutions", "neighbours", "logistic regression"):
            yield "digits", n, other
    yield "digits", "300", "encoder 3", "shuffled", "ends"
    yield "digits", "300", "encoder 3", "pretrained", "two rates"
    for weights in ("pretrained", "matched"):
        yield "digits", "300", "encoder 3", weights, "ends without norms"
    for layers in ("1", "2", "6"):
        for weights in ("pretrained", "matched"):
            yield "digits", "300", f"encoder {layers}", weights, "ends"
    yield "digits", "300", "encoder 0", "pretrained", "ends"
    for weights in FROZEN:
        yield "digits", "300", "language model 2", weights, "ends"
    for weights in ("pretrained", "default"):
        yield "digits", "300", "language model 2", weights, "all"
    for data, n in (("bits", "1000"), ("table", "100")):
        for weights in ("pretrained", "matched"):
            yield data, n, "encoder 2", weights, "ends"
    yield "bits", "1000", "encoder 2", "default", "all"
    yield "table", "100", "logistic regression"
    for weights in ("pretrained", "matched"):
        yield "digits", "300", "encoder 3", weights, "ends for longer"
    for weights in ("pretrained", "default"):
        yield "digits", "300", "encoder 3", weights, "all for longer"
    for weights in FROZEN:
        yield "digits", "300", "encoder 3", weights, "ends at one rate"
    for weights in ("pretrained", "default"):
        yield "digits", "300", "encoder 3", weights, "all at one rate"


VARIANTS = (*_variants(), *CONTROLS)
BUDGET = """63 variants of 5 seeds, 51 of them with 6 trials (about 7 with those past the edge), of
150 steps. On one core a step of 16 digits takes .03 s with three layers of the encoder frozen and
.07 s with them open, .06 s with six frozen, .04 and .09 s with two layers of the language model:
about 65 minutes of one core, 33 of two."""


def trials(variant: tuple[str, ...]) -> list[dict]:
    """Six settings for everybody."""
    body = variant[2]
    if body == "neighbours":
        return [{"count": count} for count in (1, 2, 3, 5, 7, 9)]
    if body == "logistic regression":
        return [{"penalty": penalty} for penalty in (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)]
    is_slow = body.startswith(TEXT) and variant[4] == "all"
    rates = (1e-4, 3e-4, 1e-3) if is_slow else (1e-3, 3e-3, 1e-2)
    return [{"learning_rate": rate, "decay": decay} for rate in rates for decay in DECAY]


def relied_on(variant: tuple[str, ...]) -> tuple[str, ...]:
    """Who trains for longer takes the rate of the shorter search; at one rate there is no choice.

    The engine asks for a search to wait for, all the same. "at matched's rate" takes what the random
    body has found.
    """
    if variant[-1].endswith(" at matched's rate"):
        return (*variant[:-2], "matched", variant[-1].removesuffix(" at matched's rate"))
    opened = variant[-1].removesuffix(" at one rate").removesuffix(" for longer")
    return (*variant[:-1], opened)


def run(variant, settings: dict, seed: int, configuration: dict, tested: bool = True) -> Outcome:
    """Train on the labels of a seed; see what it says of the test examples."""
    data, count = DATA[variant[0]], min(int(variant[1]), configuration.get("only", 10_000))
    learnt, held_out = drawn(data, count, seed)
    started = time.perf_counter()
    if variant[2] == "neighbours" or variant[2] == "logistic regression":
        predictor, told = _by_library(variant[2], settings, learnt)
    else:
        if variant[-1].endswith("at one rate"):
            settings = ONE_RATE
        predictor, told = _by_training(variant, settings, seed, configuration, learnt, held_out)
    held_out_scores = predictor(held_out.inputs)
    numbers = told | {"validation": _loss(data, held_out_scores, held_out.wanted)}
    if variant[2] == "neighbours":  # whose shares are no probabilities
        numbers["validation"] = 1 - data.right(held_out_scores, held_out.wanted).mean().item()
    seconds, packed = time.perf_counter() - started, {}
    if tested:
        test = data.load("test")
        right = data.right(predictor(test.inputs), test.wanted)
        numbers["accuracy"] = right.mean().item()
        packed["test"] = pack(right.tolist())
    used = {"training": [variant[0]], "selection": [variant[0]]}
    rounded = {name: round(value, 5) for name, value in numbers.items()}
    return Outcome(rounded, packed, training_seconds=seconds, labels_read=used)


def trial(variant, settings: dict, seed: int, configuration: dict) -> Outcome:
    """As `run`, but no test example is looked at."""
    return run(variant, settings, seed, configuration, tested=False)


def _by_library(name: str, settings: dict, learnt: Examples):
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier

    if name == "neighbours":
        found = KNeighborsClassifier(settings["count"], weights="distance")
    else:
        found = LogisticRegression(C=1 / settings["penalty"], max_iter=2000)
    found.fit(learnt.inputs.flatten(1).numpy(), learnt.wanted.numpy())
    num_classes = int(max(found.classes_)) + 1

    def predictor(inputs: Tensor) -> Tensor:
        shares = np.full((len(inputs), num_classes), 1e-4)  # nobody is quite sure
        shares[:, found.classes_] += found.predict_proba(inputs.flatten(1).numpy())
        return torch.tensor(shares).log()

    return predictor, {}


def _by_training(variant, settings, seed, configuration, learnt: Examples, held_out: Examples):
    data, precision = DATA[variant[0]], configuration["precision"]
    bodies(variant[2].rpartition(" ")[0])  # loading them, the first time, draws numbers
    torch.manual_seed(seed)
    model = _model(variant, data, learnt.inputs, seed)
    precision = precision if variant[2].startswith(TEXT) else "float32"
    steps = configuration["steps"] * (LONGER if variant[-1].endswith("for longer") else 1)
    plan = Plan(
        steps,
        settings["learning_rate"],
        warmup_steps=steps // 10,
        check_every=-(-steps // configuration["looks"]),
        precision=precision,
    )

    def loss_of(model, batch):
        return data.loss(_scores(model, data, batch[0]), batch[1])

    def predictor(inputs: Tensor) -> Tensor:
        return _said(model, data, inputs, precision)

    def validate(model):
        return _loss(data, predictor(held_out.inputs), held_out.wanted)

    groups = _groups(model, variant[-1] == "two rates", DECAY[settings["decay"]])
    size = configuration["batch_size"] * (2 if data.last else 1)  # bits stand in few places
    batches = _batches(learnt, size, seed)
    history = train(model, batches, loss_of, plan, validate=validate, groups=groups)
    best = min(history.validation, key=lambda look: look[1])
    opened = sum(p.numel() for p in model.parameters() if p.requires_grad)
    return predictor, {"best_step": best[0], "open": opened, "parameters": _size(model)}


@functools.cache
def bodies(name: str):
    """The published text models; nothing for other names."""
    load = {"encoder": load_encoder, "language model": load_language_model}
    return load[name]() if name in load else None


def _model(variant, data: Data, inputs: Tensor, seed: int) -> nn.Module:
    name, _, size = variant[2].rpartition(" ")
    sizes = (*inputs.shape[1:], data.outputs)
    if variant[2] == "convolutions":
        return Convolutions(data.outputs)
    if variant[2] == "small transformer":
        config = Config(d_model=32, num_heads=4, num_layers=2, d_ff=128)
        layers = [EncoderLayer(config) for _ in range(config.num_layers)]
        return classifier_of(
            {"layers": layers, "d_model": 32, "last_norm": nn.LayerNorm(32)}, *sizes
        )
    body = text_body(bodies(name), int(size), variant[3], seed)
    model = classifier_of(body, *sizes)
    model.requires_grad_(True)
    if variant[4].startswith("ends"):
        open_ends(model, norms="without norms" not in variant[4])
    return model


class Convolutions(nn.Module):
    """Two convolutions and a linear layer, with about as many parameters as the open ends."""

    def __init__(self, num_classes: int):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 24, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(24, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(256, num_classes),
        )  # fmt: skip

    def forward(self, patches: Tensor) -> Tensor:
        rows = patches.unflatten(1, (4, 4)).unflatten(3, (2, 2)).transpose(2, 3)
        return self.layers(rows.flatten(3).flatten(1, 2)[:, None])


def _scores(model: nn.Module, data: Data, inputs: Tensor) -> Tensor:
    """Of classes (B, C), or of bits, place by place (B, last x C)."""
    if not data.last:
        return model(inputs)
    return model.read(model.encoder.hidden(inputs)[:, -data.last :].float()).flatten(1)


@torch.no_grad()
def _said(model: nn.Module, data: Data, inputs: Tensor, precision: str) -> Tensor:
    was_training = model.training
    model.eval()
    with working(model) as device, autocast(precision, device):
        said = [_scores(model, data, part.to(device)).float().cpu() for part in inputs.split(128)]
    model.train(was_training)
    return torch.cat(said)


def _loss(data: Data, scores: Tensor, wanted: Tensor) -> float:
    return data.loss(scores, wanted).item()


def _groups(model: nn.Module, two_rates: bool, decay: float) -> list[dict]:
    """Matrices decay, biases, norms and positions do not; the body's rate, where it has its own."""
    inside = {id(p) for p in model.encoder.layers.parameters()} if two_rates else set()
    groups: dict[tuple, list] = {}
    for name, p in model.named_parameters():
        if p.requires_grad:
            decays = p.dim() > 1 and not name.endswith("places")
            groups.setdefault((decays, id(p) in inside), []).append(p)
    return [
        {
            "params": found,
            "weight_decay": decay * decays,
            "rate_factor": BODY_FACTOR if is_body else 1.0,
            "fused": True,
        }
        for (decays, is_body), found in groups.items()
    ]


def _batches(learnt: Examples, size: int, seed: int):
    rng = torch.Generator().manual_seed(seed)
    while True:
        for places in torch.randperm(len(learnt), generator=rng).split(size):
            if len(places) == min(size, len(learnt)):
                part = learnt.take(places)
                yield part.inputs, part.wanted


def _size(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


STUDY = Study(
    name="modalities",
    variants=VARIANTS,
    search=trials,
    seeds=(0, 1, 2, 3, 4),
    run=run,
    trial=trial,
    settings_from=relied_on,
    configuration={
        "precision": "bfloat16",
        "batch_size": 16,
        "steps": 150,
        "looks": 3,
    },
    budget_text=" ".join(BUDGET.split()),
    past_the_edge=("learning_rate", "penalty"),
    quick={"only": 40, "steps": 4, "precision": "float32"},
    quick_variants=(
        ("digits", "100", "encoder 3", "matched", "ends"),
        ("digits", "300", "language model 2", "pretrained", "ends"),
        ("bits", "1000", "encoder 2", "pretrained", "all"),
        ("table", "100", "logistic regression"),
        ("digits", "100", "convolutions"),
        ("digits", "100", "small transformer"),
        ("digits", "100", "neighbours"),
    ),
    check={
        "variant": ["digits", "100", "encoder 1", "matched", "ends"],
        "settings": {"learning_rate": 3e-3, "decay": "weak"},
        "seed": 0,
        "configuration": {"precision": "float32", "steps": 12},
    },
)

if __name__ == "__main__":
    main(STUDY)
