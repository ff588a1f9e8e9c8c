// Files below a message: players, pictures, and links to everything else.

import { html } from "./preact.js";

/** Below this, the player has no menu: what is left is room to seek, and the name above it downloads the file. */
const PHONE_PX = 720;

function size(bytes) {
  return bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} KB` : `${(bytes / 1e6).toFixed(2)} MB`;
}

export function Attachments({ files }) {
  if (!files.length) return null;
  return html`<div class="attachments">${files.map((file) => html`<${Attachment} key=${file.id} file=${file} />`)}</div>`;
}

export function Attachment({ file }) {
  const kind = file.content_type?.split("/")[0];
  const name = file.title ? `${file.title}${/\.[^.]+$/.exec(file.filename)?.[0] ?? ""}` : file.filename;
  if (kind === "image") {
    return html`<a class="picture" href=${file.url} target="_blank" rel="noreferrer"><img src=${file.url} alt=${file.description ?? name} loading="lazy" /></a>`;
  }
  const head = html`<p class="file-name"><a href=${file.url} download=${name} target="_blank" rel="noreferrer">${name}</a> <span class="size">${size(file.size)}</span></p>`;
  if (kind === "audio") {
    return html`<figure class="player">${head}<audio controls controlslist=${innerWidth <= PHONE_PX ? "nodownload noplaybackrate" : undefined} preload="metadata" src=${file.url} aria-label=${name}></audio></figure>`;
  }
  if (kind === "video") {
    return html`<figure class="player">${head}<video controls preload="metadata" src=${file.url} aria-label=${name}></video></figure>`;
  }
  return html`<figure class="file">${head}</figure>`;
}
