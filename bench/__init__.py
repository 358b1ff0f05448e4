"""Speed and memory of the course's encoder beside those that people use.

python -m bench.encoder            measure; about ten minutes on two quiet cores
python -m bench.encoder --quick    one small row, into no file
python -m bench.page               put the results into book/speed.md
"""
