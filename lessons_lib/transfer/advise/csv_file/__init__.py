"""The reader's file: from bytes to texts, labels and groups, or one sentence that says why not."""
