"""The steps of the checklist: each takes the texts and gives a `Step`."""
