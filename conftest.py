"""For pytest from the project's root: a notebook's cells are tests that depend on their order."""


def pytest_configure(config):
    if config.getoption("nbval", False) or config.getoption("nbval_lax", False):
        config.option.randomly_reorganize = False  # of pytest-randomly; unit tests are shuffled
