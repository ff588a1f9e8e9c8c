// The messages of the open channel. It stays at the end if it is there, and keeps its place when older ones load.

import { Component, html } from "./preact.js";
import { Message } from "./message.js";
import { Posts } from "./posts.js";
import { load } from "./store.js";
import { dayOf } from "./times.js";

const NEAR = 600;
const TOGETHER_MS = 7 * 60 * 1000;

export class Scroller extends Component {
  isAtEnd = true;

  attach = (element) => {
    this.box = element;
  };

  componentDidMount() {
    this.observer = new ResizeObserver(() => this.isAtEnd && !this.props.newer && this.toEnd());
    this.observer.observe(this.box.firstElementChild);
    this.observer.observe(this.box);
  }

  componentWillUnmount() {
    this.observer.disconnect();
  }

  shouldComponentUpdate(next) {
    return Object.keys(next).some((key) => next[key] !== this.props[key]) || next.interactions.size > 0 || this.hadInteractions;
  }

  getSnapshotBeforeUpdate(before) {
    if (before.channel !== this.props.channel) {
      this.isAtEnd = true;
      return null;
    }
    const top = this.box.getBoundingClientRect().top;
    const kept = new Set(this.props.messages.map((each) => `message-${each.id}`));
    const anchor = [...this.box.querySelectorAll(".message")].find((each) => kept.has(each.id) && each.getBoundingClientRect().bottom > top);
    return anchor ? { id: anchor.id, at: anchor.getBoundingClientRect().top } : null;
  }

  componentDidUpdate(_, __, anchor) {
    this.hadInteractions = this.props.interactions.size > 0;
    if (this.isAtEnd && !this.props.newer) {
      this.toEnd();
    } else if (anchor) {
      const element = document.getElementById(anchor.id);
      if (element) this.box.scrollTop += element.getBoundingClientRect().top - anchor.at;
    }
  }

  toEnd() {
    this.box.scrollTop = this.box.scrollHeight;
  }

  scrolled = () => {
    const { scrollTop, scrollHeight, clientHeight } = this.box;
    const below = scrollHeight - scrollTop - clientHeight;
    this.isAtEnd = below < 40 && !this.props.newer;
    if (scrollTop < NEAR) load("before");
    else if (below < NEAR) load("after");
  };

  /** The arrows go from message to message; Enter opens a message's menu. */
  keys = (event) => {
    const at = event.target.closest?.(".message");
    if (event.target !== this.box && event.target !== at) return;
    const all = [...this.box.querySelectorAll(".message")];
    const now = at ? all.indexOf(at) : all.length;
    const to = { ArrowUp: Math.max(0, now - 1), ArrowDown: now + 1, Home: 0, End: all.length - 1 }[event.key];
    if (event.key === "Escape") document.getElementById("message-box")?.focus();
    else if (to !== undefined && all[to]) all[to].focus();
    else if (event.key !== "ArrowDown") return;
    event.preventDefault();
  };

  render({ channel, messages, interactions, me, older, name, isForum, isDirect }) {
    const byMessage = new Map([...interactions.values()].filter((each) => each.message).map((each) => [each.message, each]));
    return html`
      <div class="scroller" ref=${this.attach} onScroll=${this.scrolled} onKeyDown=${this.keys} tabindex="0" role="log" aria-label=${`Messages in ${name}`}>
        <div class="messages">
          ${isForum ? html`<${Posts} forum=${channel} />` : !older && html`<p class="beginning">This is the beginning of ${isDirect ? `your conversation with ${name}` : `#${name}`}.</p>`}
          ${messages.flatMap((message, number) => [
            startsDay(messages[number - 1], message) && html`<p class="day" key=${`day-${message.id}`}><span>${dayOf(message.timestamp)}</span></p>`,
            html`<${Message} key=${message.id} message=${message} me=${me} waiting=${byMessage.get(message.id)} follows=${follows(messages[number - 1], message)} />`,
          ])}
        </div>
      </div>`;
  }
}

function startsDay(before, message) {
  return !before || new Date(before.timestamp).toDateString() !== new Date(message.timestamp).toDateString();
}

/** Whether it stands directly below another one of the same author, without a head of its own. */
function follows(before, message) {
  if (!before || message.used || message.message_reference || startsDay(before, message) || message.ephemeral !== before.ephemeral) return false;
  return before.author.id === message.author.id && new Date(message.timestamp) - new Date(before.timestamp) < TOGETHER_MS;
}
