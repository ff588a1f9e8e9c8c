// The context menu of a message or a member, with the bot's own commands under Apps.

import { html, useLayoutEffect, useRef } from "./preact.js";
import { changed, channelOf, channels, guildOf, isNarrow, nameOf, socket, state, told } from "./store.js";

const USER_COMMAND = 2, MESSAGE_COMMAND = 3;

/** @param {{message?: any, person?: any}} target */
export function openMenu(x, y, target) {
  // A touch may open it twice: by our own long press, and by the browser's.
  changed({ menu: { x, y, ...target, back: state.menu?.back ?? document.activeElement } });
}

export function closeMenu() {
  const { back } = state.menu ?? {};
  changed({ menu: null });
  if (back?.isConnected && back !== document.body) back.focus();
  else document.getElementById("message-box")?.focus();
}

export function ContextMenu({ menu }) {
  const box = useRef(null);
  // With the layout: a key that is pressed as soon as the menu is seen is the menu's.
  useLayoutEffect(() => {
    const element = box.current;
    element.style.left = `${Math.max(4, Math.min(menu.x, innerWidth - element.offsetWidth - 8))}px`;
    element.style.top = `${Math.max(4, Math.min(menu.y, innerHeight - element.offsetHeight - 8))}px`;
    element.querySelector("[role=menuitem]")?.focus();
  }, [menu]);
  const { message, person } = menu;
  const apps = state.commands.filter((each) => each.type === (message ? MESSAGE_COMMAND : USER_COMMAND));
  const act = (work) => () => {
    closeMenu();
    work();
  };
  const use = (name) => act(() => {
    const target = message ? { message: message.id } : { person: person.id, channel: state.channel };
    told(socket.ask({ do: "apps", name, ...target }));
  });
  const keys = (event) => {
    const items = [...box.current.querySelectorAll("[role=menuitem]")];
    const at = items.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      items[(to + items.length) % items.length]?.focus();
    } else if (event.key === "Escape" || event.key === "Tab") {
      event.preventDefault();
      closeMenu();
    }
  };
  const item = (label, work) => html`<button role="menuitem" onClick=${work}>${label}</button>`;
  if (menu.forwards) {
    const forward = (to) => act(() => told(socket.ask({ do: "forward", message: message.id, channel: to.id })));
    const here = guildOf(channelOf(state.channel));
    const label = (to) => `#${to.name}${to.guild === here?.id ? "" : ` (${guildOf(to)?.name ?? "direct messages"})`}`;
    return html`
      <div class="shade" onPointerDown=${closeMenu}></div>
      <div class="context-menu" role="menu" aria-label="Forward to" ref=${box} onKeyDown=${keys}>
        <p class="menu-title" id="forward-title">Forward to</p>
        <div role="group" aria-labelledby="forward-title">
          ${channels().filter((each) => each.may_write).map((each) => item(label(each), forward(each)))}
        </div>
      </div>`;
  }
  return html`
    <div class="shade" onPointerDown=${closeMenu}></div>
    <div class="context-menu" role="menu" aria-label=${message ? "Message" : person.name} ref=${box} onKeyDown=${keys}>
      ${message && !message.ephemeral && item("Reply", act(() => { changed({ replyTo: message }); document.getElementById("message-box")?.focus(); }))}
      ${message && !message.ephemeral && item("Forward…", () => changed({ menu: { ...menu, forwards: true } }))}
      ${message?.content && item("Copy text", act(() => copy(message.content)))}
      ${message && message.may_delete && item("Delete message", act(() => told(socket.ask({ do: "delete", message: message.id }))))}
      ${!message && item(`Mention ${person.name}`, act(() => mention(person)))}
      <p class="menu-title" id="apps-title">Apps</p>
      <div role="group" aria-labelledby="apps-title">
        ${apps.map((each) => item(each.shown_name, use(each.name)))}
        ${!apps.length && html`<p class="nothing">No app commands here</p>`}
      </div>
    </div>`;
}

async function copy(words) {
  try {
    await navigator.clipboard.writeText(words.replace(/<@!?(\d+)>/g, (_, id) => `@${nameOf(id)}`));
    changed({ notice: "Copied" });
  } catch {
    changed({ notice: "The browser doesn't allow copying here." });
  }
}

function mention(person) {
  if (isNarrow()) changed({ people: false });
  document.dispatchEvent(new CustomEvent("mention", { detail: `@${person.name}` }));
}
