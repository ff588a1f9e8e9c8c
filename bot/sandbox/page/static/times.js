// Times as the reader's own clock shows them. `<t:…:R>` counts along.

import { Component, html } from "./preact.js";
import { state } from "./store.js";

const UNITS = [["year", 31536000], ["month", 2592000], ["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
const relative = new Intl.RelativeTimeFormat("en", { numeric: "always" });
const STYLES = {
  t: { timeStyle: "short" },
  T: { timeStyle: "medium" },
  d: { dateStyle: "short" },
  D: { dateStyle: "long" },
  f: { dateStyle: "long", timeStyle: "short" },
  F: { dateStyle: "full", timeStyle: "short" },
};

/** The last second that a Date can hold; the first is as far away. */
export const LATEST = 8.64e12;
const DAY_MS = 86_400_000;

/** What time it is for Discord, in milliseconds: a lever moves it. */
export function now() {
  return Date.now() + state.aheadMs;
}

export function inWords(seconds) {
  const [unit, size] = UNITS.find((each) => Math.abs(seconds) >= each[1]) ?? ["second", 1];
  return relative.format(Math.trunc(seconds / size), unit);
}

const formats = Object.fromEntries(
  Object.entries(STYLES).map(([style, options]) => [style, new Intl.DateTimeFormat("en-GB", options)]),
);

export function shown(ms, style = "f") {
  return (formats[style] ?? formats.f).format(ms);
}

/** A time that Discord's markup names, in seconds. */
export class Timestamp extends Component {
  componentDidMount() {
    if (this.props.as === "R") this.timer = setInterval(() => this.setState({}), 1000);
  }

  componentWillUnmount() {
    clearInterval(this.timer);
  }

  render({ at, as }) {
    const words = as === "R" ? inWords(Math.round(at - now() / 1000)) : shown(at * 1000, as);
    return html`<time class="timestamp" datetime=${new Date(at * 1000).toISOString()} title=${shown(at * 1000, "F")}>${words}</time>`;
  }
}

/** A day as the line between two days names it. */
export function dayOf(iso) {
  const day = new Date(iso).toDateString();
  if (day === new Date(now()).toDateString()) return "Today";
  if (day === new Date(now() - DAY_MS).toDateString()) return "Yesterday";
  return shown(new Date(iso), "D");
}

/** When a message was sent: the hour today, the date before that. */
export function sentAt(iso) {
  const at = new Date(iso);
  const isToday = at.toDateString() === new Date(now()).toDateString();
  return isToday ? shown(at, "t") : `${shown(at, "d")} ${shown(at, "t")}`;
}
