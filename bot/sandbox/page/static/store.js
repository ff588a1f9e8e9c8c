// What the page knows, and how it changes. Everything is drawn from `state`.

import { Socket } from "./socket.js";

const MESSAGES_KEPT = 100;
const REQUESTS_KEPT = 300;
const LINES_KEPT = 500;
export const FORUM = 15;

export const state = {
  connected: false,
  me: "",
  identities: [],
  bot: { id: "", name: "Encore" },
  samples: [],
  levers: [],
  aheadMs: 0,
  guilds: [],
  direct: null,
  channel: "",
  messages: [],
  older: false,
  newer: false,
  commands: [],
  /** Interactions that are waiting or have failed, by id. */
  interactions: new Map(),
  modal: null,
  menu: null,
  replyTo: null,
  notice: "",
  /** The channels, where they lie over the chat. */
  navigation: false,
  people: !isNarrow(),
  behind: { shown: false, account: null, jobs: [], requests: [], lines: [], bot: null },
};

/** Whether panels lie over the chat instead of beside it (`chat.css`). */
export function isNarrow() {
  return innerWidth <= 1000;
}

/** @type {() => void} */
let draw = () => {};
let isDrawing = false;

/** Draw again, once for all changes of this turn. */
export function changed(patch = {}) {
  Object.assign(state, patch);
  if (isDrawing) return;
  isDrawing = true;
  queueMicrotask(() => {
    isDrawing = false;
    draw();
  });
}

/** @type {Socket} */
export let socket;

export function begin(drawing) {
  draw = drawing;
  socket = new Socket(hear, (connected) => changed({ connected }), whoInAddress);
  addEventListener("popstate", () => {
    const channel = channelInAddress();
    if (channel && channel !== state.channel) open(channel);
  });
}

/** Ask for something whose answer nobody waits for; without a connection, it is asked again with the next one. */
export function tell(request) {
  socket.ask(request).catch(() => {});
}

function whoInAddress() {
  return new URLSearchParams(location.search).get("as") ?? "";
}

/** The open channel, so that a reload and the back button lead where one was. */
function channelInAddress() {
  const id = location.hash.slice(1);
  return channels().some((each) => each.id === id) ? id : "";
}

/** Ids are too large for numbers: the longer one is later. */
function isLater(one, other) {
  return one.length === other.length ? one > other : one.length > other.length;
}

const hearing = {
  welcome(frame) {
    const isOther = state.me !== frame.me;
    Object.assign(state, {
      me: frame.me,
      identities: frame.identities,
      bot: frame.bot,
      samples: frame.samples,
      levers: frame.levers,
      aheadMs: frame.ahead_ms,
    });
    if (isOther) Object.assign(state, { interactions: new Map(), modal: null, menu: null, replyTo: null });
    state.wantsOpening = true;
    if (state.behind.shown) tell({ do: "behind", shown: true });
  },
  places(frame) {
    Object.assign(state, { guilds: frame.guilds, direct: frame.direct, aheadMs: frame.ahead_ms });
    const all = channels();
    const stays = all.some((each) => each.id === state.channel);
    if (state.wantsOpening || !stays) {
      state.wantsOpening = false;
      const first = (stays && state.channel) || channelInAddress() || (all.find((each) => each.kind !== FORUM) ?? all[0])?.id;
      if (first) open(first);
    }
  },
  commands(frame) {
    if (frame.channel === state.channel) state.commands = frame.commands;
  },
  message(frame) {
    if (frame.channel !== state.channel) return;
    const { message } = frame;
    const at = state.messages.findIndex((each) => each.id === message.id);
    if (at >= 0) {
      state.messages = state.messages.with(at, message);
    } else if (!state.newer) {
      const place = state.messages.findLastIndex((each) => isLater(message.id, each.id)) + 1;
      state.messages = state.messages.toSpliced(place, 0, message).slice(-MESSAGES_KEPT);
      if (message.rings && !message.silent) state.notice = `${message.author.global_name} mentioned you`;
      if (document.hasFocus()) tell({ do: "read", channel: frame.channel });
    }
    // Replies show what they reply to as it is now.
    if (state.messages.some((each) => each.referenced_message?.id === message.id)) {
      const renewed = (each) => (each.referenced_message?.id === message.id ? { ...each, referenced_message: message } : each);
      state.messages = state.messages.map(renewed);
    }
    const mark = window.onMessageShown;
    if (mark) requestAnimationFrame(() => mark(message.id));
  },
  gone(frame) {
    if (frame.channel !== state.channel) return;
    const isFocused = document.activeElement?.closest(`#message-${frame.message}`);
    const kept = state.messages.filter((each) => each.id !== frame.message);
    state.messages = kept.map((each) => (each.referenced_message?.id === frame.message ? { ...each, referenced_message: null } : each));
    if (state.replyTo?.id === frame.message) state.replyTo = null;
    if (isFocused) document.getElementById("message-box")?.focus();
  },
  interaction(frame) {
    if (frame.state === "waiting" || frame.failed) state.interactions.set(frame.id, frame);
    else state.interactions.delete(frame.id);
    if (frame.modal) state.modal = { interaction: frame.id, ...frame.modal };
  },
  behind(frame) {
    const { behind } = state;
    for (const key of ["account", "jobs", "bot"]) if (key in frame) behind[key] = frame[key];
    if (frame.lines) behind.lines = [...behind.lines, ...frame.lines].slice(-LINES_KEPT);
    if (frame.requests) {
      const byNumber = new Map(behind.requests.map((each) => [each.number, each]));
      for (const each of frame.requests) byNumber.set(each.number, each);
      behind.requests = [...byNumber.values()].slice(-REQUESTS_KEPT);
    }
  },
};

function hear(frame) {
  hearing[frame.is]?.(frame);
  changed();
}

/** All channels that one sees, in the order of the list. */
export function channels() {
  const found = state.guilds.flatMap((guild) => guild.channels);
  return state.direct ? [...found, state.direct] : found;
}

export function channelOf(id) {
  return channels().find((each) => each.id === id);
}

export function guildOf(channel) {
  return state.guilds.find((each) => each.id === channel?.guild);
}

export function nameOf(personId) {
  const members = state.guilds.flatMap((guild) => guild.members);
  return [state.bot, ...state.identities, ...members].find((each) => each.id === personId)?.name ?? "someone";
}

export function me() {
  return state.identities.find((each) => each.id === state.me);
}

/** Show a channel: its latest messages, or those around one. Returns whether they are there. */
export async function open(channel, around = "") {
  const isOther = state.channel !== channel;
  if (isOther) Object.assign(state, { commands: [], replyTo: null });
  Object.assign(state, { channel, messages: [], older: false, newer: false, menu: null });
  remember(channel);
  changed({ navigation: false });
  const found = await told(socket.ask({ do: "open", channel, around }));
  if (!found || state.channel !== channel) return false;
  changed(found);
  return true;
}

function remember(channel) {
  const address = new URL(location.href);
  if (address.hash === `#${channel}`) return;
  const isFirst = !address.hash;
  address.hash = channel;
  history[isFirst ? "replaceState" : "pushState"](null, "", address);
}

let isLoading = false;

/** Load messages before or after those that are there; what is far away then is dropped. */
export async function load(direction) {
  const { channel, messages } = state;
  if (isLoading || !messages.length || !state[direction === "before" ? "older" : "newer"]) return;
  isLoading = true;
  try {
    const edge = direction === "before" ? messages[0].id : messages[messages.length - 1].id;
    const found = await told(socket.ask({ do: "open", channel, [direction]: edge }));
    if (!found || state.channel !== channel) return;
    if (direction === "before") {
      const all = [...found.messages, ...state.messages];
      const newer = state.newer || all.length > MESSAGES_KEPT;
      changed({ messages: all.slice(0, MESSAGES_KEPT), older: found.older, newer });
    } else {
      const all = [...state.messages, ...found.messages];
      const older = state.older || all.length > MESSAGES_KEPT;
      changed({ messages: all.slice(-MESSAGES_KEPT), newer: found.newer, older });
    }
  } finally {
    isLoading = false;
  }
}

/** Wait for an answer; a refusal is shown at the top of the page, and undefined returned. */
export async function told(asking) {
  try {
    return await asking;
  } catch (error) {
    changed({ notice: error.message });
    return undefined;
  }
}

export function be(person) {
  const address = new URL(location.href);
  address.searchParams.set("as", state.identities.find((each) => each.id === person)?.name.toLowerCase() ?? "");
  history.replaceState(null, "", address);
  tell({ do: "be", person });
}
