// A form that the bot opens.

import { html, useLayoutEffect, useRef, useState } from "./preact.js";
import { optionsOf } from "./components.js";
import { Icon } from "./icons.js";
import { markup } from "./markup.js";
import { changed, socket, state } from "./store.js";

const TEXT = 4, FILES = 19, RADIO = 21, BOXES = 22, BOX = 23;

function start(component) {
  if (component.type === TEXT) return component.value ?? "";
  if (component.type === BOX) return Boolean(component.default);
  const defaults = (component.options ?? []).filter((each) => each.default).map((each) => each.value);
  return component.type === RADIO ? defaults[0] ?? null : defaults;
}

export function ModalDialog({ modal }) {
  const dialog = useRef(null);
  const [answers, answer] = useState(() => Object.fromEntries(modal.fields.map(({ component }) => [component.custom_id, start(component)])));
  const [refused, refuse] = useState("");
  useLayoutEffect(() => {
    const element = dialog.current;
    element.showModal();
    element.querySelector(".field :is(input, select, textarea)")?.focus();
    return () => element.close(); // gives the focus back
  }, []);
  const isSending = useRef(false);
  const close = () => changed({ modal: null });
  const send = async (event) => {
    event.preventDefault();
    if (isSending.current) return;
    isSending.current = true;
    try {
      const whole = await Promise.all(Object.entries(answers).map(async ([id, value]) => [id, await value])); // files may be on their way
      const given = Object.fromEntries(whole.filter(([, value]) => value !== null));
      await socket.ask({ do: "submit", interaction: modal.interaction, answers: given });
      close();
    } catch (error) {
      refuse(error.message);
    } finally {
      isSending.current = false;
    }
  };
  const set = (id) => (value) => answer((before) => ({ ...before, [id]: value }));
  return html`
    <dialog class="modal" aria-labelledby="modal-title" ref=${dialog} onCancel=${close}>
      <form onSubmit=${send}>
        <header><h2 id="modal-title">${modal.title}</h2><button type="button" class="close" aria-label="Close" onClick=${close}><${Icon} name="close" /></button></header>
        ${modal.texts.map((text) => html`<div class="content">${markup(text)}</div>`)}
        ${modal.fields.map((field) => html`<${Field} key=${field.component.custom_id} field=${field} value=${answers[field.component.custom_id]} set=${set(field.component.custom_id)} />`)}
        ${refused && html`<p class="refused" role="alert">${refused}</p>`}
        <footer><button type="button" class="button secondary" onClick=${close}>Cancel</button><button class="button primary">Submit</button></footer>
      </form>
    </dialog>`;
}

function Field({ field, value, set }) {
  const { component } = field;
  const id = `field-${component.custom_id}`;
  const describedBy = field.description ? `about-${component.custom_id}` : undefined;
  const label = html`${field.label}${field.required && component.type !== BOX && html`<span class="required" aria-hidden="true"> *</span>`}`;
  const about = field.description && html`<p class="about" id=${describedBy}>${field.description}</p>`;
  const input = inputFor(component, id, value, set, field);
  if ([RADIO, BOXES].includes(component.type)) return html`<fieldset class="field"><legend>${label}</legend>${about}${input}</fieldset>`;
  if (component.type === BOX) return html`<div class="field"><label class="tick">${input} ${label}</label>${about}</div>`;
  return html`<div class="field"><label for=${id}>${label}</label>${about}${input}</div>`;
}

function inputFor(component, id, value, set, field) {
  const { type, placeholder } = component;
  const typed = (event) => set(event.currentTarget.value);
  if (type === TEXT) {
    const more = { id, value, placeholder, onInput: typed, "aria-required": field.required ? "true" : "false", "aria-describedby": field.description ? `about-${component.custom_id}` : undefined };
    return component.style === 2 ? html`<textarea rows="5" ...${more}></textarea>` : html`<input type="text" ...${more} />`;
  }
  if (type === BOX) return html`<input type="checkbox" checked=${value} onChange=${(event) => set(event.currentTarget.checked)} />`;
  if (type === RADIO) {
    return component.options.map((each) => html`<label class="tick"><input type="radio" name=${id} checked=${value === each.value} onChange=${() => set(each.value)} /> ${each.label}${each.description && html` <small>${each.description}</small>`}</label>`);
  }
  if (type === BOXES) {
    const toggle = (one) => set(value.includes(one) ? value.filter((each) => each !== one) : [...value, one]);
    return component.options.map((each) => html`<label class="tick"><input type="checkbox" checked=${value.includes(each.value)} onChange=${() => toggle(each.value)} /> ${each.label}</label>`);
  }
  if (type === FILES) {
    const pick = (event) => {
      const ids = Promise.all([...event.currentTarget.files].map((file) => socket.upload(file)));
      ids.catch(() => {}); // said when the form is sent
      set(ids);
    };
    return html`<input type="file" id=${id} multiple=${(component.max_values ?? 1) > 1} onChange=${pick} />`;
  }
  const several = (component.max_values ?? 1) > 1;
  const choose = (event) => set([...event.currentTarget.selectedOptions].map((each) => each.value).filter(Boolean));
  return html`<select id=${id} multiple=${several} onChange=${choose}>
    ${!several && html`<option value="">${placeholder ?? "Choose…"}</option>`}
    ${optionsOf(component, state.channel).map((each) => html`<option value=${each.value} selected=${value.includes(each.value)}>${each.label}</option>`)}
  </select>`;
}
