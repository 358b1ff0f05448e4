"""Experiments that take too long for a page: each a script, a forecast and a file of results.

    python -m studies.length_extrapolation            run or resume it
    python -m studies.length_extrapolation --quick    a minute's worth, into no file

A study first prints its budget. It refuses to run before its forecast, in `forecasts/NAME.json`
under `lessons_lib/results`, has been committed. Every run is saved as it ends, in `NAME.json`.
"""
