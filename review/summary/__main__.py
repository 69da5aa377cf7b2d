"""`python -m review.summary --environment NAME cdk.out`."""

import sys

from assembly.command import answer
from review.summary.command import main

sys.exit(answer(main, "summary"))
