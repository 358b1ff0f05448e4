"""The practitioner's checklist on the reader's own labelled texts, and advice from its numbers."""
