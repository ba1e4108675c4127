"""`python -m qwen_chat` is the command qwen-chat."""

import sys

from qwen_chat.cli import main

sys.exit(main())
