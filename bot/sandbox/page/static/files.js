// The menu of files to take: from this machine, or a sample piece.

import { html } from "./preact.js";
import { state } from "./store.js";

export function FileMenu({ label, browse, sample }) {
  const keys = (event) => {
    const buttons = [...event.currentTarget.querySelectorAll("button")];
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    buttons[(buttons.indexOf(document.activeElement) + step + buttons.length) % buttons.length].focus();
  };
  return html`<div class="picker-box" role="group" aria-label=${label} onKeyDown=${keys}>
    <button onClick=${browse}>From this machine…</button>
    <p class="menu-title">Sample pieces</p>
    ${state.samples.map((each) => html`<button onClick=${() => sample(each.name)}>${each.name} <small>${each.about}</small></button>`)}
  </div>`;
}

/** A handler for `onfocusout` (Preact knows it by this spelling alone): closes what it is on once the focus is elsewhere on the page. */
export function closesWhenLeft(open) {
  return (event) => {
    const { currentTarget, relatedTarget } = event;
    if (relatedTarget && !currentTarget.contains(relatedTarget)) open(false);
  };
}
