"""Advice on people, on what to try next, and on the texts themselves."""

from collections.abc import Mapping

from lessons_lib.measure.intervals import Difference
from lessons_lib.transfer.advise import studied
from lessons_lib.transfer.advise.reading import Labelled
from lessons_lib.transfer.advise.step import Advice, signed

_DOMAINS, _TUNING, _FEW = "11_domains_and_transfer", "12_fine_tuning", "13_parameter_efficient"
FAR, MUCH = 1.0, 0.05


def people(found: Mapping, measure: str) -> list[Advice]:
    """What one person beside the best of the methods says."""
    ceiling = found["ceiling"]
    if "human" not in ceiling:
        return []
    tried = {
        "Frozen probe": found["probes"]["probe"],
        "Probe and VADER": found["lexicon"]["blended"],
        "VADER": found["lexicon"]["vader"],
    }
    name, best = max(tried.items(), key=lambda one: one[1].value)
    human = ceiling["human"]
    rests = f"{name}: {measure} {best}; one person {human}; best possible {ceiling['best']:.2f}."
    if best.high < human.low:
        sentence = "Improve the model before the labels: one person is still clearly ahead of it."
    elif best.low > human.high:
        sentence = "Ask more people for each test text before you improve the model further."
    else:
        sentence = "Count the best of these as one more person: no difference can be shown."
    return [Advice(sentence, rests, _DOMAINS)]


def next_steps(data: Labelled, found: Mapping, reads: bool) -> list[Advice]:
    """What the studies opened next; they had ratings only.

    Args:
        reads: whether the frozen probe is shown to be above the floor.
    """
    most = found["curve"]["most"]
    if not data.is_rated or not reads or most < studied.LEAST_LABELS:
        return []
    size, chosen = studied.opened_at(most)
    told = "; ".join(f"{name}: {what}, r {r:.2f}" for name, (what, r) in chosen.items())
    advice = [
        Advice(
            "Next, open layers of the encoder: where frozen features could be chosen as well, our "
            "study did not choose them. (On your texts this is not tested.)",
            f"Study labels_needed, chosen by validation texts with {size:,} labels: {told}.",
            _TUNING,
        )
    ]
    labels, below = studied.head_below_lora()
    if most >= labels:
        each = "; ".join(
            f"{k} {signed(Difference(v['value'], v['low'], v['high'], v['p']))}"
            for k, v in below.items()
        )
        advice.append(
            Advice(
                "If you keep one model for several domains, put LoRA into it rather than a head "
                "on top. (On your texts this is not tested.)",
                f"Study parameters_against_quality, {labels} labels, a head alone minus LoRA on "
                f"sealed texts: {each}.",
                _FEW,
            )
        )
    return advice


def texts(found: Mapping) -> list[Advice]:
    """What is wrong with the texts themselves."""
    given = []
    if (rest := found["shift"].get("rest")) is not None and rest > FAR:
        given.append(
            Advice(
                "Label some of your unlabelled texts: those with labels are not like them.",
                f"Distance between the two: {rest:.1f} of 2.",
                _DOMAINS,
            )
        )
    if (cut := found["read"]["cut"]) > MUCH:
        given.append(
            Advice(
                "Cut long texts into parts and label or average these: the encoder does not see "
                "their ends.",
                f"{cut:.0%} of the texts are longer than it reads.",
                "05_tokens",
            )
        )
    if (repeats := found["read"]["repeats"]) > MUCH:
        given.append(
            Advice(
                "Take repeats out before you split: here they were kept on one side.",
                f"{repeats:.0%} of the texts are word for word an earlier one.",
                _DOMAINS,
            )
        )
    return given
