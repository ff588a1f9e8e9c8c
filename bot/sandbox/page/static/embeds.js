// Embeds: a coloured card with a title, fields and pictures.

import { html } from "./preact.js";
import { markup } from "./markup.js";
import { shown } from "./times.js";

const picture = (media) => media?.proxy_url ?? media?.url;

export function Embed({ embed }) {
  const colour = embed.color ? `#${embed.color.toString(16).padStart(6, "0")}` : "var(--line)";
  const title = embed.title && html`<p class="embed-title">${embed.url ? html`<a href=${embed.url} target="_blank" rel="noreferrer">${markup(embed.title)}</a>` : markup(embed.title)}</p>`;
  return html`
    <section class="embed" style=${{ "--colour": colour }}>
      ${picture(embed.thumbnail) && html`<img class="thumbnail" src=${picture(embed.thumbnail)} alt=${embed.thumbnail.description ?? ""} />`}
      ${embed.author && html`<p class="embed-author">${embed.author.name}</p>`}
      ${title}
      ${embed.description && html`<div class="embed-text">${markup(embed.description)}</div>`}
      ${embed.fields?.length > 0 && html`<dl class="fields">${embed.fields.map((field) => html`
        <div class=${field.inline ? "inline" : ""}><dt>${markup(field.name)}</dt><dd>${markup(field.value)}</dd></div>`)}</dl>`}
      ${picture(embed.image) && html`<img class="embed-picture" src=${picture(embed.image)} alt=${embed.image.description ?? ""} />`}
      ${(embed.footer || embed.timestamp) && html`<p class="embed-footer">${embed.footer?.text}${embed.footer && embed.timestamp && " · "}${embed.timestamp && shown(new Date(embed.timestamp))}</p>`}
    </section>`;
}
