"""Make the file of the site's student: two layers, few word vectors, a byte a weight.

    python -m studies.site_student student.safetensors

The recipe is that of the study `distillation`, its variant ("site", "ensemble"), seed 0, at the
rate that the study's search has found. The five teachers are trained first where the cache does
not hold them: half an hour of one core in all. The same kind of processor gives the same bytes.
"""

import argparse
import hashlib
from pathlib import Path

import numpy as np
import torch

from lessons_lib.base.files import atomic_write
from lessons_lib.data.reviews import DOMAINS
from lessons_lib.data.splits import load_split
from lessons_lib.measure.metrics import pearson
from lessons_lib.measure.results import load_results
from lessons_lib.transfer.outcomes import ratings_of
from studies.distillation import STUDY, site
from studies.engine import best_settings
from studies.shared.students import read_by
from studies.shared.teachers import SEEDS, make_all, teacher

VARIANT = ("site", "ensemble")


def make(path: Path, configuration: dict, settings: dict) -> dict:
    """Write the file; what is told of it.

    Returns:
        "bytes", "sha256"; by domain "r" of the student's file on the test texts, "teacher", the
        mean r of five, "ensemble", r of their mean.
    """
    torch.set_num_threads(1)  # sums do not depend on the number of cores
    make_all(SEEDS, [None], configuration)
    content, reading, _ = site(settings, SEEDS[0], configuration)
    with atomic_write(path) as out:
        out.write(content)
    precision, limit = configuration["precision"], configuration.get("only")
    readers = [read_by(teacher(seed, configuration), precision) for seed in SEEDS]
    told = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    for domain in DOMAINS:
        test = load_split(domain).test[:limit]
        texts, ratings = [one.text for one in test], ratings_of(test)
        each = np.array([reader(texts) for reader in readers])
        told[domain] = {
            "r": pearson(reading(precision)(texts), ratings),
            "teacher": float(np.mean([pearson(one, ratings) for one in each])),
            "ensemble": pearson(each.mean(axis=0), ratings),
        }
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("path", type=Path, help="where the file goes, such as s.safetensors")
    path = parser.parse_args().path
    settings = best_settings(load_results(STUDY.name), STUDY.settings_from(VARIANT))
    told = make(path, STUDY.configuration, settings)
    print(f"{path}: {told['bytes']:,} bytes, sha256 {told['sha256']}")
    for domain in DOMAINS:
        r, one, five = (told[domain][name] for name in ("r", "teacher", "ensemble"))
        against = f"a teacher {one:.3f} ({r - one:+.3f}), the five {five:.3f} ({r - five:+.3f})"
        print(f"{domain}: r {r:.3f}; {against}")


if __name__ == "__main__":
    main()
