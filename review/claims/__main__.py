"""`python -m review.claims`: render docs/claims.md, or check that it is up to date."""

import sys

from review.claims.page import main

sys.exit(main())
