// A list of suggestions above the field that is being typed into; the focus stays in the field.

import { html, useEffect, useRef } from "./preact.js";

/** @param {{key: string, name: string, about?: string}[]} items */
export function Listbox({ id, label, items, active, pick, empty }) {
  const box = useRef(null);
  useEffect(() => {
    box.current?.children[active]?.scrollIntoView({ block: "nearest" });
  }, [active]);
  return html`
    <ul class="listbox" role="listbox" id=${id} aria-label=${label} ref=${box}>
      ${items.map((item, number) => html`
        <li role="option" id=${`${id}-${number}`} key=${item.key} aria-selected=${number === active ? "true" : "false"}
          onPointerDown=${(event) => event.preventDefault()} onClick=${() => pick(number)}>
          <strong>${item.name}</strong> ${item.about && html`<span>${item.about}</span>`}
        </li>`)}
      ${!items.length && html`<li class="nothing" role="option" aria-disabled="true">${empty}</li>`}
    </ul>`;
}

/** Arrows, Enter and Escape for a list; true if the key was the list's. */
export function listKeys(event, { count, active, setActive, pick, close }) {
  if (event.key === "ArrowDown" && count) setActive((active + 1) % count);
  else if (event.key === "ArrowUp" && count) setActive((active - 1 + count) % count);
  else if ((event.key === "Enter" || event.key === "Tab") && !event.shiftKey && active >= 0 && active < count) pick();
  else if (event.key === "Escape") close();
  else return false;
  event.preventDefault();
  event.stopPropagation();
  return true;
}
