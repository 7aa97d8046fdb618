// One socket, many topics. It comes back by itself, and resumes each topic after the last number
// that it saw, so that nothing is missed and nothing is shown twice.

const FIRST_PAUSE_MS = 300;
const LONGEST_PAUSE_MS = 5000;
const CREDENTIAL_ENDED = 4401;

export class LiveSocket {
  constructor(onState) {
    this.topics = new Map(); // topic -> { since, receive }
    this.onState = onState;
    this.pause = FIRST_PAUSE_MS;
    this.open();
  }

  open() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    this.socket = new WebSocket(`${scheme}//${location.host}/ws`);
    this.socket.addEventListener("open", () => {
      this.pause = FIRST_PAUSE_MS;
      this.onState("open");
      for (const topic of this.topics.keys()) this.ask(topic);
    });
    this.socket.addEventListener("message", (event) => this.hear(JSON.parse(event.data)));
    this.socket.addEventListener("close", async ({ code }) => {
      this.onState("closed");
      // A refused handshake looks like a server that is away; only the API tells.
      if (code === CREDENTIAL_ENDED || (await this.isRefused())) {
        this.onState("ended");
        return;
      }
      setTimeout(() => this.open(), this.pause * (0.8 + Math.random() * 0.4));
      this.pause = Math.min(this.pause * 2, LONGEST_PAUSE_MS);
    });
  }

  async isRefused() {
    try {
      return (await fetch("/api/v1/users/me", { credentials: "same-origin" })).status === 401;
    } catch {
      return false;
    }
  }

  ask(topic) {
    const { since } = this.topics.get(topic);
    this.send(since === null ? { type: "subscribe", topic } : { type: "subscribe", topic, since });
  }

  send(command) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(command));
  }

  watch(topic, receive) {
    this.topics.set(topic, { since: null, receive });
    this.ask(topic);
  }

  leave(topic) {
    if (this.topics.delete(topic)) this.send({ type: "unsubscribe", topic });
  }

  hear(frame) {
    if (frame.type === "resync") {
      for (const topic of frame.data.topics) if (this.topics.has(topic)) this.ask(topic);
      return;
    }
    const watched = this.topics.get(frame.topic);
    if (watched === undefined) return;
    if (frame.type === "log.lines") watched.since = `${frame.data.step_id}:${frame.seq}`;
    else if (frame.seq !== null) watched.since = frame.seq;
    watched.receive(frame);
  }
}
