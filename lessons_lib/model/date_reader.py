"""A small encoder that reads a written date: five questions before its signs, five answers."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from lessons_lib.data.batches import rectangle
from lessons_lib.data.dates import DateExample
from lessons_lib.data.tokens import Vocabulary
from lessons_lib.model.layers import Config
from lessons_lib.model.transformer import Encoder, TokenEmbedding

ANSWERS = {"day": 31, "month": 12, "century": 2, "tens": 10, "units": 10}  # how many there are
QUESTIONS = tuple(f"<{name}>" for name in ANSWERS)


class DateReader(nn.Module):
    """Signs in, the scores of day, month, century, tens and units of the year out.

    Args:
        vocab_size: signs, the five questions among them: they are the first ids.
        config: sizes of the layers.
    """

    def __init__(self, vocab_size: int, config: Config):
        super().__init__()
        self.embedding = TokenEmbedding(vocab_size, config.d_model)
        self.body = Encoder(config)
        self.heads = nn.ModuleDict(
            {name: nn.Linear(config.d_model, size) for name, size in ANSWERS.items()}
        )

    def hidden(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """ids (B, L), the five questions first -> (B, L, d_model)."""
        return self.body(self.embedding(ids), mask)

    def logits(self, hidden: Tensor) -> list[Tensor]:
        """hidden (B, L, d_model) -> for each question the scores of its answers (B, answers)."""
        return [head(hidden[:, place]) for place, head in enumerate(self.heads.values())]

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> list[Tensor]:
        """As `logits`, of the ids."""
        return self.logits(self.hidden(ids, mask))


def question_ids(
    examples: Sequence[DateExample], vocabulary: Vocabulary, cut=list
) -> list[list[int]]:
    """The five questions, then each date's signs, as `cut` cuts its text."""
    asked = list(range(len(QUESTIONS)))
    return [asked + vocabulary.encode(cut(one.written)) for one in examples]


def answers_of(examples: Sequence[DateExample]) -> Tensor:
    """The five right answers of each example, counted from 0: (N, 5).

    >>> answers_of([DateExample("en", "yMMMd", "Mar 3, 2021", "2021-03-03")]).tolist()
    [[2, 2, 1, 2, 1]]
    """
    rows = []
    for one in examples:
        year, month, day = one.iso.split("-")
        is_late = int(year >= "2000")
        rows.append([int(day) - 1, int(month) - 1, is_late, int(year[2]), int(year[3])])
    return torch.tensor(rows)


def reading_loss(scores: Sequence[Tensor], answers: Tensor) -> Tensor:
    """Nats of a whole date: the five cross-entropies added up, mean over the examples."""
    columns = answers.unbind(dim=1)
    return sum(
        functional.cross_entropy(one, right) for one, right in zip(scores, columns, strict=True)
    )


@torch.no_grad()
def read(model: DateReader, rows: Sequence[Sequence[int]], batch_size: int = 256) -> list[str]:
    """The dates that a model reads, as YYYY-MM-DD."""
    model.eval()
    found = []
    for start in range(0, len(rows), batch_size):
        scores = model(*rectangle(rows[start : start + batch_size]))
        for day, month, late, tens, units in torch.stack([s.argmax(1) for s in scores], 1).tolist():
            found.append(f"{20 if late else 19}{tens}{units}-{month + 1:02}-{day + 1:02}")
    return found
