// Buttons and menus below a message, and the layouts of Components V2.

import { html, useState } from "./preact.js";
import { Attachment } from "./attachments.js";
import { markup } from "./markup.js";
import { channels, guildOf, channelOf, socket, state, told } from "./store.js";

const STYLES = { 1: "primary", 2: "secondary", 3: "success", 4: "danger", 5: "link" };
const USERS = 5, ROLES = 6, MENTIONABLES = 7, CHANNELS = 8;

export function Components({ message, waiting }) {
  return message.components.map((each) => html`<${Part} key=${each.id} part=${each} message=${message} waiting=${waiting} />`);
}

function Part({ part, message, waiting }) {
  const inside = (parts) => (parts ?? []).map((each) => html`<${Part} key=${each.id} part=${each} message=${message} waiting=${waiting} />`);
  switch (part.type) {
    case 1: return html`<div class="row">${inside(part.components)}</div>`;
    case 2: return html`<${Button} button=${part} message=${message} waiting=${waiting} />`;
    case 3: case USERS: case ROLES: case MENTIONABLES: case CHANNELS:
      return html`<${Menu} menu=${part} message=${message} waiting=${waiting} />`;
    case 9: return html`<div class="section"><div>${inside(part.components)}</div>${inside([part.accessory])}</div>`;
    case 10: return html`<div class="content">${markup(part.content)}</div>`;
    case 11: return html`<img class="thumbnail" src=${part.media.url} alt=${part.description ?? ""} />`;
    case 12: return html`<div class="gallery">${part.items.map((item) => html`<img src=${item.media.url} alt=${item.description ?? ""} />`)}</div>`;
    case 13: {
      const file = message.attachments.find((each) => each.id === part.file.attachment_id);
      return file ? html`<${Attachment} file=${file} />` : null;
    }
    case 14: return html`<hr />`;
    case 17: return html`<section class="embed">${inside(part.components)}</section>`;
    default: return null;
  }
}

function Button({ button, message, waiting }) {
  const words = html`${button.emoji?.name && html`<span aria-hidden="true">${button.emoji.name} </span>`}${button.label}`;
  if (button.style === 5) {
    return html`<a class="button link" role="link" href=${button.url} target="_blank" rel="noreferrer noopener">${words} <span aria-hidden="true">↗</span></a>`;
  }
  const isWaiting = waiting && !waiting.failed;
  const press = () => !isWaiting && told(socket.ask({ do: "click", message: message.id, button: button.custom_id }));
  return html`<button class=${`button ${STYLES[button.style]}`} disabled=${button.disabled} aria-disabled=${isWaiting ? "true" : undefined} aria-busy=${isWaiting ? "true" : "false"} onClick=${press}>${words}</button>`;
}

/** What can be chosen in a menu: its own options, or people, roles and channels. */
export function optionsOf(menu, channelId) {
  if (menu.type === 3) return menu.options;
  const guild = guildOf(channelOf(channelId));
  const people = (guild?.members ?? [...state.identities, state.bot]).map((each) => ({ value: each.id, label: `@${each.name}` }));
  const roles = (guild?.roles ?? []).map((each) => ({ value: each.id, label: each.name }));
  const places = channels().filter((each) => each.guild === guild?.id).map((each) => ({ value: each.id, label: `#${each.name}` }));
  return { [USERS]: people, [ROLES]: roles, [MENTIONABLES]: [...people, ...roles], [CHANNELS]: places }[menu.type] ?? [];
}

function Menu({ menu, message, waiting }) {
  const [picked, pick] = useState(null);
  const options = optionsOf(menu, message.channel_id);
  const most = menu.max_values ?? 1;
  const send = (values) => told(socket.ask({ do: "choose", message: message.id, menu: menu.custom_id, values }));
  const isWaiting = waiting && !waiting.failed; // it keeps the focus meanwhile, so it isn't disabled
  const label = menu.placeholder || "Make a selection";
  if (most === 1) {
    const change = (event) => {
      if (event.currentTarget.value && !isWaiting) send([event.currentTarget.value]);
      event.currentTarget.value = "";
    };
    return html`<select class="menu" aria-label=${label} disabled=${menu.disabled} aria-busy=${isWaiting ? "true" : "false"} onChange=${change} onKeyDown=${opensList}>
      <option value="">${label}</option>
      ${options.map((option) => html`<option value=${option.value} selected=${option.default}>${option.emoji?.name ? `${option.emoji.name} ` : ""}${option.label}${option.description ? ` · ${option.description}` : ""}</option>`)}
    </select>`;
  }
  const chosen = picked ?? options.filter((option) => option.default).map((option) => option.value);
  const toggle = (value) => pick(chosen.includes(value) ? chosen.filter((each) => each !== value) : [...chosen, value]);
  return html`<fieldset class="menu several" disabled=${menu.disabled}><legend>${label}</legend>
    ${options.map((option) => html`<label><input type="checkbox" checked=${chosen.includes(option.value)} onChange=${() => toggle(option.value)} /> ${option.label}</label>`)}
    <button class="button secondary" onClick=${() => !isWaiting && send(chosen)}>Choose</button></fieldset>`;
}

/** Arrow keys open a menu that acts at once; else each one would be a choice. */
function opensList(event) {
  if (!["ArrowDown", "ArrowUp"].includes(event.key) || event.altKey) return;
  event.preventDefault();
  event.currentTarget.showPicker?.();
}
