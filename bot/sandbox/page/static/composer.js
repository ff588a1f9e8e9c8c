// The composer: a message with files, or a command with its options as chips.

import { html, useEffect, useRef, useState } from "./preact.js";
import { Chip } from "./chip.js";
import { Icon } from "./icons.js";
import { Listbox, listKeys } from "./listbox.js";
import { changed, channelOf, open, socket, state } from "./store.js";

const SLASH = 1, SUBCOMMAND = 1, GROUP = 2, ATTACHMENT = 11;

/** Commands as they are typed: each subcommand is one of its own. */
function spoken(commands) {
  const found = [];
  const walk = (node, name) => {
    const below = (node.options ?? []).filter((each) => each.type === SUBCOMMAND || each.type === GROUP);
    if (below.length) below.forEach((each) => walk(each, `${name} ${each.name}`));
    else found.push({ name, about: node.shown_description, options: node.options ?? [] });
  };
  commands.filter((each) => each.type === SLASH).forEach((each) => walk(each, each.name));
  return found.sort((one, other) => one.name.localeCompare(other.name));
}

/** Those that begin with the words first, then those that contain them. */
function filtered(all, words, name) {
  const wanted = words.toLowerCase();
  const starts = all.filter((each) => name(each).toLowerCase().startsWith(wanted));
  return [...starts, ...all.filter((each) => !starts.includes(each) && name(each).toLowerCase().includes(wanted))];
}

export function Composer() {
  const channel = channelOf(state.channel);
  const [text, setText] = useState("");
  const [command, setCommand] = useState(null);
  const [chips, setChips] = useState([]);
  const [files, setFiles] = useState([]);
  const [active, setActive] = useState(-1);
  const [isClosed, close] = useState(false);
  const [refused, refuse] = useState("");
  const [focus, setFocus] = useState("");
  const box = useRef(null);

  const reset = () => {
    setText("");
    setCommand(null);
    setChips([]);
    setActive(-1);
    refuse("");
  };
  useEffect(reset, [state.channel, state.me]);
  useEffect(() => {
    const mention = (event) => {
      setText((before) => `${before}<@${event.detail}> `);
      box.current?.focus();
    };
    document.addEventListener("mention", mention);
    return () => document.removeEventListener("mention", mention);
  }, []);
  useEffect(() => {
    if (focus) document.getElementById(focus)?.focus();
    setFocus("");
  }, [focus]);
  useEffect(() => {
    const drop = (event) => {
      event.preventDefault();
      take([...event.dataTransfer.files]);
    };
    const over = (event) => event.preventDefault();
    document.addEventListener("drop", drop);
    document.addEventListener("dragover", over);
    return () => {
      document.removeEventListener("drop", drop);
      document.removeEventListener("dragover", over);
    };
  });

  const slash = !command && text.startsWith("/") ? text.slice(1) : null;
  const commands = slash === null ? [] : filtered(spoken(state.commands), slash, (each) => each.name);
  const left = command ? command.options.filter((option) => !chips.some((chip) => chip.option.name === option.name)) : [];
  const options = command ? filtered(left, text, (each) => each.name) : [];
  const items = command ? options : commands;
  const isListing = !isClosed && (command ? options.length > 0 : slash !== null);

  function begin(chosen) {
    const required = chosen.options.filter((option) => option.required).map((option) => ({ option, value: null, words: "" }));
    setCommand(chosen);
    setChips(required);
    setText("");
    setActive(-1);
    refuse("");
    setFocus(required.length ? `chip-${required[0].option.name}` : "message-box");
  }

  function add(option, more = { value: null, words: "" }) {
    setChips((before) => [...before, { option, ...more }]);
    setText("");
    setActive(-1);
    setFocus(`chip-${option.name}`);
  }

  const pick = (item) => (command ? add(item) : begin(item));

  function setChip(name, change) {
    refuse("");
    setChips((before) => before.map((chip) => (chip.option.name === name ? { ...chip, ...change } : chip)));
  }

  function remove(name) {
    setChips((before) => before.filter((chip) => chip.option.name !== name));
    setFocus("message-box");
  }

  /** Files that were dropped or picked: into the command's first file option, or beside the message. */
  async function take(picked) {
    const isIn = (chip) => chip.option.type === ATTACHMENT && !chip.value;
    const chip = chips.find(isIn) ?? (left.find((option) => option.type === ATTACHMENT) && null);
    for (const file of picked) {
      const id = await wholly(socket.upload(file));
      if (!id) return;
      if (!command) setFiles((before) => [...before, { id, name: file.name }]);
      else if (chip) setChip(chip.option.name, { value: id, words: file.name });
      else {
        const option = left.find((each) => each.type === ATTACHMENT);
        if (option) add(option, { value: id, words: file.name });
        return;
      }
    }
  }

  async function sample(name) {
    const id = await wholly(socket.sample(name));
    if (!id) return;
    const open = chips.find((chip) => chip.option.type === ATTACHMENT);
    const option = left.find((each) => each.type === ATTACHMENT);
    if (open) setChip(open.option.name, { value: id, words: name });
    else if (command && option) add(option, { value: id, words: name });
    else setFiles((before) => [...before, { id, name }]);
    setFocus("message-box");
  }

  async function wholly(work) {
    try {
      return await work;
    } catch (error) {
      refuse(error.message);
      return null;
    }
  }

  async function send() {
    refuse("");
    try {
      if (command) {
        const given = {};
        for (const chip of chips) {
          const value = chip.busy ? await chip.busy : chip.value; // a file may still be on its way
          if (value === null && chip.option.required) continue; // the stand-in refuses that
          if (value === null) throw new Error(`option ${chip.option.name} is required`); // a client sends no empty option
          given[chip.option.name] = value;
        }
        await socket.ask({ do: "command", channel: state.channel, name: command.name, options: given });
        reset();
      } else if (text.trim() || files.length) {
        const reply = state.replyTo?.id ?? "";
        await socket.ask({ do: "post", channel: state.channel, content: text, files: files.map((each) => each.id), replies_to: reply });
        setText("");
        setFiles([]);
        changed({ replyTo: null });
        if (state.newer) open(state.channel);
      }
      setFocus("message-box");
    } catch (error) {
      refuse(error.message);
      const named = /option (\w+)/.exec(error.message)?.[1];
      const missing = command?.options.find((option) => option.name === named);
      if (missing && !chips.some((chip) => chip.option.name === named)) add(missing);
      else if (named) setFocus(`chip-${named}`);
    }
  }

  function keys(event) {
    if (event.isComposing) return;
    if (isListing && listKeys(event, { count: items.length, active, setActive, pick: () => pick(items[active]), close: () => close(true) })) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      if (slash !== null && commands.length) begin(commands[0]);
      else if (command && text && options.length) add(options[0]);
      else send();
    } else if (event.key === "Tab" && !event.shiftKey && isListing && text && items.length) {
      event.preventDefault();
      pick(items[0]);
    } else if (event.key === "Backspace" && command && !text) {
      event.preventDefault();
      if (chips.length) setFocus(`chip-${chips[chips.length - 1].option.name}`);
      else reset();
    } else if (event.key === "Escape") {
      if (command) reset();
      else changed({ replyTo: null });
    }
  }

  function type(event) {
    const typed = event.currentTarget.value;
    close(false);
    refuse("");
    const named = command && /^(\w+):$/.exec(typed.trim());
    const option = named && left.find((each) => each.name === named[1]);
    if (option) {
      add(option);
      return;
    }
    setText(typed);
    setActive(!command && typed.startsWith("/") && typed.length > 1 ? 0 : -1);
  }

  if (!channel) return null;
  if (!channel.may_write && !state.commands.some((each) => each.type === SLASH)) {
    const words = channel.kind === 15 ? "This is a forum: open one of its posts to write" : "You can't send messages in this channel";
    return html`<div class="composer closed"><p>${words}</p></div>`;
  }
  const placeholder = command
    ? left.length ? "Add an option, or press Enter to send" : "Press Enter to send"
    : `Message ${channel.guild ? "#" : "@"}${channel.name}`;
  const listed = command
    ? options.map((each) => ({ key: each.name, name: each.name, about: each.shown_description }))
    : commands.map((each) => ({ key: each.name, name: `/${each.name}`, about: each.about }));
  return html`
    <div class="composer">
      ${isListing && html`<${Listbox} id="composer-list" label=${command ? "Options" : "Commands"} items=${listed} active=${active} pick=${(at) => pick(items[at])} empty="No command matches" />`}
      ${refused && html`<p class="refused" role="alert">${refused}</p>`}
      ${state.replyTo && html`<p class="replying">Replying to <strong>${state.replyTo.author.global_name}</strong>
        <button aria-label="Stop replying" onClick=${() => changed({ replyTo: null })}>✕</button></p>`}
      ${files.length > 0 && html`<ul class="files" aria-label="Files to send">${files.map((file) => html`<li>${file.name}
        <button aria-label=${`Remove ${file.name}`} onClick=${() => setFiles(files.filter((each) => each !== file))}>✕</button></li>`)}</ul>`}
      <div class="line">
        <${Picker} take=${take} sample=${sample} mayAttach=${command || channel.may_attach} />
        <div class="editor">
          ${command && html`<div class="chips" role="group" aria-label=${`/${command.name}`}>
            <span class="chip command-name">/${command.name}</span>
            ${chips.map((chip) => html`<${Chip} key=${chip.option.name} chip=${chip} chips=${chips} command=${command} refused=${refused}
              set=${(change) => setChip(chip.option.name, change)} remove=${() => remove(chip.option.name)} send=${send} next=${() => setFocus("message-box")} />`)}
          </div>`}
          <textarea id="message-box" ref=${box} rows="1" aria-label="Message" placeholder=${placeholder} value=${text}
            aria-haspopup="listbox" aria-controls="composer-list" aria-activedescendant=${isListing && active >= 0 ? `composer-list-${active}` : undefined}
            onInput=${type} onKeyDown=${keys}></textarea>
        </div>
        ${command && html`<button class="cancel" aria-label="Cancel the command" onClick=${reset}><${Icon} name="close" /></button>`}
        <button class="send" aria-label="Send" onClick=${() => (slash !== null && commands.length ? begin(commands[0]) : send())}><${Icon} name="send" /></button>
      </div>
    </div>`;
}

function Picker({ take, sample, mayAttach }) {
  const [isOpen, open] = useState(false);
  const input = useRef(null);
  const pick = (event) => {
    take([...event.currentTarget.files]);
    event.currentTarget.value = "";
    open(false);
  };
  const keys = (event) => {
    if (event.key === "Escape") open(false);
  };
  return html`<div class="picker" onKeyDown=${keys}>
    <button class="plus" aria-label="Add a file" aria-expanded=${isOpen ? "true" : "false"} disabled=${!mayAttach} onClick=${() => open(!isOpen)}><${Icon} name="add" /></button>
    <input type="file" multiple ref=${input} class="visually-hidden" tabindex="-1" aria-label="File from this machine" onChange=${pick} />
    ${isOpen && html`<div class="picker-box" role="group" aria-label="Files">
      <button onClick=${() => input.current.click()}>From this machine…</button>
      <p class="menu-title">Sample pieces</p>
      ${state.samples.map((each) => html`<button onClick=${() => { open(false); sample(each.name); }}>${each.name} <small>${each.about}</small></button>`)}
    </div>`}
  </div>`;
}
