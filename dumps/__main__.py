"""`python -m dumps`: the command of scheduled tasks, and of people."""

import sys

from dumps.command import main

sys.exit(main())
