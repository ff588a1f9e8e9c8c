// Discord's Markdown as nodes. Words from messages become text nodes, never HTML.

import { html, useState } from "./preact.js";
import { changed, channelOf, channels, nameOf, open, state } from "./store.js";
import { LATEST, Timestamp, inWords, now, shown } from "./times.js";

const INLINE = [
  [/^\\([^\p{L}\p{N}\s])/u, (found) => found[1]],
  [/^```(?:[a-z0-9+-]*\n)?([\s\S]+?)```/i, (found) => html`<pre class="code">${found[1]}</pre>`],
  [/^(`+)([\s\S]*?[^`])\1(?!`)/, (found) => html`<code>${found[2].trim()}</code>`],
  [/^<t:(-?\d{1,13})(?::([tTdDfFR]))?>/, (found) => (Math.abs(found[1]) > LATEST ? found[0] : html`<${Timestamp} at=${Number(found[1])} as=${found[2] ?? "f"} />`)],
  [/^<@!?(\d+)>/, (found) => html`<span class=${`mention ${found[1] === state.me ? "own" : ""}`}>@${nameOf(found[1])}</span>`],
  [/^<@&(\d+)>/, (found) => html`<span class="mention">@${roleName(found[1])}</span>`],
  [/^<#(\d+)>/, (found) => html`<${ChannelLink} id=${found[1]} />`],
  [/^<\/([\w -]+):(\d+)>/, (found) => html`<button class="mention command" onClick=${() => use(found[1])}>/${found[1]}</button>`],
  [/^@(everyone|here)\b/, (found) => html`<span class="mention">@${found[1]}</span>`],
  [/^\[([^\]]+)\]\((?:<)?(https?:\/\/[^\s)>]+)(?:>)?\)/, (found) => link(found[2], parse(found[1]))],
  [/^<(https?:\/\/[^\s>]+)>/, (found) => link(found[1], found[1])],
  [/^https?:\/\/[^\s<]+[^\s<.,:;"'\])]/, (found) => link(found[0], found[0])],
  [/^\*\*\*([\s\S]+?)\*\*\*/, (found) => html`<strong><em>${parse(found[1])}</em></strong>`],
  [/^\*\*([\s\S]+?)\*\*(?!\*)/, (found) => html`<strong>${parse(found[1])}</strong>`],
  [/^__([\s\S]+?)__(?!_)/, (found) => html`<u>${parse(found[1])}</u>`],
  [/^\*(?!\s)([\s\S]+?)\*(?!\*)/, (found) => html`<em>${parse(found[1])}</em>`],
  [/^_(?!\s)([\s\S]+?)_(?!\w)/, (found) => html`<em>${parse(found[1])}</em>`],
  [/^~~([\s\S]+?)~~/, (found) => html`<s>${parse(found[1])}</s>`],
  [/^\|\|([\s\S]+?)\|\|/, (found) => html`<${Spoiler}>${parse(found[1])}<//>`],
];
const PLAIN = /^[^\\`<@[\]h*_~|]+|^[\s\S]/u;

const BLOCK = [
  [/^-# (.*)$/, (found) => html`<small class="small-print">${parse(found[1])}</small>`],
  [/^### (.*)$/, (found) => html`<h5>${parse(found[1])}</h5>`],
  [/^## (.*)$/, (found) => html`<h4>${parse(found[1])}</h4>`],
  [/^# (.*)$/, (found) => html`<h3>${parse(found[1])}</h3>`],
  [/^> ?(.*)$/, (found) => html`<blockquote>${parse(found[1])}</blockquote>`],
  [/^\s*[-*] (.*)$/, (found) => html`<div class="point">${parse(found[1])}</div>`],
];

function link(address, words) {
  const own = /\/channels\/(?:\d+|@me)\/(\d+)(?:\/(\d+))?$/.exec(address);
  const onClick = own && ((event) => { event.preventDefault(); jump(own[1], own[2] ?? ""); });
  return html`<a href=${address} target="_blank" rel="noreferrer noopener" onClick=${onClick}>${own && words === address ? `#${channelOf(own[1])?.name ?? "a channel"} › message` : words}</a>`;
}

const FOUND_MS = 2000;

/** Go to a message, or to a channel if `message` is empty. */
export async function jump(channel, message) {
  if (!channels().some((each) => each.id === channel)) {
    changed({ notice: "You can't see that channel." });
    return;
  }
  const isThere = state.channel === channel && state.messages.some((each) => each.id === message);
  if (!isThere && !await open(channel, message) && message) await open(channel); // the message is gone, as a notice says
  afterLayout(() => {
    const element = document.getElementById(`message-${message}`);
    element?.scrollIntoView({ block: "center" });
    element?.focus({ preventScroll: true });
    element?.classList.add("found");
    setTimeout(() => element?.classList.remove("found"), FOUND_MS);
  });
}

/** Once the messages have been laid out, and the end of the channel has been scrolled to. */
function afterLayout(work) {
  requestAnimationFrame(() => requestAnimationFrame(work));
}

/** Put a command into the composer, as a click on its name does. */
function use(command) {
  document.dispatchEvent(new CustomEvent("command", { detail: command }));
}

function roleName(id) {
  return state.guilds.flatMap((guild) => guild.roles).find((role) => role.id === id)?.name ?? "a role";
}

function ChannelLink({ id }) {
  const channel = channelOf(id);
  if (!channel) return html`<span class="mention">#unknown</span>`;
  return html`<button class="mention" onClick=${() => open(id)}>#${channel.name}</button>`;
}

function Spoiler({ children }) {
  const [isShown, show] = useState(false);
  if (isShown) return html`<span class="spoiler shown">${children}</span>`;
  return html`<button class="spoiler" aria-label="Spoiler" onClick=${() => show(true)}>${children}</button>`;
}

/** One run of text, without blocks. */
export function parse(text) {
  const nodes = [];
  let rest = text;
  let plain = "";
  while (rest) {
    const rule = INLINE.find(([pattern]) => pattern.test(rest));
    const found = (rule?.[0] ?? PLAIN).exec(rest);
    if (rule) {
      if (plain) nodes.push(plain);
      plain = "";
      nodes.push(rule[1](found));
    } else {
      plain += found[0];
    }
    rest = rest.slice(found[0].length);
  }
  if (plain) nodes.push(plain);
  return nodes;
}

/** A message's or a field's whole text. */
export function markup(text) {
  const nodes = [];
  for (const part of (text ?? "").split(/(```[\s\S]+?```)/)) {
    if (part.startsWith("```") && part.length > 6) {
      nodes.push(...parse(part));
      continue;
    }
    const lines = (nodes.length ? part.replace(/^\n/, "") : part).split("\n"); // a code block is a line of its own
    lines.forEach((line, number) => {
      const block = BLOCK.find(([pattern]) => pattern.test(line));
      if (block) {
        nodes.push(block[1](block[0].exec(line)));
        return;
      }
      nodes.push(...parse(line));
      if (number < lines.length - 1) nodes.push(html`<br />`);
    });
  }
  return nodes;
}

/** The same without markup, for names and labels. */
export function plainly(text) {
  return (text ?? "")
    .replace(/<@!?(\d+)>/g, (_, id) => `@${nameOf(id)}`)
    .replace(/<@&(\d+)>/g, (_, id) => `@${roleName(id)}`)
    .replace(/<#(\d+)>/g, (_, id) => `#${channelOf(id)?.name ?? "unknown"}`)
    .replace(/<\/([\w -]+):\d+>/g, "/$1")
    .replace(/<t:(-?\d{1,13})(?::([tTdDfFR]))?>/g, (typed, at, as) => (Math.abs(at) > LATEST ? typed : as === "R" ? inWords(Math.round(at - now() / 1000)) : shown(at * 1000, as)))
    .replace(/\[([^\]]+)\]\(\S+\)/g, "$1")
    .replace(/^-# .*$/gm, "")
    .replace(/\\([^\w\s])|[*_~|`]/g, "$1");
}
