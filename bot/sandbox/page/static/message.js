// One message: who, when, what, and everything below it.

import { Component, html } from "./preact.js";
import { Attachments } from "./attachments.js";
import { Components } from "./components.js";
import { Embed } from "./embeds.js";
import { Icon } from "./icons.js";
import { jump, markup, plainly } from "./markup.js";
import { openMenu } from "./menu.js";
import { sentAt, shown } from "./times.js";

const LONG_PRESS_MS = 500;
const STILL_PX = 10;
const COMPONENTS_V2 = 1 << 15;
const FORWARD = 1;

export function initials(name) {
  return name.split(/\s+/).map((word) => word[0]).join("").slice(0, 2).toUpperCase();
}

export function Avatar({ person }) {
  const name = person.global_name ?? person.name;
  const hue = [...name].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 360, 7);
  return html`<span class="avatar" aria-hidden="true" style=${{ "--hue": hue }}>${initials(name)}</span>`;
}

/** Redrawn only when its own message, or what is under way with it, has changed. */
export class Message extends Component {
  shouldComponentUpdate(next) {
    return ["message", "waiting", "follows", "me"].some((key) => next[key] !== this.props[key]);
  }

  press = (event) => {
    if (event.pointerType !== "touch") return;
    this.pressed = event;
    this.timer = setTimeout(() => openMenu(event.clientX, event.clientY, { message: this.props.message }), LONG_PRESS_MS);
  };

  release = () => clearTimeout(this.timer);

  /** A finger never lies quite still. */
  move = (event) => {
    const { pressed } = this;
    if (pressed && Math.hypot(event.clientX - pressed.clientX, event.clientY - pressed.clientY) > STILL_PX) this.release();
  };

  componentWillUnmount() {
    this.release();
  }

  render({ message, waiting, follows }) {
    const name = message.author.global_name;
    const classes = ["message", follows ? "follows" : "", message.rings ? "rings" : "", message.ephemeral ? "ephemeral" : ""];
    const open = (event) => {
      event.preventDefault();
      openMenu(event.clientX, event.clientY, { message });
    };
    const keys = (event) => {
      if (event.key !== "Enter" || event.target !== event.currentTarget) return;
      event.preventDefault(); // or it would also press what has the focus next
      const box = event.currentTarget.getBoundingClientRect();
      openMenu(box.left + 60, box.top + 30, { message });
    };
    const more = (event) => {
      const box = event.currentTarget.getBoundingClientRect();
      openMenu(box.left, box.bottom, { message });
    };
    return html`
      <article id=${`message-${message.id}`} class=${classes.filter(Boolean).join(" ")} tabindex="-1"
        aria-label=${`${name}: ${plainly(wordsOf(message)).slice(0, 80)}`}
        onContextMenu=${open} onKeyDown=${keys} onPointerDown=${this.press} onPointerUp=${this.release} onPointerMove=${this.move} onPointerCancel=${this.release}>
        ${message.message_reference && message.message_reference.type !== FORWARD && html`<${Reference} to=${message.referenced_message} />`}
        ${message.used && html`<p class="used"><strong>${message.used.person}</strong> used <span class="mention command">/${message.used.name}</span></p>`}
        ${!follows && html`<${Avatar} person=${message.author} />`}
        <div class="body">
          ${!follows && html`<header>
            <strong class="author">${name}</strong>
            ${message.author.bot && html`<span class="tag">APP</span>`}
            <time datetime=${message.timestamp} title=${shown(new Date(message.timestamp), "F")}>${sentAt(message.timestamp)}</time>
          </header>`}
          <${Content} message=${message} />
          ${message.message_snapshots?.map((each) => html`<${Forwarded} message=${each.message} />`)}
          ${message.embeds.map((embed) => html`<${Embed} embed=${embed} />`)}
          ${message.flags & COMPONENTS_V2 ? null : html`<${Attachments} files=${message.attachments} />`}
          <${Components} message=${message} waiting=${waiting} />
          ${waiting?.failed && html`<p class="failed" role="alert">This interaction failed</p>`}
          ${message.ephemeral && html`<p class="only-you">Only you can see this</p>`}
        </div>
        <button class="more" aria-label="More actions" aria-haspopup="menu" onClick=${more}><${Icon} name="more" /></button>
      </article>`;
  }
}

function wordsOf(message) {
  return message.content || message.message_snapshots?.map((each) => `forwarded: ${each.message.content || "a file"}`).join() || "";
}

/** What was forwarded, as it was then; who wrote it is left out, as on Discord. */
function Forwarded({ message }) {
  return html`<section class="forwarded" aria-label="Forwarded">
    <p class="forwarded-title">Forwarded</p>
    ${message.content && html`<div class="content">${markup(message.content)}</div>`}
    ${message.embeds.map((embed) => html`<${Embed} embed=${embed} />`)}
    <${Attachments} files=${message.attachments} />
  </section>`;
}

function Content({ message }) {
  if (message.failed) return html`<p class="failed">The application did not respond</p>`;
  if (message.thinking) {
    return html`<p class="thinking" role="status"><span class="dots" aria-hidden="true"><i></i><i></i><i></i></span> ${message.author.global_name} is thinking…</p>`;
  }
  if (!message.content) return null;
  return html`<div class="content">${markup(message.content)}${message.edited_timestamp && html` <span class="edited" title=${shown(new Date(message.edited_timestamp), "F")}>(edited)</span>`}</div>`;
}

function Reference({ to }) {
  if (!to) return html`<p class="reference"><span class="hook" aria-hidden="true"></span><em>The original message was deleted</em></p>`;
  const words = plainly(to.content).slice(0, 100) || (to.attachments.length ? "a file" : "a message");
  return html`<button class="reference" onClick=${() => jump(to.channel_id, to.id)}><span class="hook" aria-hidden="true"></span>
    <span class="visually-hidden">In reply to </span><strong>${to.author.global_name}</strong> ${words}</button>`;
}
