// nostr-tools against the relay whose URL is the argument: publishes, subscribes, authenticates, counts, searches.
// Prints what it saw as JSON.
import { finalizeEvent, generateSecretKey, getPublicKey } from "nostr-tools/pure";
import { Relay, useWebSocketImplementation } from "nostr-tools/relay";
import WebSocket from "ws";

useWebSocketImplementation(WebSocket);

const secret = generateSecretKey();
const author = getPublicKey(secret);
const now = () => Math.floor(Date.now() / 1000);
const sign = (event) => finalizeEvent({ created_at: now(), tags: [], content: "", ...event }, secret);
const seen = { author };

const relay = await Relay.connect(process.argv[2]);

// Stored, then live, on one subscription.
const first = sign({ kind: 1, content: "stored \u0000 é 😀 \"quoted\"\n", tags: [["t", "clients"]] });
seen.published = await relay.publish(first);
const live = sign({ kind: 1, content: "live", tags: [["t", "clients"]] });
seen.subscribed = await new Promise((resolve, reject) => {
  const events = [];
  relay.subscribe([{ kinds: [1], authors: [author] }, { "#t": ["clients"] }], {
    onevent(event) {
      events.push(event.content);
      if (event.id === live.id) resolve([...events]);
    },
    oneose: () => relay.publish(live).catch(reject),
    onclose: reject,
  });
});
seen.isSame = JSON.stringify((await stored([{ ids: [first.id] }]))[0].tags) === JSON.stringify(first.tags);

// A replaceable event, and an ephemeral one that nobody listens to.
for (const [name, created_at] of [["old", 1], ["new", 2]]) {
  await relay.publish(sign({ kind: 0, created_at, content: JSON.stringify({ name }) }));
}
seen.profiles = (await stored([{ kinds: [0], authors: [author] }])).map((event) => JSON.parse(event.content).name);
seen.mute = await relay.publish(sign({ kind: 20001 })).then(() => "accepted", (error) => error.message);

// What needs a proven key is refused first, and accepted afterwards.
const guarded = sign({ kind: 1, content: "protected", tags: [["-"]] });
seen.refused = await relay.publish(guarded).then(() => "accepted", (error) => error.message);
await relay.auth(async (event) => finalizeEvent(event, secret));
seen.authenticated = await relay.publish(guarded);

seen.count = await relay.count([{ kinds: [1], authors: [author] }], {});
// What is stored becomes searchable a moment later.
do {
  seen.found = (await stored([{ search: "quoted", authors: [author] }])).map((event) => event.content);
} while (seen.found.length === 0);
seen.closed = await new Promise((resolve) => {
  relay.subscribe([{ authors: ["nobody"] }], { onclose: resolve });
});
relay.close();
console.log(JSON.stringify(seen));
process.exit(0);

function stored(filters) {
  return new Promise((resolve, reject) => {
    const events = [];
    const subscription = relay.subscribe(filters, {
      onevent: (event) => events.push(event),
      oneose() {
        resolve(events);
        subscription.close();
      },
      onclose: (reason) => reason && reason !== "closed by caller" && reject(new Error(reason)),
    });
  });
}
