"""nostr-sdk for Python against the relay whose URL is the argument: publishes, subscribes, authenticates, counts, searches. Prints
what it saw as JSON."""

import asyncio
import json
import os
import sys
from datetime import timedelta

from nostr_sdk import (
    ClientBuilder, EventBuilder, Filter, Keys, Kind, RelayUrl, ReqTarget, SignerAuthenticator, Tag, Timestamp,
    uniffi_set_event_loop,
)

PATIENCE = timedelta(seconds=20)


async def main():
    # The library calls the authenticator from a thread of its own.
    uniffi_set_event_loop(asyncio.get_running_loop())
    url, keys = RelayUrl.parse(sys.argv[1]), Keys.generate()
    author = keys.public_key()
    client = ClientBuilder().authenticator(SignerAuthenticator(keys)).build()
    await client.add_relay(url)
    await client.connect(PATIENCE)
    relay = await client.relay(url)
    seen = {"author": author.to_hex()}

    def event(kind, content, tags=(), at=None):
        builder = EventBuilder(Kind(kind), content).tags([Tag.parse(list(tag)) for tag in tags])
        return (builder.custom_created_at(Timestamp.from_secs(at)) if at else builder).finalize(keys)

    # Stored, then live.
    first = event(1, 'stored é 😀 "quoted"\n', [("t", "clients")])
    seen["published"] = (await relay.send_event(first)).to_hex() == first.id().to_hex()
    notes = Filter().author(author).kind(Kind(1))
    stored = await client.fetch_events(ReqTarget.auto([notes]), PATIENCE)
    seen["stored"] = [each.content() for each in stored]
    seen["isSame"] = stored[0].as_json() == first.as_json()
    # A client is not told of its own events: another one listens.
    listener = ClientBuilder().build()
    await listener.add_relay(url)
    await listener.connect(PATIENCE)
    notifications = listener.notifications()
    await listener.subscribe(ReqTarget.auto([notes]), "live")
    await relay.send_event(event(1, "live", [("t", "clients")]))
    seen["subscribed"] = []
    while "live" not in seen["subscribed"]:
        notification = await asyncio.wait_for(notifications.next(), 20)
        if notification.is_new_event():
            seen["subscribed"].append(notification.event.content())

    # A replaceable event.
    for at, name in ((1, "old"), (2, "new")):
        await relay.send_event(event(0, json.dumps({"name": name}), at=at))
    profiles = await client.fetch_events(ReqTarget.auto([Filter().author(author).kind(Kind(0))]), PATIENCE)
    seen["profiles"] = [json.loads(each.content())["name"] for each in profiles]

    # Only its authenticated author may publish this: the library answers the challenge.
    guarded = event(1, "protected", [("-",)])
    seen["authenticated"] = (await relay.send_event(guarded)).to_hex() == guarded.id().to_hex()
    seen["count"] = await relay.count_events(notes, PATIENCE)
    # What is stored becomes searchable a moment later.
    seen["found"] = []
    while not seen["found"]:
        found = await client.fetch_events(ReqTarget.auto([notes.search("quoted")]), PATIENCE)
        seen["found"] = [each.content() for each in found]
    await listener.shutdown()
    await client.shutdown()
    print(json.dumps(seen), flush=True)
    # Threads of the library outlive the interpreter, and crash.
    os._exit(0)


asyncio.run(main())
