"""`python -m review.summary --environment NAME cdk.out`."""

import sys

from review.chosen_environment import answer
from review.summary.command import main

sys.exit(answer(main, "summary"))
