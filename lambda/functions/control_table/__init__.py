"""The control table of a Region, read and written with rules that hold for everybody.

Items are kept by `pk` and `sk`: (`mode`, `current`), (`ack`, `<layer>#<task id>`),
(`lock`, `upgrade`) and (`journal#<run>`, `<six-digit sequence>`). CloudFormation writes none.
"""
