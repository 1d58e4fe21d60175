"""Reads messages, a JSON object a line, and checks their blocks as Slack's own SDK does before it sends them.

Prints a line for each that the SDK refuses, and `checked N` at the end.
"""

import json
import sys

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block

checked = 0
for number, line in enumerate(sys.stdin, 1):
    message = json.loads(line)
    blocks = Block.parse_all(message["blocks"])
    if len(blocks) != len(message["blocks"]) or any(block is None for block in blocks):
        print(f"line {number}: the SDK knows a block not")
    for block in blocks:
        try:
            block.to_dict()
        except SlackObjectFormationError as error:
            print(f"line {number}: {error}")
    checked += 1
print("checked", checked)
