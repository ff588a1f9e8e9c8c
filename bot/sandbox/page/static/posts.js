// A forum's posts, each with its name; a click opens it.

import { html } from "./preact.js";
import { Icon } from "./icons.js";
import { channels, open } from "./store.js";

export function Posts({ forum }) {
  const posts = channels().filter((each) => each.parent === forum);
  if (!posts.length) return html`<p class="beginning">There are no posts yet.</p>`;
  return html`<ul class="posts" aria-label="Posts">${posts.map((post) => html`<li key=${post.id}>
    <button onClick=${() => open(post.id)}><${Icon} name="thread" /><span>${post.name}</span>${post.unread && html`<span class="tag">NEW</span>`}</button>
  </li>`)}</ul>`;
}
