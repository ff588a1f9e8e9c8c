// Commands that have no answer yet, as the client of their member shows them.

import { html } from "./preact.js";
import { changed, nameOf, state } from "./store.js";

const COMMAND = 2;

export function Pending() {
  const here = [...state.interactions.values()].filter((each) => each.channel === state.channel && !each.message && each.kind === COMMAND);
  const dismiss = (id) => {
    state.interactions.delete(id);
    document.getElementById("message-box")?.focus();
    changed();
  };
  return html`<div class="pending" role="status">${here.map((each) => html`
    <p key=${each.id} class=${each.failed ? "failed" : "waiting"}>
      <span><strong>${nameOf(state.me)}</strong> used <span class="mention command">/${each.name}</span> · ${each.failed ? "The application did not respond" : "Sending command…"}</span>
      ${each.failed && html`<button onClick=${() => dismiss(each.id)}>Dismiss</button>`}
    </p>`)}</div>`;
}
