// The page's one WebSocket: requests with numbered answers, files in parts, and a new connection when it breaks.

const PART_BYTES = 1024 * 1024;
const AGAIN_MS = 1000;

/** A request that the stand-in, or the client that it plays, would not send; the message is a sentence. */
export class Refused extends Error {
  constructor(words) {
    const sentence = words.slice(0, 1).toUpperCase() + words.slice(1);
    super(/[.!?]$/.test(sentence) ? sentence : `${sentence}.`);
  }
}

export class Socket {
  /**
   * @param {(frame: any) => void} hear called with everything that is no answer
   * @param {(isOpen: boolean) => void} changed
   * @param {() => string} who the name of the person to connect as; empty for the first
   */
  constructor(hear, changed, who) {
    this.hear = hear;
    this.changed = changed;
    this.who = who;
    this.asked = 0;
    this.files = 0;
    /** @type {Map<number, {resolve: (found: any) => void, reject: (error: Error) => void}>} */
    this.waiting = new Map();
    this.sending = Promise.resolve();
    this.connect();
  }

  connect() {
    const address = new URL("socket", location.href);
    address.protocol = "ws:";
    address.hash = "";
    address.search = this.who() ? `?as=${encodeURIComponent(this.who())}` : "";
    this.socket = new WebSocket(address);
    this.socket.onopen = () => this.changed(true);
    this.socket.onmessage = (event) => this.take(JSON.parse(event.data));
    this.socket.onclose = () => {
      for (const { reject } of this.waiting.values()) reject(new Refused("The sandbox is not answering."));
      this.waiting.clear();
      this.changed(false);
      setTimeout(() => this.connect(), AGAIN_MS);
    };
  }

  take(frame) {
    if (frame.is !== "answer") {
      this.hear(frame);
      return;
    }
    const waiting = this.waiting.get(frame.to);
    this.waiting.delete(frame.to);
    if (frame.refused) waiting?.reject(new Refused(frame.refused));
    else waiting?.resolve(frame.found);
  }

  /** Ask for something. Rejects with `Refused`. */
  ask(request) {
    return new Promise((resolve, reject) => {
      if (this.socket.readyState !== WebSocket.OPEN) {
        reject(new Refused("The sandbox is not answering."));
        return;
      }
      this.asked += 1;
      this.waiting.set(this.asked, { resolve, reject });
      this.socket.send(JSON.stringify({ ...request, ask: this.asked }));
    });
  }

  /** Hand a file over, one at a time; resolves with its id. */
  upload(file) {
    const id = this.newFile();
    const work = async () => {
      const done = this.ask({ do: "upload", file: id, name: file.name, size: file.size });
      done.catch(() => {}); // it may fail while a part is being read
      for (let at = 0; at < file.size; at += PART_BYTES) {
        const part = await readPart(file, at);
        if (this.socket.readyState === WebSocket.OPEN) this.socket.send(part);
      }
      await done;
      return id;
    };
    this.sending = this.sending.then(work, work);
    return this.sending;
  }

  /** Take a sample piece as a file; resolves with its id. */
  async sample(name) {
    const id = this.newFile();
    await this.ask({ do: "sample", file: id, name });
    return id;
  }

  newFile() {
    this.files += 1;
    return `f${this.files}`;
  }
}

async function readPart(file, at) {
  try {
    return await file.slice(at, at + PART_BYTES).arrayBuffer();
  } catch {
    throw new Refused(`${file.name} can't be read`);
  }
}
