// What is being written: one draft for each person and channel, kept when one goes elsewhere and comes back.

import { channelOf, channels, changed, guildOf, me, state } from "./store.js";

/**
 * @typedef {{option: any, value: any, words: string, busy?: Promise<any> | null}} Chip
 * @typedef {{name: string, id: string | null, busy: Promise<string>}} File handed over when `busy` is done
 * @typedef {{text: string, command: any, chips: Chip[], files: File[], refused: string}} Draft
 */

/** @type {Draft} */
export const EMPTY = { text: "", command: null, chips: [], files: [], refused: "" };

/** @type {Map<string, Draft>} */
const drafts = new Map();

/** Whose draft it is, and where. */
export function place() {
  return `${state.me}/${state.channel}`;
}

export function draftAt(where) {
  return drafts.get(where) ?? EMPTY;
}

/** Change a draft, in the place where the work on it began. */
export function write(where, change) {
  const before = draftAt(where);
  drafts.set(where, { ...before, ...(typeof change === "function" ? change(before) : change) });
  changed();
}

/** Change one option of the command, unless it has been removed. */
export function writeChip(where, name, change) {
  write(where, ({ chips }) => ({ chips: chips.map((chip) => (chip.option.name === name ? { ...chip, ...change } : chip)) }));
}

/** Those whom one can mention in the open channel, and the channels that one can name there. */
export function mentionable() {
  const guild = guildOf(channelOf(state.channel));
  const people = (guild?.members ?? [me(), state.bot]).map((each) => ({ sign: "@", name: each.name, means: `<@${each.id}>` }));
  const roles = (guild?.roles ?? []).filter((each) => !each.name.startsWith("@")).map((each) => ({ sign: "@", name: each.name, means: `<@&${each.id}>` }));
  const places = channels().filter((each) => guild && each.guild === guild.id).map((each) => ({ sign: "#", name: each.name, means: `<#${each.id}>` }));
  return [...people, ...roles, ...places];
}

/** A message as it is sent: names that one can mention become mentions. */
export function meant(text) {
  const longestFirst = mentionable().sort((one, other) => other.name.length - one.name.length);
  return longestFirst.reduce((words, { sign, name, means }) => {
    const pattern = new RegExp(`(?<![\\w\\\\<])${sign}${name.replace(/[$^\\.*+?()[\]{}|/]/g, "\\$&")}(?![\\p{L}\\p{N}_-])`, "gu");
    return words.replace(pattern, means);
  }, text);
}

/** The name that is being typed at the end of `text`, with what it may become; null if there is none. */
export function naming(text) {
  const found = /(?:^|\s)([@#])([^@#\n]{0,40})$/u.exec(text);
  if (!found) return null;
  const [, sign, words] = found;
  const wanted = words.toLowerCase();
  const items = mentionable().filter((each) => each.sign === sign && each.name.toLowerCase().startsWith(wanted));
  const isWhole = items.some((each) => each.name.toLowerCase() === wanted);
  return items.length && !isWhole ? { items, begins: text.length - words.length - 1 } : null;
}
