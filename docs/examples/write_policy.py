#!/usr/bin/env python3
"""A write policy: no links by keys that are not on a list. Standard library only: write_policy.py [file of hex keys, one a line]

Reads one JSON object a line and answers each with one line. Set `write_policy.command` to its path.
"""
import json, re, sys

LINK = re.compile(r"https?://", re.IGNORECASE)
trusted = set(open(sys.argv[1]).read().split()) if len(sys.argv) > 1 else set()

for line in sys.stdin:
    request = json.loads(line)
    if request["type"] != "new":
        continue
    event = request["event"]
    answer = {"id": event["id"], "action": "accept"}
    if event["kind"] == 1 and event["pubkey"] not in trusted and LINK.search(event["content"]):
        answer |= {"action": "reject", "msg": "blocked: no links before we know you"}
    # Nobody hears of an answer that stays in a buffer.
    print(json.dumps(answer), flush=True)
