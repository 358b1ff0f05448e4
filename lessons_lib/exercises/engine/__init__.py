"""What makes exercises work: how one is declared, judged, guarded, shown and remembered.

A chapter's exercises are declared in the module of the chapter's name beside this package.
"""
