"""Whatever a reader hands in: it is read, or one sentence says what is wrong and what to do."""

import csv
import io

import numpy as np
import pytest
from labelled_files import csv_of, saved, some_texts

from lessons_lib.transfer.advise.__main__ import main
from lessons_lib.transfer.advise.csv_file.decoding import BadTexts, text_of
from lessons_lib.transfer.advise.csv_file.table import number_of, table_of
from lessons_lib.transfer.advise.reading import MOST_TEXTS, read_labelled


def read(path, **columns):
    return read_labelled(path, columns)


def refused(path, capsys, *options: str) -> str:
    """What the command says on its way out: one sentence, status 2, and the folder as it was."""
    before = {file: file.read_bytes() for file in path.parent.iterdir() if file.is_file()}
    assert main([str(path), *options]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("Expected ") and said.err.count("\n") == 1
    after = {file: file.read_bytes() for file in path.parent.iterdir() if file.is_file()}
    assert after == before
    return said.err


@pytest.mark.parametrize(
    ("encoding", "told"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("latin-1", "windows-1252"),
    ],
)
def test_every_usual_encoding_gives_the_same_texts(tmp_path, encoding, told):
    pairs = [(text.replace("that", "thät"), label) for text, label in some_texts()]
    data = read(saved(tmp_path, csv_of(pairs).encode(encoding)))
    assert data.texts == [text for text, _ in pairs]
    assert data.labels.tolist() == [float(label) for _, label in pairs]
    assert data.told["read as"] == f"{told}, commas between cells"


@pytest.mark.parametrize(("sign", "name"), [(";", "semicolons"), ("\t", "tabs"), ("|", "bars")])
def test_the_sign_between_cells_is_found(tmp_path, sign, name):
    pairs = [(f"{text}, and, so, on", label) for text, label in some_texts()]
    data = read(saved(tmp_path, csv_of(pairs, f"text{sign}rating", sign)))
    assert data.texts[0] == pairs[0][0] and name in data.told["read as"]


def test_a_file_that_python_writes_is_read_as_python_reads_it():
    rows = [["text", "label"], ['He said "no, never"', "1"], ["two\nlines", "2"], ["a,b", "3"]]
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    table = table_of(out.getvalue(), "a.csv")
    assert [table.names, *table.rows] == rows
    assert table.lines == [2, 4, 5]  # where each row ends


def test_without_a_header_columns_are_found_by_what_they_hold(tmp_path):
    data = read(saved(tmp_path, csv_of(some_texts(), header=None)))
    assert len(data.texts) == 66
    assert data.told["texts, labels"] == "column 1, column 2"
    assert data.told["read as"].endswith("no header")


def test_decimal_commas_are_numbers(tmp_path):
    pairs = [(text, f"{label},5") for text, label in some_texts()]
    data = read(saved(tmp_path, csv_of(pairs, "text;rating", ";")))
    assert data.labels[0] == float(pairs[0][1].replace(",", "."))
    assert number_of("2,5") == 2.5 and number_of("2,500") is None


def test_quotes_with_a_backslash_are_read(tmp_path):
    pairs = [(f'{text} \\"so\\" he said', label) for text, label in some_texts()]
    data = read(saved(tmp_path, csv_of(pairs)))
    assert data.texts[0].endswith('"so" he said')


def test_tabs_leave_quotes_as_they_stand(tmp_path):
    lines = [f'"quoted" {text}\t{label}' for text, label in some_texts()]
    data = read(saved(tmp_path, "\n".join(["text\tlabel", *lines])))
    assert data.texts[0].startswith('"quoted" The ')


def test_empty_texts_and_labels_are_left_out_and_told(tmp_path):
    pairs = [*some_texts(), ("", "3"), ("  ", "3"), ("Nobody has rated this one yet", "n/a")]
    data = read(saved(tmp_path, csv_of(pairs)))
    assert len(data.texts) == 66
    assert data.told["rows"] == 69
    assert data.told["empty texts, left out"] == 2
    assert data.told["without a label, left out"] == 1


def test_of_300_000_rows_a_sample_is_taken_the_same_each_time(tmp_path):
    lines = (f"number {n} of the many things we saw,{n % 7}" for n in range(300_000))
    path = saved(tmp_path, "text,rating\n" + "\n".join(lines))
    one, again = read(path), read(path)
    assert len(one.texts) == MOST_TEXTS == one.told["drawn from all, the same each time"]
    assert one.texts == again.texts and one.told["rows"] == 300_000
    numbers = [int(text.split()[1]) for text in one.texts]
    assert [n % 7 for n in numbers] == one.labels.tolist()  # each text keeps its own label
    assert abs(np.mean(numbers) - 150_000) < 5 * 300_000 / 12**0.5 / 5_000**0.5


def test_raters_columns_are_found_and_their_mean_is_the_label(tmp_path):
    lines = [f'"{text}",{label},{int(label) + 1}' for text, label in some_texts()]
    data = read(saved(tmp_path, "\n".join(["text,rater_1,rater_2", *lines])))
    assert data.ratings[0] == (1.0, 2.0) and data.labels[0] == 1.5
    assert data.told["raters"] == "rater_1, rater_2"


def test_two_numbers_are_classes_and_words_are(tmp_path):
    pairs = [(text, "yes" if int(label) > 3 else "no") for text, label in some_texts()]
    data = read(saved(tmp_path, csv_of(pairs)))
    assert data.classes == ("no", "yes") and data.positive == 1
    assert data.labels.tolist() == [int(label == "yes") for _, label in pairs]
    pairs = [(text, "0" if label == "no" else "1") for text, label in pairs]
    assert read(saved(tmp_path, csv_of(pairs))).classes == ("0", "1")


def test_a_class_too_rare_is_left_out_and_told(tmp_path):
    pairs = [(text, "yes" if int(label) > 3 else "no") for text, label in some_texts()]
    pairs += [(f"Of this {word} I cannot say", "maybe") for word in ("film", "book")]
    data = read(saved(tmp_path, csv_of(pairs)))
    assert data.classes == ("no", "yes")
    assert data.told["of a class with too few texts, left out"] == 2


def test_repeats_are_never_parted(tmp_path):
    pairs = some_texts() + [(text.upper(), label) for text, label in some_texts()[:5]]
    data = read(saved(tmp_path, csv_of(pairs)))
    assert data.together.repeats == 5
    assert [data.groups[66 + n] == data.groups[n] for n in range(5)] == [True] * 5


def test_no_such_file(tmp_path, capsys):
    assert "there is no" in refused(tmp_path / "nowhere.csv", capsys)


def test_a_folder(tmp_path, capsys):
    (tmp_path / "folder").mkdir()
    assert "is a folder: name a file in it" in refused(tmp_path / "folder", capsys)


@pytest.mark.parametrize("content", [b"", b"\n\n \n", b"\xef\xbb\xbf", b"\xff\xfe"])
def test_an_empty_file(tmp_path, capsys, content):
    assert "texts.csv is empty" in refused(saved(tmp_path, content), capsys)


def test_a_header_alone(tmp_path, capsys):
    assert "has a header alone" in refused(saved(tmp_path, "text,rating\n"), capsys)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"PK\x03\x04" + bytes(range(256)) * 9, "an Excel or another zipped file"),
        (b"%PDF-1.7 and more", "a PDF"),
        (bytes(np.random.default_rng(0).integers(0, 256, 5000, dtype=np.uint8)), "a binary file"),
    ],
)
def test_a_binary_file(tmp_path, capsys, content, kind):
    said = refused(saved(tmp_path, content), capsys)
    assert f"is {kind}: open it in the program that made it" in said


def test_an_encoding_that_the_file_is_not_in(tmp_path, capsys):
    path = saved(tmp_path, csv_of([("thät", "1")]).encode("latin-1"))
    assert "its byte 15 is not" in refused(path, capsys, "--encoding", "utf-8")
    assert "there is no 'klingon'" in refused(path, capsys, "--encoding", "klingon")


def test_bytes_that_no_encoding_explains(tmp_path):
    path = saved(tmp_path, "text,rating\nthät,\x81".encode("latin-1"))
    with pytest.raises(BadTexts, match=r"but line 2 is none: save it as 'CSV UTF-8'"):
        text_of(path)


def test_a_quote_that_never_closes(tmp_path, capsys):
    lines = csv_of(some_texts()).splitlines()
    lines[40] = lines[40].replace('",', ",")
    said = refused(saved(tmp_path, "\n".join(lines)), capsys)
    assert "the row that begins at line 41 is followed by other signs" in said
    lines[66] = '"and the last one never ends,4'
    lines[40] = csv_of(some_texts()).splitlines()[40]
    said = refused(saved(tmp_path, "\n".join(lines)), capsys)
    assert "the row that begins at line 67 never does" in said


def test_a_row_with_more_cells_than_the_header(tmp_path, capsys):
    content = csv_of(some_texts()) + "one, two, three, four,5\n"
    said = refused(saved(tmp_path, content), capsys)
    assert "line 68 of texts.csv has 5: put a text that holds commas in quotes" in said


def test_texts_that_are_all_empty(tmp_path, capsys):
    content = csv_of([("", "4")] * 50)
    assert "all 50 cells are empty" in refused(saved(tmp_path, content), capsys)


@pytest.mark.parametrize("label", ["4", "good"])
def test_one_class(tmp_path, capsys, label):
    content = csv_of([(text, label) for text, _ in some_texts()])
    said = refused(saved(tmp_path, content), capsys)
    assert f"at least 2 different labels in 'rating', but all 66 are '{label}'" in said


def test_three_rows(tmp_path, capsys):
    said = refused(saved(tmp_path, csv_of(some_texts(3))), capsys)
    assert "40 different labelled texts at least, but texts.csv has 3: label more" in said


def test_one_text_again_and_again(tmp_path, capsys):
    content = csv_of([("The same film was fine", str(n % 5)) for n in range(300)])
    assert "has 1 (300 with repeats)" in refused(saved(tmp_path, content), capsys)


def test_a_label_column_that_is_not_there(tmp_path, capsys):
    path = saved(tmp_path, csv_of(some_texts()))
    said = refused(path, capsys, "--label", "stars")
    assert "a column 'stars' in texts.csv, for --label, but it has 'text', 'rating'" in said
    lonely = saved(tmp_path, "text\n" + "\n".join(text for text, _ in some_texts()))
    assert "a column of" in refused(lonely, capsys)


def test_two_columns_that_may_be_the_labels(tmp_path, capsys):
    lines = [f'"{text}",{label},{label}' for text, label in some_texts()]
    said = refused(saved(tmp_path, "\n".join(["text,mood,weight", *lines])), capsys)
    assert "'mood', 'weight' may each be it: name it with --label" in said


def test_ratings_that_are_nearly_all_alike(tmp_path, capsys):
    pairs = [(text, "5") for text, _ in some_texts()]
    pairs[:3] = [(text, str(n)) for n, (text, _) in enumerate(pairs[:3])]
    said = refused(saved(tmp_path, csv_of(pairs)), capsys)
    assert "10 ratings at least in 'rating' that are not 5, the most frequent, but 3 of 66" in said


def test_a_goal_that_nothing_can_reach(tmp_path, capsys):
    said = refused(saved(tmp_path, csv_of(some_texts())), capsys, "--goal", "95")
    assert "between 0 and 1, as r or mean recall is, but got 95" in said


def test_labels_that_mix_words_and_numbers(tmp_path, capsys):
    pairs = some_texts()
    pairs[10] = (pairs[10][0], "good")
    said = refused(saved(tmp_path, csv_of(pairs)), capsys)
    assert "1 of 66 labels are words, the first in line 12, 'good': mend them" in said


def test_too_few_groups(tmp_path, capsys):
    lines = [f'"{text}",{label},{n % 3}' for n, (text, label) in enumerate(some_texts())]
    said = refused(saved(tmp_path, "\n".join(["text,rating,user", *lines])), capsys)
    assert "10 groups of texts at least, but texts.csv has 3" in said


def test_labels_that_are_free_text(tmp_path, capsys):
    pairs = [(text, f"because {n}") for n, (text, _) in enumerate(some_texts())]
    assert "it has 66 different words in 66 rows" in refused(saved(tmp_path, csv_of(pairs)), capsys)


def test_another_file_is_not_overwritten(tmp_path, capsys):
    path = saved(tmp_path, csv_of(some_texts()))
    other = saved(tmp_path, "my own page", "texts_advice.html")
    assert "is a file that is no report of this command" in refused(path, capsys)
    assert other.read_text() == "my own page"
    assert "a folder that exists" in refused(path, capsys, "--out", str(tmp_path / "no" / "a.html"))


def test_neither_a_file_nor_an_example(capsys):
    assert main([]) == 2
    assert "one CSV file, or --example" in capsys.readouterr().err
