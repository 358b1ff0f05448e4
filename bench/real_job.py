"""The real job: encode every rated snippet, and fine-tune on 2,100 tweets, beside what people use.

Encoding: `encode_texts` beside `sentence_transformers` and, where they are installed, onnxruntime
and OpenVINO (`bench/backends.py`): the same weights, texts and threads, uncut, in float32.
The snippets are dealt into ten parts, each as mixed as the whole; a part is a round, in which all
have a turn, so each snippet is encoded once by each. Before the first, their vectors are compared.

Fine-tuning: our `fit` beside `transformers.Trainer`, with the same weights,
texts, batch size, steps, rates, decay, clipping and precision, and batches of like length in both.
A round is one seed. Each round is saved as it ends: stopped, the measurement goes on.

python -m bench.real_job          some thirty minutes on two quiet cores
python -m bench.real_job --quick  a taste, into no file
"""

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import torch
from torch import nn

from bench import backends
from bench.timing import compare
from lessons_lib.base.device import fast_precision, usable_cores
from lessons_lib.data.batches import pad
from lessons_lib.data.reviews import DOMAINS, load_domain
from lessons_lib.data.splits import load_split
from lessons_lib.measure.metrics import pearson
from lessons_lib.model.attention import padding_mask
from lessons_lib.model.bert import mean_pool
from lessons_lib.model.encode import encode_texts, tokenize
from lessons_lib.model.pretrained import load_config, load_encoder, load_tensors
from lessons_lib.transfer import fine_tuning
from studies.engine import machine

RESULTS = Path(__file__).resolve().parent / "results" / "real_job.json"
OURS = "lessons_lib"
SAME_VECTOR = 1e-4
PEERS = {
    "encoding": ("sentence_transformers", *backends.RUNTIMES),
    "fine-tuning": ("transformers.Trainer",),
}


@dataclass(frozen=True)
class Sizes:
    """How much is done."""

    snippets: int | None = None  # None = all there are
    parts: int = 10
    tweets: int = 2_100
    tests: int = 1_000
    epochs: int = 3
    seeds: int = 3
    batch_size: int = 32
    learning_rate: float = 1e-4


QUICK = Sizes(snippets=120, parts=2, tweets=96, tests=60, epochs=1, seeds=1)


def all_snippets(count: int | None) -> list[str]:
    """Every snippet of the four domains, in a random order that is always the same."""
    texts = [snippet.text for domain in DOMAINS for snippet in load_domain(domain)]
    random.Random(0).shuffle(texts)
    return texts[:count]


def sentence_transformer(folder: Path):
    """The peer with our weights, whose files `folder` receives."""
    from safetensors.torch import save_file
    from sentence_transformers import SentenceTransformer

    from lessons_lib.model.pretrained import load_tokenizer

    (folder / "config.json").write_text(json.dumps(load_config()), encoding="utf-8")
    save_file(load_tensors(), folder / "model.safetensors", metadata={"format": "pt"})
    load_tokenizer().save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "BertTokenizer", "do_lower_case": True}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    peer = SentenceTransformer(str(folder), device="cpu")  # takes the mean where nothing is said
    peer.max_seq_length = 512
    return peer


def encoding_rounds(sizes: Sizes, results: dict, save: Callable[[], None]) -> None:
    """Seconds of each part, and how far the vectors are apart."""
    texts = all_snippets(sizes.snippets)
    with tempfile.TemporaryDirectory() as folder:
        ways = encoding_ways(Path(folder), sizes)
        require_same_vectors({name: way(texts[:64]) for name, way in ways.items()})  # warms up, too
        job = results.setdefault("encoding", {"texts": len(texts), "rounds": []})
        for number in range(len(job["rounds"]), sizes.parts):
            part = texts[number :: sizes.parts]
            seconds, vectors = _turns(ways, part, number)
            gap = require_same_vectors(vectors)
            job["rounds"].append({"texts": len(part), "seconds": seconds, "gap": gap})
            save()
            print("encoding", job["rounds"][-1], flush=True)


def encoding_ways(folder: Path, sizes: Sizes) -> dict[str, Callable]:
    """Texts to vectors by ours and by every peer that is installed; their files into `folder`."""
    encoder, peer = load_encoder(), sentence_transformer(folder)
    ways = {
        OURS: lambda part: encode_texts(part, encoder, cache=False),
        PEERS["encoding"][0]: lambda part: peer.encode(
            part, batch_size=sizes.batch_size, convert_to_tensor=True, show_progress_bar=False
        ).cpu(),
    }
    if names := backends.installed():
        file = backends.export(encoder, folder / "encoder.onnx")
        for name in names:
            run = backends.RUNTIMES[name](file)
            ways[name] = lambda part, run=run: backends.encode(part, run)
    return ways


def require_same_vectors(vectors: dict[str, torch.Tensor]) -> float:
    """The largest difference from ours.

    Raises:
        AssertionError: it is too large: not the same work.
    """
    gaps = {name: (found - vectors[OURS]).abs().max().item() for name, found in vectors.items()}
    for name, gap in gaps.items():
        if not gap <= SAME_VECTOR:  # NaN is no small gap
            raise AssertionError(f"{name} differs from ours by {gap:.2g}: not the same work")
    return max(gaps.values())


def _turns(ways: dict, part, number: int) -> tuple[dict[str, float], dict]:
    """One turn for each way, in a random order: seconds, and what came back."""
    seconds, found = {}, {}
    for name in random.Random(number).sample(list(ways), len(ways)):
        started = time.perf_counter()
        found[name] = ways[name](part)
        seconds[name] = round(time.perf_counter() - started, 3)
    return seconds, found


class TheirModel(nn.Module):
    """Hugging Face's BertModel with our head: mean of the states, dropout, one linear layer."""

    def __init__(self):
        super().__init__()
        from transformers import BertConfig, BertModel

        known = load_config()
        settings = {k: v for k, v in known.items() if not k.startswith(("_", "transformers"))}
        settings |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
        self.bert = BertModel(BertConfig(**settings), add_pooling_layer=False)
        self.bert.load_state_dict(load_tensors(), strict=False)
        self.dropout, self.head = nn.Dropout(0.1), nn.Linear(known["hidden_size"], 1)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def forward(self, input_ids, attention_mask, labels=None):
        hidden = self.bert(input_ids, attention_mask=attention_mask).last_hidden_state
        pooled = mean_pool(hidden.float(), attention_mask.bool()[:, None])
        found = self.head(self.dropout(pooled)).squeeze(-1)
        loss = None if labels is None else nn.functional.mse_loss(found, labels)
        return {"loss": loss, "logits": found}


def tune_ours(train, test, sizes: Sizes, seed: int, precision: str) -> tuple[float, list[float]]:
    """Seconds of the training, and the predictions for `test`."""
    torch.manual_seed(seed)
    model = fine_tuning.SentimentModel(load_encoder(), "all")
    steps = sizes.epochs * -(-len(train[0]) // sizes.batch_size)
    started = time.perf_counter()
    fine_tuning.fit(
        model,
        *train,
        steps=steps,
        learning_rate=sizes.learning_rate,
        seed=seed,
        precision=precision,
    )
    seconds = time.perf_counter() - started
    return seconds, fine_tuning.predict(model, test, precision=precision)


def tune_theirs(train, test, sizes: Sizes, seed: int, precision: str) -> tuple[float, list[float]]:
    """As `tune_ours`, by `transformers.Trainer`."""
    from transformers import Trainer, TrainingArguments

    torch.manual_seed(seed)
    ids, ratings = train
    ratings = torch.tensor(ratings)
    targets = ((ratings - ratings.mean()) / ratings.std()).tolist()
    rows = [{"input_ids": row, "labels": y} for row, y in zip(ids, targets, strict=True)]
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            num_train_epochs=sizes.epochs,
            per_device_train_batch_size=sizes.batch_size,
            learning_rate=sizes.learning_rate,
            warmup_steps=round(0.1 * sizes.epochs * -(-len(ids) // sizes.batch_size)),
            weight_decay=0.01,
            max_grad_norm=1.0,
            lr_scheduler_type="linear",
            train_sampling_strategy="group_by_length",
            bf16=precision == "bfloat16",
            use_cpu=True,
            save_strategy="no",
            logging_strategy="no",
            report_to=[],
            disable_tqdm=True,
            dataloader_pin_memory=False,
            seed=seed,
        )
        trainer = Trainer(TheirModel(), arguments, train_dataset=rows, data_collator=_collate)
        started = time.perf_counter()
        trainer.train()
        seconds = time.perf_counter() - started
    model = trainer.model.eval()
    found = []
    with torch.no_grad():
        for start in range(0, len(test), 64):
            batch = _collate([{"input_ids": row} for row in test[start : start + 64]])
            found += model(**batch)["logits"].tolist()
    return seconds, found


def _collate(rows: list[dict]) -> dict[str, torch.Tensor]:
    ids, lengths = pad([row["input_ids"] for row in rows])
    batch = {"input_ids": ids, "attention_mask": padding_mask(lengths, ids.size(1))[:, 0].long()}
    if "labels" in rows[0]:
        batch["labels"] = torch.tensor([row["labels"] for row in rows])
    return batch


def tuning_rounds(sizes: Sizes, results: dict, save: Callable[[], None]) -> None:
    """Seconds and final r of each seed, ours and theirs in turn."""
    split = load_split("tweets")
    chosen = random.Random(0).sample(split.train, sizes.tweets)
    train = tokenize([s.text for s in chosen]), [s.rating for s in chosen]
    tests = split.test[: sizes.tests]
    test, ratings = tokenize([s.text for s in tests]), [s.rating for s in tests]
    precision = fast_precision()
    ways = {OURS: tune_ours, PEERS["fine-tuning"][0]: tune_theirs}
    job = results.setdefault("fine-tuning", {"texts": len(chosen), "precision": precision})
    rounds = job.setdefault("rounds", [])
    for seed in range(len(rounds), sizes.seeds):
        found = {"seconds": {}, "r": {}}
        for name in random.Random(seed).sample(list(ways), len(ways)):
            seconds, predicted = ways[name](train, test, sizes, seed, precision)
            found["seconds"][name] = round(seconds, 2)
            found["r"][name] = round(pearson(predicted, ratings), 4)
        rounds.append(found)
        save()
        print("fine-tuning", found, flush=True)


def measure(sizes: Sizes, results_file: Path | None = None) -> dict:
    """Both jobs; goes on where `results_file` stopped, if it is of this kind of machine."""
    packages = ("torch", "transformers", "sentence-transformers", "accelerate")
    packages += tuple(backends.installed())
    versions = {name: version(name).split("+")[0] for name in packages}
    results: dict = {"machine": machine() | {"versions": versions}}
    if results_file and results_file.exists():
        stored = json.loads(results_file.read_text(encoding="utf-8"))
        results = stored if stored["machine"] == results["machine"] else results

    def save() -> None:
        if results_file:
            results_file.parent.mkdir(exist_ok=True)
            results_file.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")

    encoding_rounds(sizes, results, save)
    tuning_rounds(sizes, results, save)
    return results


def compared(results: dict) -> dict[str, dict]:
    """For each job, what `timing.compare` says of ours beside the quickest of its peers."""
    return {
        job: compare({n: _seconds(results, job, n) for n in (OURS, *measured(results, job))}, OURS)
        for job in PEERS
    }


def measured(results: dict, job: str) -> list[str]:
    """The peers that took part in a job."""
    took_part = results[job]["rounds"][0]["seconds"]
    return [name for name in PEERS[job] if name in took_part]


def _seconds(results: dict, job: str, name: str) -> list[float]:
    return [each["seconds"][name] for each in results[job]["rounds"]]


def section(results: dict) -> str:
    """The page's part: both jobs in words and as a table, and how the quality compares."""
    head = "| job | precision | relative speed | 95\u00a0% interval | ours | others |"
    lines = [head, "| --- " * 6 + "|"]
    said, missing = [], []
    for job, found in compared(results).items():
        low, high = found["interval"]
        peers = measured(results, job)
        ours, *theirs = (f"{sum(_seconds(results, job, n)):.0f} s" for n in (OURS, *peers))
        pairs = list(zip(peers, theirs, strict=True))
        others = ", ".join(f"{taken} with `{name}`" for name, taken in pairs)
        said.append(f"{job} takes {ours} with ours, {others}")
        missing += [f"`{name}`" for name in PEERS[job] if name not in peers]
        precision = results[job].get("precision", "float32")
        lines.append(
            f"| {job}, {results[job]['texts']:,} texts | {precision} "
            f"| {found['relative_speed']:.2f} | {low:.2f}\u2060–\u2060{high:.2f} "
            f"| {ours} | {', '.join(f'{name} {taken}' for name, taken in pairs)} |"
        )
    gap = max(r["gap"] for r in results["encoding"]["rounds"])
    (peer,) = PEERS["fine-tuning"]
    quality = {
        name: ", ".join(f"{r['r'][name]:.3f}" for r in results["fine-tuning"]["rounds"])
        for name in (OURS, peer)
    }
    machine = results["machine"]
    cores = f"{machine['threads']} thread{'s' if machine['threads'] > 1 else ''}"
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    told = "; ".join(said)
    absent = f" Not installed, and so missing here: {', '.join(missing)}." if missing else ""
    return (
        f"\nMeasured on: {machine['hardware']}, {cores}; {versions}.\n\n"
        f"{told[0].upper()}{told[1:]}. Seconds are those of all rounds together.{absent} "
        f"No number of any vector differs by more than {gap:.0e}. After fine-tuning, r on the "
        f"test tweets is {quality[OURS]} with ours and {quality[peer]} with the peer, a number "
        "for each seed.\n\n"
        "<details><summary>Both jobs as a table</summary>\n\n"
        + "\n".join(lines)
        + "\n\n</details>\n\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a taste, into no file")
    arguments = parser.parse_args()
    torch.set_num_threads(usable_cores())  # as ours has, for all
    if arguments.quick:
        print(section(measure(QUICK)))
    else:
        measure(Sizes(), RESULTS)


if __name__ == "__main__":
    main()
