// nostr-tools reconciles a set with that of the relay whose URL is the argument (NIP-77), by an implementation of its own: it reads
// the events that it has as JSON lines. Prints the ids that only it has, and those that only the relay has, as JSON.
import { readFileSync } from "node:fs";
import { nip77 } from "nostr-tools";
import { Relay, useWebSocketImplementation } from "nostr-tools/relay";
import WebSocket from "ws";

useWebSocketImplementation(WebSocket);
const { NegentropyStorageVector, NegentropySync } = nip77;

const storage = new NegentropyStorageVector();
for (const line of readFileSync(0, "utf8").split("\n").filter(Boolean)) {
  const { created_at, id } = JSON.parse(line);
  storage.insert(created_at, id);
}
storage.seal();

const relay = await Relay.connect(process.argv[2]);
const seen = { have: [], need: [] };
await new Promise((resolve, reject) => {
  const sync = new NegentropySync(relay, storage, { kinds: [1] }, {
    onhave: (id) => seen.have.push(id),
    onneed: (id) => seen.need.push(id),
    onclose: (reason) => (reason ? reject(new Error(reason)) : resolve()),
  });
  sync.start();
});
relay.close();
console.log(JSON.stringify(seen));
process.exit(0);
