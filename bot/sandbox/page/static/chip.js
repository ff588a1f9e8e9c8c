// One option of a command: its name, and a field for its value with suggestions.

import { html, useEffect, useRef, useState } from "./preact.js";
import { FileMenu, closesWhenLeft } from "./files.js";
import { Listbox, listKeys } from "./listbox.js";
import { channelOf, channels, guildOf, socket, state } from "./store.js";

const INTEGER = 4, BOOLEAN = 5, USER = 6, CHANNEL = 7, ROLE = 8, MENTIONABLE = 9, NUMBER = 10, ATTACHMENT = 11;
const TYPING_MS = 150;
const SHOWN_MAX = 25;

/** What can be picked without asking the bot; null if the words are the value. */
function ownChoices(option) {
  const guild = guildOf(channelOf(state.channel));
  if (option.choices?.length) return option.choices.map((each) => ({ name: each.shown_name, value: each.value }));
  const people = (guild?.members ?? [...state.identities, state.bot]).map((each) => ({ name: `@${each.name}`, value: each.id }));
  const roles = (guild?.roles ?? []).map((each) => ({ name: each.name.startsWith("@") ? each.name : `@${each.name}`, value: each.id }));
  const places = channels().filter((each) => each.guild && each.guild === guild?.id).map((each) => ({ name: `#${each.name}`, value: each.id }));
  return {
    [BOOLEAN]: [{ name: "True", value: true }, { name: "False", value: false }],
    [USER]: people,
    [ROLE]: roles,
    [MENTIONABLE]: [...people, ...roles],
    [CHANNEL]: places,
  }[option.type] ?? null;
}

/** The value that is sent for typed words; a number that is none goes as it is, so that it is refused where it belongs. */
function valueOf(option, words) {
  if (words === "") return null;
  if (option.type === INTEGER || option.type === NUMBER) {
    const number = Number(words.replace(",", "."));
    return Number.isFinite(number) ? number : words;
  }
  return words;
}

export function Chip(properties) {
  const isFile = properties.chip.option.type === ATTACHMENT;
  return isFile ? html`<${FileChip} ...${properties} />` : html`<${WordsChip} ...${properties} />`;
}

function WordsChip({ chip, chips, command, refused, set, remove, send, next }) {
  const { option } = chip;
  const [suggested, suggest] = useState(null);
  const [problem, setProblem] = useState("");
  const [active, setActive] = useState(-1);
  const [isOpen, open] = useState(false);
  const asked = useRef(0);
  const timer = useRef(0);
  const own = ownChoices(option);
  const wanted = chip.words.toLowerCase();
  const found = own ? own.filter((each) => each.name.toLowerCase().includes(wanted)).slice(0, SHOWN_MAX) : suggested ?? [];
  const isListed = isOpen && (own !== null || option.autocomplete);
  const id = `chip-${option.name}`;

  const ask = (words) => {
    if (!option.autocomplete) return;
    clearTimeout(timer.current);
    timer.current = setTimeout(async () => {
      const number = (asked.current += 1);
      const others = Object.fromEntries(chips.filter((each) => each.value !== null && each !== chip).map((each) => [each.option.name, each.value]));
      try {
        const choices = await socket.ask({ do: "suggest", channel: state.channel, name: command.name, focused: option.name, value: words, options: others });
        if (number !== asked.current) return;
        suggest(choices);
        setProblem("");
      } catch {
        if (number !== asked.current) return;
        suggest([]);
        setProblem("Loading options failed");
      }
    }, TYPING_MS);
  };
  useEffect(() => () => clearTimeout(timer.current), []);

  const type = (event) => {
    const words = event.currentTarget.value;
    const exact = own?.find((each) => each.name.toLowerCase() === words.toLowerCase());
    set({ words, value: own ? exact?.value ?? (option.choices ? words || null : null) : valueOf(option, words) });
    setActive(-1);
    open(true);
    ask(words);
  };
  const pick = (at) => {
    set({ words: String(found[at].name), value: found[at].value });
    open(false);
    setActive(-1);
    next();
  };
  const keys = (event) => {
    if (event.isComposing) return;
    if (isListed && listKeys(event, { count: found.length, active, setActive, pick: () => pick(active), close: () => open(false) })) return;
    if (event.key === "Enter") {
      event.preventDefault();
      if (own && found.length === 1 && chip.value === null) pick(0);
      else send();
    } else if (event.key === "Backspace" && !chip.words) {
      event.preventDefault();
      remove();
    } else if (event.key === "Escape") {
      next();
    }
  };
  const focused = () => {
    open(true);
    ask(chip.words);
  };
  const isWrong = isRefused(option, refused);
  const items = found.map((each) => ({ key: String(each.value), name: each.name }));
  const empty = problem || (own || suggested ? "No options match" : "Loading…");
  const combo = own !== null || option.autocomplete
    ? { role: "combobox", "aria-expanded": isListed ? "true" : "false", "aria-controls": `${id}-list`, "aria-autocomplete": "list", "aria-activedescendant": active >= 0 ? `${id}-list-${active}` : undefined }
    : {};
  return html`
    <span class=${`chip ${isWrong ? "wrong" : ""}`} data-option=${option.name}>
      <label for=${id}>${option.name}</label>
      <input id=${id} type="text" autocomplete="off" value=${chip.words} aria-describedby="option-about"
        aria-invalid=${isWrong ? "true" : "false"} aria-required=${option.required ? "true" : "false"} ...${combo}
        onInput=${type} onKeyDown=${keys} onFocus=${focused} onBlur=${() => open(false)} />
      <button class="remove" tabindex="-1" aria-label=${`Remove ${option.name}`} onClick=${remove}>✕</button>
      ${isListed && html`<${Listbox} id=${`${id}-list`} label=${option.name} items=${items} active=${active} pick=${pick} empty=${empty} />`}
    </span>`;
}

function FileChip({ chip, set, remove, refused }) {
  const [isOpen, open] = useState(false);
  const { option } = chip;
  const input = useRef(null);
  const toggle = useRef(null);
  const fill = (work, words) => {
    open(false);
    const busy = work.catch((error) => {
      set({ value: null, words: error.message, busy: null });
      return null;
    });
    set({ words: `${words}…`, value: null, busy });
    document.getElementById("message-box")?.focus();
    busy.then((value) => value && set({ value, words, busy: null }));
  };
  const take = (event) => {
    const [file] = event.currentTarget.files;
    if (file) fill(socket.upload(file), file.name);
    event.currentTarget.value = "";
  };
  const keys = (event) => {
    if (event.key === "Escape") {
      open(false);
      if (isOpen) toggle.current.focus();
      else document.getElementById("message-box")?.focus();
    }
    if ((event.key === "Backspace" || event.key === "Delete") && event.target === toggle.current) remove();
  };
  const isWrong = isRefused(option, refused);
  return html`
    <span class=${`chip ${isWrong ? "wrong" : ""}`} data-option=${option.name} onKeyDown=${keys} onfocusout=${closesWhenLeft(open)}>
      <span class="chip-name">${option.name}</span>
      <button id=${`chip-${option.name}`} ref=${toggle} class="file-button" aria-expanded=${isOpen ? "true" : "false"} aria-describedby="option-about" aria-label=${`${option.name}: ${chip.words || "choose a file"}`} title=${chip.words} onClick=${() => open(!isOpen)}>${chip.words || "choose a file"}</button>
      <input type="file" ref=${input} class="visually-hidden" tabindex="-1" aria-label=${option.name} onChange=${take} />
      <button class="remove" tabindex="-1" aria-label=${`Remove ${option.name}`} onClick=${remove}>✕</button>
      ${isOpen && html`<${FileMenu} label=${`Files for ${option.name}`} browse=${() => input.current.click()} sample=${(name) => fill(socket.sample(name), name)} />`}
    </span>`;
}

function isRefused(option, refused) {
  return refused.toLowerCase().includes(`option ${option.name} `) || refused.toLowerCase().includes(`option ${option.name}:`);
}
