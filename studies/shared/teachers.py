"""Five teachers of one setting, and what they say of the training texts: made once, then kept.

A teacher is the published encoder with a head of nine scores, all six layers open, the word vectors
not, trained on the raters' histograms of some texts of each domain. One kind has never seen a
rating of one of them.
"""

import copy
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import Tensor

from lessons_lib.base.device import autocast, move, working
from lessons_lib.base.files import atomic_write, cache_folder
from lessons_lib.data.batches import by_length, rectangle
from lessons_lib.data.reviews import DOMAINS, Snippet
from lessons_lib.model.encode import tokenize
from lessons_lib.training.loop import train
from lessons_lib.training.plan import Plan
from lessons_lib.transfer.fine_tuning import parameter_groups, rated_batches
from lessons_lib.transfer.students.histogram_model import HistogramModel, histograms, label_loss
from studies.shared.encoders import encoder_of
from studies.shared.texts import draw, rated

SEEDS = (0, 1, 2, 3, 4)
DECIDE = ("splits", "only", "precision", "batch_size", "pool", "teacher_steps", "teacher_rate")


def pool(domain: str, configuration: dict) -> list[Snippet]:
    """The rated texts of a domain that teachers and students are given, the same for all seeds."""
    texts = rated(domain, "train", configuration.get("only"))
    return draw(texts, configuration["pool"], torch.Generator().manual_seed(0))


def teacher(seed: int, configuration: dict, without: str | None = None) -> HistogramModel:
    """A trained teacher, frozen.

    Args:
        without: a domain of which it has never seen a rating; its steps are fewer, so that it sees
            each text as often.
    """
    encoder = copy.deepcopy(encoder_of("pretrained"))
    torch.manual_seed(seed)
    model = HistogramModel(encoder, len(encoder.layers))
    path = _kept("weights", seed, configuration, without)
    if path.is_file():
        model.load_state_dict(load_file(path))
    else:
        domains = [domain for domain in DOMAINS if domain != without]
        texts = [one for domain in domains for one in pool(domain, configuration)]
        steps = configuration["teacher_steps"] * len(domains) // len(DOMAINS)
        plan = plan_of(steps, configuration["teacher_rate"], configuration)
        inputs = tokenize([one.text for one in texts])
        batches = rated_batches(inputs, histograms(texts), configuration["batch_size"], seed)
        train(model, batches, _loss, plan, groups=parameter_groups(model, 1.0))
        _keep(path, model.state_dict())
    return model.eval().requires_grad_(False)


def said_of(domain: str, seed: int, configuration: dict, without: str | None = None) -> Tensor:
    """A teacher's nine scores of all training texts of a domain, in their order: (N, 9).

    A teacher has learnt from the raters of the pool, and of none of the other texts.
    """
    path = _kept(f"said_{domain}", seed, configuration, without)
    if not path.is_file():
        texts = [one.text for one in rated(domain, "train", configuration.get("only"))]
        model = teacher(seed, configuration, without)
        found = scores_of(model, tokenize(texts), configuration["precision"])
        _keep(path, {"scores": found})
    return load_file(path)["scores"]


def said_of_pool(domain: str, seed: int, configuration: dict, without: str | None = None) -> Tensor:
    """The same of the pool's texts, in the pool's order."""
    texts = rated(domain, "train", configuration.get("only"))
    rng = torch.Generator().manual_seed(0)
    places = draw(range(len(texts)), configuration["pool"], rng)
    return said_of(domain, seed, configuration, without)[places]


@torch.no_grad()
def scores_of(model: HistogramModel, inputs: Sequence[Sequence[int]], precision: str) -> Tensor:
    """A model's nine scores of N texts: (N, 9)."""
    found = torch.empty(len(inputs), model.head.out_features)
    model.eval()
    with working(model) as device:
        for places in by_length([len(one) for one in inputs], 64):
            x, mask = move(rectangle([inputs[place] for place in places]), device)
            with autocast(precision, device):
                found[places] = model.scores(x, mask).float().cpu()
    return found


def make_all(seeds: Sequence[int], without: Sequence[str | None], configuration: dict) -> None:
    """Train and ask what is missing, over the cores."""
    from joblib import Parallel, delayed

    wanted = [(seed, name) for name in without for seed in seeds]
    Parallel(n_jobs=-1)(delayed(_make)(*one, configuration) for one in wanted)


def plan_of(steps: int, rate: float, configuration: dict) -> Plan:
    """A tenth of the steps to warm up, no look before the end."""
    return Plan(
        steps,
        rate,
        warmup_steps=steps // 10,
        check_every=steps,
        precision=configuration["precision"],
    )


def _make(seed: int, without: str | None, configuration: dict) -> None:
    torch.set_num_threads(1)
    for domain in [without] if without else DOMAINS:
        said_of(domain, seed, configuration, without)


def _loss(model: HistogramModel, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    x, mask, shares = batch
    return label_loss(model.scores(x, mask), shares)


def _kept(what: str, seed: int, configuration: dict, without: str | None) -> Path:
    """Where something is kept; other settings, another name."""
    decided_by = json.dumps([configuration.get(name) for name in DECIDE])
    digest = hashlib.sha256(decided_by.encode()).hexdigest()[:12]
    kind = f"without_{without}" if without else "all"
    return cache_folder() / "distillation" / f"{kind}_{seed}_{what}_{digest}.safetensors"


def _keep(path: Path, state: dict[str, Tensor]) -> None:
    with atomic_write(path) as out:
        out.write(save({name: tensor.contiguous() for name, tensor in state.items()}))
