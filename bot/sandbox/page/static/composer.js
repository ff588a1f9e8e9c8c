// The composer: a message with files, or a command with its options as chips.

import { html, useEffect, useLayoutEffect, useRef, useState } from "./preact.js";
import { Chip } from "./chip.js";
import { EMPTY, draftAt, meant, naming, place, write, writeChip } from "./draft.js";
import { Icon } from "./icons.js";
import { FileMenu, closesWhenLeft } from "./files.js";
import { Listbox, listKeys } from "./listbox.js";
import { FORUM, changed, channelOf, open, socket, state } from "./store.js";

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
  const here = place();
  const { text, command, chips, files, refused } = draftAt(here);
  const [active, setActive] = useState(-1);
  const [isClosed, close] = useState(false);
  const [focus, setFocus] = useState("");
  const [about, describe] = useState("");
  const box = useRef(null);
  const isSending = useRef(false);

  const refuse = (words, where = here) => write(where, { refused: words });
  const reset = () => write(here, { text: "", command: null, chips: [], refused: "" });
  useEffect(() => {
    setActive(-1);
    describe("");
  }, [here, command]);
  useEffect(() => {
    const mention = (event) => {
      write(place(), ({ text: before }) => ({ text: `${before}${before && !/\s$/.test(before) ? " " : ""}${event.detail} ` }));
      setFocus("message-box");
    };
    document.addEventListener("mention", mention);
    return () => document.removeEventListener("mention", mention);
  }, []);
  useLayoutEffect(() => {
    const use = (event) => {
      const found = spoken(state.commands).find((each) => each.name === event.detail);
      if (found) begin(found);
      else changed({ notice: `/${event.detail} can't be used here.` });
    };
    document.addEventListener("command", use);
    return () => document.removeEventListener("command", use);
  });
  useEffect(() => {
    if (focus) document.getElementById(focus)?.focus();
    setFocus("");
  }, [focus]);
  useDropped(take, (words) => refuse(words));

  const slash = !command && text.startsWith("/") ? text.slice(1) : null;
  const commands = slash === null ? [] : filtered(spoken(state.commands), slash, (each) => each.name);
  const named = !command && slash === null ? naming(text) : null;
  const left = leftOf(command, chips);
  const options = command ? filtered(left, text, (each) => each.name) : [];
  const items = command ? options : named?.items ?? commands;
  const isListing = !isClosed && (command ? options.length > 0 : slash !== null || named !== null);

  function begin(chosen) {
    const required = chosen.options.filter((option) => option.required).map((option) => ({ option, value: null, words: "" }));
    const takesFiles = chosen.options.some((option) => option.type === ATTACHMENT);
    write(here, { command: chosen, chips: required, text: "", refused: "", files: takesFiles ? [] : files });
    setActive(-1);
    setFocus(required.length ? `chip-${required[0].option.name}` : "message-box");
    if (takesFiles) files.forEach((file) => fill(file, here)); // those that were there before the command
  }

  function add(option) {
    write(here, ({ chips: before }) => ({ text: "", chips: [...before, { option, value: null, words: "" }] }));
    setActive(-1);
    setFocus(`chip-${option.name}`);
  }

  function pick(item) {
    if (command) add(item);
    else if (named) {
      write(here, { text: `${text.slice(0, named.begins)}${item.sign}${item.name} ` });
      setFocus("message-box");
    } else begin(item);
  }

  function setChip(name, change) {
    if (!("busy" in change)) refuse(""); // somebody has seen to it
    writeChip(here, name, change);
  }

  function remove(name) {
    write(here, ({ chips: before }) => ({ refused: "", chips: before.filter((chip) => chip.option.name !== name) }));
    setFocus("message-box");
  }

  /** Files that were dropped or picked: into the command's file options, or beside the message. */
  function take(picked) {
    if (!command && !channel?.may_attach) {
      if (picked.length) refuse("You can't attach files in this channel.");
      return;
    }
    for (const file of picked) fill({ name: file.name, id: null, busy: socket.upload(file) }, here);
  }

  function sample(name) {
    fill({ name, id: null, busy: socket.sample(name) }, here);
    setFocus("message-box");
  }

  /** Put a file where it belongs, as soon as one has it. */
  function fill(file, where) {
    const now = draftAt(where);
    if (!now.command) {
      write(where, { files: [...now.files, file], refused: "" });
      const without = (error) => write(where, (then) => ({ files: then.files.filter((each) => each !== file), refused: error.message }));
      file.busy.catch(without);
      return;
    }
    const isFile = (option) => option.type === ATTACHMENT;
    const ofFiles = now.chips.filter((chip) => isFile(chip.option));
    const free = ofFiles.find((chip) => chip.value === null && !chip.busy)?.option;
    const option = free ?? leftOf(now.command, now.chips).find(isFile);
    if (!option) {
      refuse(`/${now.command.name} takes no more files: ${file.name} was left out.`, where);
      file.busy.catch(() => {});
      return;
    }
    if (!free) write(where, ({ chips: before }) => ({ chips: [...before, { option, value: null, words: "" }] }));
    writeChip(where, option.name, { value: null, words: `${file.name}…`, busy: file.busy });
    file.busy.then(
      (id) => writeChip(where, option.name, { value: id, words: file.name, busy: null }),
      (error) => {
        writeChip(where, option.name, { value: null, words: "", busy: null });
        refuse(error.message, where);
      },
    );
    if (place() === where) setFocus("message-box");
  }

  async function send() {
    if (isSending.current) return;
    isSending.current = true;
    try {
      await (command ? sendCommand() : sendMessage());
    } finally {
      isSending.current = false;
    }
  }

  async function sendCommand() {
    try {
      const given = {};
      for (const chip of chips) {
        const value = chip.busy ? await chip.busy : chip.value; // a file may still be on its way
        if (value === null && chip.option.required) continue; // the stand-in refuses that
        if (value === null) throw new Error(`Option ${chip.option.name} is required.`); // a client sends no empty option
        given[chip.option.name] = value;
      }
      await socket.ask({ do: "command", channel: channel.id, name: command.name, options: given });
      write(here, { text: "", command: null, chips: [], refused: "" });
      setFocus("message-box");
    } catch (error) {
      const name = /^option (\w+)/i.exec(error.message)?.[1];
      const missing = leftOf(command, draftAt(here).chips).find((option) => option.name === name);
      if (missing) add(missing);
      else if (name) setFocus(`chip-${name}`);
      refuse(error.message);
    }
  }

  async function sendMessage() {
    if (!text.trim() && !files.length) return;
    const reply = state.replyTo;
    setFocus("message-box");
    write(here, { ...EMPTY });
    changed({ replyTo: null });
    try {
      const ids = await Promise.all(files.map((file) => file.busy));
      await socket.ask({ do: "post", channel: channel.id, content: meant(text), files: ids, replies_to: reply?.id ?? "" });
      if (state.newer) open(state.channel);
    } catch (error) {
      // Back into the box, before whatever has been typed since.
      write(here, (since) => ({ ...since, text: text + since.text, files: [...files, ...since.files], refused: error.message }));
      if (place() === here) changed({ replyTo: reply });
    }
  }

  function keys(event) {
    if (event.isComposing) return;
    if (isListing && listKeys(event, { count: items.length, active, setActive, pick: () => pick(items[active]), close: () => close(true) })) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      if (slash !== null && commands.length) begin(commands[0]);
      else if (command && text && options.length) add(options[0]);
      else if (!event.repeat) send();
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
    const spelled = command && /^(\w+):$/.exec(typed.trim());
    const option = spelled && left.find((each) => each.name === spelled[1]);
    if (option) {
      add(option);
      return;
    }
    write(here, { text: typed, refused: "" });
    const isNaming = !command && (typed.startsWith("/") ? typed.length > 1 : /\S/.test(typed) && naming(typed) !== null);
    setActive(isNaming ? 0 : -1);
  }

  if (!channel) return null;
  if (!channel.may_write && !state.commands.some((each) => each.type === SLASH)) {
    const words = channel.kind === FORUM ? "This is a forum: open one of its posts to write." : "You can't send messages in this channel.";
    return html`<div class="composer closed"><p>${words}</p></div>`;
  }
  const unfilled = chips.find((chip) => chip.option.required && chip.value === null && !chip.busy);
  const placeholder = command
    ? unfilled ? `Fill in ${unfilled.option.name}` : left.length ? "Add an option, or send" : "Ready to send"
    : `Message ${channel.guild ? "#" : "@"}${channel.name}`;
  const listed = command
    ? options.map((each) => ({ key: each.name, name: each.name, about: each.shown_description }))
    : named?.items.map((each) => ({ key: each.means, name: `${each.sign}${each.name}` })) ?? commands.map((each) => ({ key: each.name, name: `/${each.name}`, about: each.about }));
  const label = command ? "Options" : named ? "Names" : "Commands";
  const chosen = chips.find((chip) => chip.option.name === about)?.option;
  return html`
    <div class="composer">
      ${isListing && html`<${Listbox} id="composer-list" label=${label} items=${listed} active=${active} pick=${(at) => pick(items[at])} empty="No command matches" />`}
      ${refused && html`<p class="refused" role="alert">${refused}</p>`}
      ${chosen && html`<p class="option-about" id="option-about"><strong>${chosen.name}</strong> ${chosen.shown_description}</p>`}
      ${state.replyTo && html`<p class="replying">Replying to <strong>${state.replyTo.author.global_name}</strong>
        <button aria-label="Stop replying" onClick=${() => { changed({ replyTo: null }); setFocus("message-box"); }}>✕</button></p>`}
      ${files.length > 0 && html`<ul class="files" aria-label="Files to send">${files.map((file) => html`<li><span class="file-words" title=${file.name}>${file.name}</span>
        <button aria-label=${`Remove ${file.name}`} onClick=${() => { write(here, { files: files.filter((each) => each !== file) }); setFocus("message-box"); }}>✕</button></li>`)}</ul>`}
      <div class="line">
        <${Picker} take=${take} sample=${sample} mayAttach=${command || channel.may_attach} />
        <div class="editor">
          ${command && html`<div class="chips" role="group" aria-label=${`/${command.name}`} onfocusin=${(event) => describe(event.target.closest("[data-option]")?.dataset.option ?? "")} onfocusout=${() => describe("")}>
            <span class="chip command-name">/${command.name}</span>
            ${chips.map((chip) => html`<${Chip} key=${chip.option.name} chip=${chip} chips=${chips} command=${command} refused=${refused}
              set=${(change) => setChip(chip.option.name, change)} remove=${() => remove(chip.option.name)} send=${send} next=${() => setFocus("message-box")} />`)}
          </div>`}
          <textarea id="message-box" ref=${box} rows="1" aria-label="Message" placeholder=${placeholder} value=${text} aria-autocomplete="list"
            aria-haspopup="listbox" aria-controls=${isListing ? "composer-list" : undefined} aria-activedescendant=${isListing && active >= 0 ? `composer-list-${active}` : undefined}
            onInput=${type} onKeyDown=${keys}></textarea>
        </div>
        ${command && html`<button class="cancel" aria-label="Cancel the command" onClick=${() => { reset(); setFocus("message-box"); }}><${Icon} name="close" /></button>`}
        <button class="send" aria-label="Send" onClick=${() => (slash !== null && commands.length ? begin(commands[0]) : send())}><${Icon} name="send" /></button>
      </div>
    </div>`;
}

/** The options that have no chip yet. */
function leftOf(command, chips) {
  return command ? command.options.filter((option) => !chips.some((chip) => chip.option.name === option.name)) : [];
}

/** Files that are dropped anywhere on the page; a form takes its own. */
function useDropped(take, refuse) {
  // With the layout: a file dropped right after a channel was opened belongs to that channel.
  useLayoutEffect(() => {
    const show = (isOver) => document.body.classList.toggle("dropping", isOver);
    const isForm = (event) => event.target instanceof Element && event.target.closest("dialog") !== null;
    const drop = (event) => {
      show(false);
      if (isForm(event)) {
        if (!event.target.closest("input[type=file]")) event.preventDefault();
        return;
      }
      event.preventDefault();
      const entries = [...event.dataTransfer.items].map((item) => [item.webkitGetAsEntry?.(), item.getAsFile()]);
      const files = entries.filter(([entry, file]) => file && !entry?.isDirectory).map(([, file]) => file);
      take(files);
      if (entries.some(([entry]) => entry?.isDirectory)) refuse("A folder can't be sent. Drop its files instead.");
    };
    const over = (event) => {
      if (!isForm(event)) event.preventDefault();
      show(!isForm(event) && event.dataTransfer.types.includes("Files"));
    };
    const leave = (event) => {
      if (!event.relatedTarget) show(false);
    };
    document.addEventListener("drop", drop);
    document.addEventListener("dragover", over);
    document.addEventListener("dragleave", leave);
    return () => {
      document.removeEventListener("drop", drop);
      document.removeEventListener("dragover", over);
      document.removeEventListener("dragleave", leave);
    };
  });
}

function Picker({ take, sample, mayAttach }) {
  const [isOpen, open] = useState(false);
  const input = useRef(null);
  const pick = (event) => {
    take([...event.currentTarget.files]);
    event.currentTarget.value = "";
    open(false);
  };
  const toggle = useRef(null);
  const leave = () => {
    open(false);
    toggle.current.focus();
  };
  return html`<div class="picker" onKeyDown=${(event) => event.key === "Escape" && isOpen && leave()} onfocusout=${closesWhenLeft(open)}>
    <button class="plus" aria-label="Add a file" ref=${toggle} aria-expanded=${isOpen ? "true" : "false"} disabled=${!mayAttach} onClick=${() => open(!isOpen)}><${Icon} name="add" /></button>
    <input type="file" multiple ref=${input} class="visually-hidden" tabindex="-1" aria-label="File from this machine" onChange=${pick} />
    ${isOpen && html`<${FileMenu} label="Files" browse=${() => input.current.click()} sample=${(name) => { open(false); sample(name); }} />`}
  </div>`;
}
