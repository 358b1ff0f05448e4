"""From a file to the report: it is whole, small and accessible, and says what the numbers say."""

import re
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest
from labelled_files import csv_of, saved, some_texts

from lessons_lib.measure.intervals import Difference, Interval
from lessons_lib.transfer.advise import advice, sources, studied
from lessons_lib.transfer.advise.__main__ import main
from lessons_lib.transfer.advise.links import TITLES, link_to
from lessons_lib.transfer.advise.step import Step


@pytest.fixture(scope="module")
def advised(tmp_path_factory):
    """The command on a small file of two classes, with unlabelled texts; its report and words."""
    folder = tmp_path_factory.mktemp("advised")
    pairs = [(text, "good" if int(label) > 3 else "bad") for text, label in some_texts()]
    path = saved(folder, csv_of(pairs, "review,sentiment"), "mine & yours.csv")
    rest = [f"The weather in town {n} is what it is, and nobody minds" for n in range(30)]
    other = saved(folder, csv_of([(text, "") for text in rest], "review,none"), "rest.csv")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources, "NUM_TRAIN", 30)
        patch.setattr(sources, "NUM_HELD_OUT", 25)
        assert main([str(path), "--unlabelled", str(other)]) == 0
    return folder / "mine & yours_advice.html", path, pairs


class Reader(HTMLParser):
    """Counts elements, and notes ids and what has no head or no name."""

    def __init__(self):
        super().__init__()
        self.count, self.ids, self.open = {}, [], []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.count[tag] = self.count.get(tag, 0) + 1
        self.ids += [attrs["id"]] if "id" in attrs else []
        if tag not in ("meta", "link", "br", "img", "use", "path", "rect"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag in self.open:
            assert self.open.pop() == tag


def test_the_report_is_one_small_file_without_a_script(advised):
    report, path, _ = advised
    page = report.read_text(encoding="utf-8")
    assert report.stat().st_size < 200_000
    assert "<script" not in page and "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page and str(path.parent) not in page
    assert "<title>Advice for mine &amp; yours.csv</title>" in page
    assert "prefers-color-scheme: dark" in page and 'name="viewport"' in page


def test_the_report_is_well_formed_and_can_be_read_aloud(advised):
    page = advised[0].read_text(encoding="utf-8")
    reader = Reader()
    reader.feed(page)
    assert reader.open == [] and len(reader.ids) == len(set(reader.ids))
    assert set(re.findall(r'(?:url\(|href=")#([^")]+)', page)) <= set(reader.ids)
    assert reader.count["h1"] == 1 and reader.count["h2"] == 9  # advice, all methods, seven steps
    assert reader.count["figure"] == page.count('<figure role="img" aria-label="') == 2
    for table in re.findall(r"<table>.*?</table>", page, re.DOTALL):
        body = table.count("<tr>") - 1
        assert table.count('<th scope="row"') == body > 0 and '<th scope="col"' in table


def test_the_file_is_as_it_was_and_a_former_report_is_replaced(advised):
    report, path, pairs = advised
    assert path.read_text() == csv_of(pairs, "review,sentiment")
    assert sorted(p.name for p in path.parent.iterdir()) == [
        "mine & yours.csv",
        "mine & yours_advice.html",
        "rest.csv",
    ]
    from lessons_lib.transfer.advise.report import write

    former = report.read_text(encoding="utf-8")
    write(report, former.replace("What to do", "What to do now"))
    assert "What to do now" in report.read_text(encoding="utf-8")


def test_unlabelled_texts_of_another_kind_are_seen(advised):
    page = advised[0].read_text(encoding="utf-8")
    assert "your unlabelled texts" in page and "those with labels are not like them" in page


def test_a_chapter_is_linked_where_the_course_is_at_hand(tmp_path):
    built = tmp_path / "course" / "_build" / "html" / "notebooks"
    assert link_to("05_tokens", tmp_path, tmp_path / "course") is None
    stored = tmp_path / "course" / "notebooks"
    stored.mkdir(parents=True)
    (stored / "05_tokens.ipynb").write_text("{}")
    assert link_to("05_tokens", tmp_path, tmp_path / "course") == "course/notebooks/05_tokens.ipynb"
    built.mkdir(parents=True)
    (built / "05_tokens.html").write_text("")
    found = link_to("05_tokens", tmp_path / "a", tmp_path / "course")
    assert found == "../course/_build/html/notebooks/05_tokens.html"
    assert all(link_to(chapter, tmp_path) for chapter in TITLES)


def numbers(**changed) -> dict[str, Step]:
    """Steps of a case in the middle; `changed` replaces entries as step__name."""
    found = {
        "read": {"cut": 0.0, "repeats": 0.0, "texts": 300},
        "shift": {"distances": {"movies": 1.0}},
        "ceiling": {},
        "lexicon": {
            "gain": Difference(0.0, -0.1, 0.1, 1.0),
            "over": Difference(0.2, 0.1, 0.3, 0.01),
            "vader": Interval(0.4, 0.3, 0.5),
            "blended": Interval(0.6, 0.5, 0.7),
            "said": None,
        },
        "probes": {
            "probe": Interval(0.6, 0.5, 0.7),
            "words": Interval(0.5, 0.4, 0.6),
            "gap": Difference(0.1, -0.1, 0.3, 0.2),
            "floor": 0.0,
            "said": None,
        },
        "free": {"found": {"model of other domains": Interval(0.5, 0.4, 0.6)}},
        "curve": {
            "goal": 0.57,
            "needed": "100 [50, 200]",
            "number": 100.0,
            "most": 200,
            "before": 128,
            "last": Difference(0.02, 0.01, 0.03, 0.01),
            "given": False,
            "worth": {"model of other domains": "64 [32, 90]"},
        },
    }
    for name, value in changed.items():
        step, entry = name.split("__")
        found[step][entry] = value
    return {name: Step(name, "", found=one) for name, one in found.items()}


def said(monkeypatch, ahead=(0.2, 0.1, 0.3), **changed) -> str:
    monkeypatch.setattr(advice.scoring, "difference", lambda *_: Difference(*ahead, 0.01))
    data = SimpleNamespace(is_rated=True)
    return "\n".join(one.sentence for one in advice.advice_from(data, numbers(**changed)))


def test_advice_turns_with_the_numbers(monkeypatch):
    plain = said(monkeypatch)
    assert "whichever is cheaper to run" in plain
    assert "Train on your labels rather than take the lexicon alone." in plain
    assert "Leave VADER out" in plain and "Until you have some 64 labels" in plain
    assert "100 labels do" in plain and "More labels still help" in plain
    assert "open layers of the encoder" in plain and "LoRA" not in plain
    words = said(monkeypatch, probes__gap=Difference(-0.1, -0.2, -0.05, 0.01))
    assert "Begin with counted words" in words
    assert "Take the lexicon, not" in said(monkeypatch, ahead=(-0.2, -0.3, -0.1))
    assert "Do not pay for labels to beat" in said(monkeypatch, ahead=(0.0, -0.1, 0.1))
    gain = Difference(0.1, 0.05, 0.2, 0.01)
    assert "Add VADER" in said(monkeypatch, lexicon__gain=gain)
    none = Difference(0.0, -0.1, 0.1, 1.0)
    assert "VADER alone" in said(monkeypatch, lexicon__gain=gain, lexicon__over=none)
    flat = said(monkeypatch, curve__last=Difference(0.0, -0.1, 0.1, 1.0))
    assert "Do not expect much from the next labels" in flat
    assert "Label up to some 300 texts" in said(
        monkeypatch, curve__number=300.0, curve__needed="300 [90, 380]"
    )
    far = said(monkeypatch, curve__number=900.0, curve__needed="more than 400 [300, more than 400]")
    assert "Do not count on labels alone" in far and "needs more than 400" in far


def test_advice_on_people_and_texts(monkeypatch):
    human = {"ceiling__best": 0.95, "ceiling__raters": 5.0}
    ahead = said(monkeypatch, ceiling__human=Interval(0.9, 0.85, 0.95), **human)
    assert "one person is still clearly ahead" in ahead
    behind = said(monkeypatch, ceiling__human=Interval(0.3, 0.2, 0.4), **human)
    assert "Ask more people for each test text" in behind
    assert "as one more person" in said(
        monkeypatch, ceiling__human=Interval(0.6, 0.5, 0.7), **human
    )
    worn = said(monkeypatch, read__cut=0.2, read__repeats=0.3, shift__rest=1.5)
    for words in ("Cut long texts", "Take repeats out", "those with labels are not like them"):
        assert words in worn


def test_where_nothing_is_read_no_label_is_recommended(monkeypatch):
    lost = said(monkeypatch, probes__probe=Interval(0.0, -0.1, 0.1))
    assert "Look at the labels before you buy more" in lost
    for words in ("labels do", "More labels", "open layers"):
        assert words not in lost
    away = said(monkeypatch, free__found={"model of other domains": Interval(0.0, -0.1, 0.1)})
    assert "Do not borrow" in away


def test_lora_is_named_from_the_studys_number_of_labels_on(monkeypatch):
    labels, below = studied.head_below_lora()
    assert all(one["high"] < 0 for one in below.values())
    assert "LoRA" in said(monkeypatch, curve__most=labels)
    assert "LoRA" not in said(monkeypatch, curve__most=labels - 1)


def test_what_the_studies_opened():
    size, chosen = studied.opened_at(300)
    assert size == 256 and {what for what, _ in chosen.values()} == {"the top two layers"}
    with pytest.raises(ValueError, match="fewest labels are 16, got 15"):
        studied.opened_at(15)
    assert studied.blend_on_tweets()["low"] < 0 < studied.blend_on_tweets()["high"]
