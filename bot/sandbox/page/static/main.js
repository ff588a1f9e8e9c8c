// Draws the page from what the store knows.

import { html, render } from "./preact.js";
import { App } from "./app.js";
import { begin } from "./store.js";
import { applyTheme } from "./theme.js";

applyTheme();
const page = document.getElementById("page");
page.replaceChildren();
begin(() => render(html`<${App} />`, page));
