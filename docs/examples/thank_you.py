"""A plugin: thanks everybody whose event was accepted. Standard library only: python3 thank_you.py [redis port] [namespace]"""
import json, socket, sys

port, namespace = int(sys.argv[1]) if len(sys.argv) > 1 else 6379, sys.argv[2] if len(sys.argv) > 2 else ""
listen, speak = (socket.create_connection(("127.0.0.1", port)).makefile("rwb") for _ in range(2))

def send(redis, *words):
    redis.write(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in (w.encode() for w in words)))
    redis.flush()

def read(redis):
    kind, rest = (line := redis.readline()[:-2])[:1], line[1:]
    if kind == b"*": return [read(redis) for _ in range(int(rest))]
    return redis.read(int(rest) + 2)[:-2].decode() if kind == b"$" else rest

send(listen, "PSUBSCRIBE", namespace + "events:*:OK")
print("listening", flush=True) if read(listen) else None
while True:
    _, _, channel, payload = read(listen)
    _, event, accepted, message = json.loads(payload)
    if accepted and not message:
        send(speak, "PUBLISH", channel.removesuffix("OK") + "NOTICE", "thank you for " + event)
        read(speak)
