// The whole page: channels, the open channel, its members, and what happens behind the scenes.

import { html, useEffect, useLayoutEffect } from "./preact.js";
import { BehindTheScenes } from "./behind.js";
import { Composer } from "./composer.js";
import { Icon } from "./icons.js";
import { ContextMenu, openMenu } from "./menu.js";
import { Avatar } from "./message.js";
import { ModalDialog } from "./modal.js";
import { Pending } from "./pending.js";
import { Scroller } from "./scroller.js";
import { FORUM, be, changed, channelOf, channels, guildOf, isNarrow, me, open, state, tell } from "./store.js";
import { switchTheme, theme } from "./theme.js";

const NOTICE_MS = 6000;
const SIGNS = { 0: "text", 1: "direct", 2: "voice", 11: "thread", 12: "thread", 15: "forum" };

export function App() {
  const channel = channelOf(state.channel);
  const pings = channels().reduce((sum, each) => sum + each.pings, 0);
  useEffect(() => {
    document.title = `${pings ? `(${pings}) ` : ""}${channel ? `${channel.guild ? "#" : "@"}${channel.name} · ` : ""}Encore sandbox`;
  });
  useEffect(() => {
    if (!state.notice) return undefined;
    const timer = setTimeout(() => changed({ notice: "" }), NOTICE_MS);
    return () => clearTimeout(timer);
  }, [state.notice]);
  useEffect(() => {
    const read = () => { if (state.channel) tell({ do: "read", channel: state.channel }); };
    addEventListener("focus", read);
    return () => removeEventListener("focus", read);
  }, []);
  useLayoutEffect(() => {
    if (state.navigation) document.querySelector(".navigation [aria-current]")?.focus();
  }, [state.navigation]);
  if (!me()) return html`<p class="loading">Connecting to the sandbox…</p>`;
  const classes = ["frame", state.behind.shown ? "with-behind" : "", state.navigation ? "with-navigation" : ""];
  const isCovered = state.navigation || (state.people && !state.behind.shown && isNarrow());
  const keys = (event) => {
    if (event.key === "Escape" && isCovered && !state.menu) uncover();
  };
  return html`
    <div class=${classes.join(" ")} onKeyDown=${keys}>
      <a class="skip" href="#message-box" onClick=${(event) => { event.preventDefault(); document.getElementById("message-box")?.focus(); }}>Skip to the message box</a>
      <${Navigation} />
      <main class="chat" aria-label=${channel ? `Channel ${channel.name}` : "Chat"}>
        <${Head} channel=${channel} pings=${pings} />
        ${!state.connected && html`<p class="banner" role="alert">The sandbox is not answering. Trying again…</p>`}
        <${Scroller} channel=${state.channel} messages=${state.messages} interactions=${state.interactions} me=${state.me} older=${state.older} newer=${state.newer} name=${channel?.name ?? ""} isForum=${channel?.kind === FORUM} isDirect=${channel && !channel.guild} />
        ${state.newer && html`<button class="to-latest" onClick=${() => open(state.channel)}>Jump to the latest messages</button>`}
        <${Pending} />
        <${Composer} />
      </main>
      ${isCovered && html`<button class="cover" aria-label="Back to the chat" onClick=${uncover}></button>`}
      ${state.people && !state.behind.shown && html`<${Members} channel=${channel} />`}
      ${state.behind.shown && html`<${BehindTheScenes} />`}
      <div class="notice" role="status" aria-live="polite">${state.notice}</div>
      ${state.menu && html`<${ContextMenu} menu=${state.menu} />`}
      ${state.modal && html`<${ModalDialog} key=${state.modal.interaction} modal=${state.modal} />`}
    </div>`;
}

/** Close what lies over the chat on a narrow screen, and give the focus back to the button that opened it. */
function uncover() {
  const opener = state.navigation ? ".to-navigation" : ".to-members";
  changed(state.navigation ? { navigation: false } : { people: false });
  document.querySelector(opener)?.focus();
}

/** Up and down go from button to button. */
function arrows(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const buttons = [...event.currentTarget.querySelectorAll("li button")];
  const at = buttons.indexOf(document.activeElement);
  if (!step || at < 0) return;
  event.preventDefault();
  buttons[(at + step + buttons.length) % buttons.length].focus();
}

function Head({ channel, pings }) {
  const showBehind = () => {
    state.behind.shown = !state.behind.shown;
    tell({ do: "behind", shown: state.behind.shown });
    changed();
  };
  return html`
    <header class="head">
      <button class="to-navigation" aria-label="Channels" aria-expanded=${state.navigation ? "true" : "false"} onClick=${() => changed({ navigation: !state.navigation })}><${Icon} name="menu" />${pings > 0 && html`<span class="badge">${pings}</span>`}</button>
      <h1>${channel && html`<${Icon} name=${SIGNS[channel.kind]} />`}<span title=${channel?.name}>${channel?.name}</span></h1>
      ${channel?.topic && html`<p class="topic">${channel.topic}</p>`}
      <span class="push"></span>
      <button aria-label=${theme() === "dark" ? "Light theme" : "Dark theme"} onClick=${() => { switchTheme(); changed(); }}><${Icon} name=${theme() === "dark" ? "sun" : "moon"} /></button>
      ${!state.behind.shown && html`<button class="to-members" aria-pressed=${state.people ? "true" : "false"} aria-label="Members" onClick=${() => changed({ people: !state.people })}><${Icon} name="people" /></button>`}
      <button class="to-behind" aria-pressed=${state.behind.shown ? "true" : "false"} aria-label="Behind the scenes" onClick=${showBehind}><${Icon} name="behind" /><span>Behind the scenes</span></button>
    </header>`;
}

function Navigation() {
  return html`
    <nav class="navigation" aria-label="Servers and channels">
      <div class="places" onKeyDown=${arrows}>
        ${state.guilds.map((guild) => html`
          <section key=${guild.id} aria-label=${guild.name}>
            <h2>${guild.name}</h2>
            <ul>${guild.channels.map((each) => html`<${ChannelButton} key=${each.id} channel=${each} />`)}</ul>
          </section>`)}
        ${state.direct && html`<section aria-label="Direct messages"><h2>Direct messages</h2><ul><${ChannelButton} channel=${state.direct} /></ul></section>`}
      </div>
      <${Identity} />
    </nav>`;
}

function ChannelButton({ channel }) {
  const classes = ["channel", channel.parent ? "below" : "", channel.unread ? "unread" : ""].filter(Boolean).join(" ");
  const isOpen = channel.id === state.channel;
  return html`<li><button class=${classes} aria-current=${isOpen ? "page" : undefined} onClick=${() => open(channel.id)}>
    <span class="sign"><${Icon} name=${SIGNS[channel.kind]} /></span>
    <span class="channel-name" title=${channel.name}>${channel.name}</span>${channel.unread && html`<span class="visually-hidden">, unread</span>`}
    ${channel.pings > 0 && html`<span class="badge">${channel.pings}<span class="visually-hidden"> ${channel.pings === 1 ? "mention" : "mentions"}</span></span>`}
  </button></li>`;
}

function Identity() {
  const other = (person) => {
    const address = new URL(location.href);
    address.searchParams.set("as", person.name.toLowerCase());
    return address.href;
  };
  return html`
    <section class="identity" aria-label="You">
      <${Avatar} person=${me()} />
      <label class="who"><span>You are</span>
        <select onChange=${(event) => be(event.currentTarget.value)}>
          ${state.identities.map((each) => html`<option value=${each.id} selected=${each.id === state.me}>${each.name}, ${each.note}</option>`)}
        </select>
      </label>
      <a class="second" target="_blank" rel="noopener" href=${other(state.identities.find((each) => each.id !== state.me))} title="Open a second window as somebody else"><${Icon} name="window" /><span class="visually-hidden"> Open a second window as somebody else</span></a>
    </section>`;
}

function Members({ channel }) {
  const guild = guildOf(channel);
  const people = guild?.members ?? [me(), state.bot];
  const menu = (person) => (event) => {
    event.preventDefault();
    const box = event.currentTarget.getBoundingClientRect();
    openMenu(event.clientX || box.left, event.clientY || box.bottom, { person });
  };
  return html`
    <aside class="members" aria-label="Members">
      <h2>Members</h2>
      <ul onKeyDown=${arrows}>${people.map((each) => html`<li key=${each.id}>
        <button aria-haspopup="menu" onContextMenu=${menu(each)} onClick=${menu(each)}>
          <${Avatar} person=${each} /><span class="member-name">${each.name}</span>
          ${each.is_bot && html`<span class="tag">APP</span>`}
          ${each.is_owner && html`<span class="owner" title="Owns the server"><${Icon} name="crown" /><span class="visually-hidden">owns the server</span></span>`}
          ${each.roles?.includes("Moderators") && html`<span class="tag role">MOD</span>`}
        </button></li>`)}</ul>
    </aside>`;
}
