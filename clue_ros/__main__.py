"""``python -m clue_ros``: the ``clue`` command from a bare source tree."""

import sys

from clue_ros.cli.main import main

sys.exit(main())
