"""`python -m hds_bot` is `hds-bot`."""

from __future__ import annotations

import sys

from hds_bot.interfaces.cli import main

sys.exit(main())
