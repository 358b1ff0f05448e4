"""What the course's studies say at a number of labels, read from their stored results."""

import numpy as np

from lessons_lib.measure.results import final_runs, load_results

_OPENED = {"all": "everything", 1: "the top layer", 2: "the top two layers"}
_DOMAINS = {"films": "movies", "tweets": "tweets"}
LEAST_LABELS = 16


def opened_at(num_labels: int) -> tuple[int, dict[str, tuple[str, float]]]:
    """What the study `labels_needed` chose to train, at the most labels that are not more.

    Frozen features with ridge regression were among what it could choose.

    Returns:
        The study's number of labels, and by domain what was chosen and r on the test texts, the
        mean over seeds.

    Raises:
        ValueError: there are fewer labels than the study's fewest.
    """
    results = load_results("labels_needed")
    sizes = {int(v[1]) for v in map(tuple, results["variants"]) if v[1].isdigit()}
    tried = [size for size in sizes if size <= num_labels]
    if not tried:
        raise ValueError(f"the study's fewest labels are {min(sizes)}, got {num_labels}")
    runs = {
        (size, name): final_runs(results, (domain, str(size), "pretrained"))
        for size in tried
        for name, domain in _DOMAINS.items()
    }
    common = max(size for size in tried if all(runs[size, name] for name in _DOMAINS))
    told = {}
    for name, domain in _DOMAINS.items():
        trained = runs[common, name][0]["settings"].get("trained")
        r = float(np.mean([run["numbers"][f"r_{domain}"] for run in runs[common, name]]))
        told[name] = (_OPENED.get(trained, "nothing"), r)
    return common, told


def head_below_lora() -> tuple[int, dict[str, dict]]:
    """How far a head alone is below LoRA in `parameters_against_quality`, on its sealed texts.

    Returns:
        The labels that were used, and by domain value, low and high of the difference in r.
    """
    results = load_results("parameters_against_quality")
    contrasts = {one["contrast"]: one for one in results["sealed"]["contrasts"]}
    named = {"tweets": "head - lora, tweets", "films": "head - lora, movies"}
    return results["configuration"]["labels"], {k: contrasts[v] for k, v in named.items()}


def blend_on_tweets() -> dict:
    """Three other domains blended with VADER, minus VADER, in `source_target_matrix`, sealed."""
    contrasts = load_results("source_target_matrix")["sealed"]["contrasts"]
    wanted = "three others blended with VADER - VADER, tweets"
    return next(one for one in contrasts if one["contrast"] == wanted)
