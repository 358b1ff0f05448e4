"""Speed and memory of the course's encoder, and of two real jobs, beside what people use.

python -m bench.encoder            measure the encoder; about ten minutes on two quiet cores
python -m bench.real_job           encode all snippets, fine-tune on tweets; about twenty
python tools/speed_page.py         put the results into book/speed.md
With --quick the first two take a taste, and write no file.
"""
