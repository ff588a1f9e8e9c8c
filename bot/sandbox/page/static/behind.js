// Behind the scenes: jobs, account, requests, log and levers.

import { html, useEffect, useRef, useState } from "./preact.js";
import { Icon } from "./icons.js";
import { changed, socket, state, tell } from "./store.js";

const TABS = [["jobs", "Jobs"], ["levers", "Levers"], ["requests", "Requests"], ["log", "Log"]];

function clock(ms) {
  const at = new Date(ms);
  return `${at.toTimeString().slice(0, 8)}.${String(at.getMilliseconds()).padStart(3, "0").slice(0, 1)}`;
}

export function BehindTheScenes() {
  const [tab, show] = useState("jobs");
  const close = () => {
    state.behind.shown = false;
    tell({ do: "behind", shown: false });
    changed();
    document.querySelector(".to-behind")?.focus();
  };
  const keys = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const at = (TABS.findIndex(([name]) => name === tab) + step + TABS.length) % TABS.length;
    show(TABS[at][0]);
    document.getElementById(`tab-${TABS[at][0]}`)?.focus();
  };
  const shown = { jobs: Jobs, levers: Levers, requests: Requests, log: Log }[tab];
  return html`
    <aside class="behind" aria-label="Behind the scenes" onKeyDown=${(event) => event.key === "Escape" && close()}>
      <header><h2>Behind the scenes</h2><button class="close" aria-label="Close" onClick=${close}><${Icon} name="close" /></button></header>
      <${Account} />
      <div class="tabs" role="tablist" aria-label="Behind the scenes" onKeyDown=${keys}>
        ${TABS.map(([name, label]) => html`<button role="tab" id=${`tab-${name}`} aria-selected=${tab === name ? "true" : "false"} aria-controls="behind-panel" tabindex=${tab === name ? 0 : -1} onClick=${() => show(name)}>${label}</button>`)}
      </div>
      <div class="panel" id="behind-panel" role="tabpanel" aria-labelledby=${`tab-${tab}`} tabindex="0"><${shown} /></div>
    </aside>`;
}

/** Drawn before anything is known, too: the tabs below must not move just as somebody clicks on one. */
function Account() {
  const { account, bot } = state.behind;
  const { used, limit, seconds } = account?.window ?? { used: 0, limit: 1 };
  return html`
    <dl class="account">
      <div><dt>Bot</dt><dd class=${account ? `bot-${bot.state}` : ""}>${account ? bot.state : "…"}</dd></div>
      <div><dt>Credits</dt><dd>${account ? account.credits.toLocaleString("en") : "…"}</dd></div>
      <div><dt>Rate window</dt><dd><meter aria-label="Rate window" min="0" max=${limit} value=${used}></meter> ${account ? `${used} of ${limit} in ${seconds} s` : "…"}</dd></div>
      <div><dt>Clock</dt><dd>${account ? ahead(bot.ahead_seconds) : "…"}</dd></div>
    </dl>`;
}

/** How far the clock is ahead: "1 day 15 min ahead". */
function ahead(seconds) {
  const minutes = Math.round(seconds / 60);
  const [days, rest] = [Math.floor(minutes / 1440), minutes % 1440];
  const words = [days && `${days} ${days === 1 ? "day" : "days"}`, rest && `${rest} min`].filter(Boolean);
  return words.length ? `${words.join(" ")} ahead` : "real time";
}

function Jobs() {
  const { jobs } = state.behind;
  if (!jobs.length) return html`<p class="nothing">No jobs yet. Try /extend.</p>`;
  return html`<ol class="jobs" aria-label="Jobs">${jobs.map((job) => html`
    <li key=${job.id}>
      <p><strong>${job.name}</strong> <code>${job.id}</code> · ${job.member}</p>
      <p><span class=${`state state-${job.state}`}>${job.state}</span> ${job.stage !== "queued" && html`<span class="stage">${job.stage}</span>`}
        ${job.waits_for && html` waiting: ${job.waits_for}`} ${job.failure && html` because: ${job.failure}`} ${job.provider && html`<small> music service: ${job.provider}</small>`}</p>
      <ol class="events">${job.events.map((event) => html`<li><time>${clock(event.at)}</time> ${event.what} ${event.more && html`<small>${event.more}</small>`}</li>`)}</ol>
    </li>`)}</ol>`;
}

function Levers() {
  const [said, say] = useState({});
  const groups = [...new Set(state.levers.map((each) => each.group))];
  const pull = async (lever) => {
    try {
      const expect = await socket.ask({ do: "pull", lever: lever.name });
      say({ name: lever.name, words: expect });
    } catch (error) {
      say({ name: lever.name, words: error.message });
    }
  };
  return html`
    <p class="visually-hidden" role="status">${said.words}</p>
    ${groups.map((group) => html`
    <section class="levers" key=${group} aria-label=${group}><h3>${group}</h3>
      ${state.levers.filter((each) => each.group === group).map((lever) => html`
        <div class=${`lever ${said.name === lever.name ? "pulled" : ""}`}>
          <button class="button secondary" aria-describedby=${`expect-${lever.name}`} onClick=${() => pull(lever)}>${lever.label}</button>
          <p id=${`expect-${lever.name}`}>${said.name === lever.name && html`<strong>Done. </strong>`}${lever.expect}</p>
        </div>`)}
    </section>`)}`;
}

function Requests() {
  const [to, filter] = useState("");
  const requests = state.behind.requests.filter((each) => !to || each.to === to).toReversed();
  return html`
    <label class="filter">Show <select onChange=${(event) => filter(event.currentTarget.value)}>
      <option value="">everything</option><option>Discord</option><option>music service</option></select></label>
    <ol class="requests" aria-label="Requests">${requests.map((each) => html`
      <li key=${each.number}><details>
        <summary><time>${clock(each.at)}</time> <span class="to">${each.to}</span> <strong>${each.method}</strong> <span class="path">${each.path}</span>
          <span class=${`status ${Number(each.status) >= 400 || each.status === "lost" ? "bad" : ""}`}>${each.status ?? "…"}</span></summary>
        ${each.sent && html`<p>Sent</p><pre>${each.sent}</pre>`}
        <p>Answer</p><pre>${each.answer || "(empty)"}</pre>
      </details></li>`)}</ol>`;
}

function Log() {
  const end = useRef(null);
  const { lines } = state.behind;
  const isAtEnd = useRef(true); // somebody who reads further up stays there
  useEffect(() => {
    const panel = end.current.closest(".panel");
    const scrolled = () => { isAtEnd.current = panel.scrollHeight - panel.scrollTop - panel.clientHeight < 40; };
    panel.addEventListener("scroll", scrolled);
    return () => panel.removeEventListener("scroll", scrolled);
  }, []);
  useEffect(() => {
    if (isAtEnd.current) end.current.scrollIntoView({ block: "nearest" });
  }, [lines]);
  return html`<pre class="log" role="log" aria-live="off" aria-label="Log of the bot">${lines.join("\n")}<span ref=${end}></span></pre>`;
}
