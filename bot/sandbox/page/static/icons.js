// Drawn icons, so that they look the same whatever fonts there are. They say nothing to screen readers.

import { html } from "./preact.js";

const PATHS = {
  add: "M12 5v14M5 12h14",
  send: "M4 12 20 4l-5 16-3-7z",
  people: "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zm-6 9c0-3.500 2.500-6 6-6s6 2.500 6 6M16 5a3 3 0 0 1 0 6m2 3c2 .8 3.500 3 3.500 6",
  window: "M9 9h11v11H9zM15 9V4H4v11h5",
  close: "m6 6 12 12M18 6 6 18",
  text: "M9 4 7 20M17 4l-2 16M4 9h16M3.500 15h16",
  voice: "M4 10v4h3l5 4V6l-5 4zM15.500 9c1.300 1.800 1.300 4.200 0 6M18 6.500c3 3.200 3 7.800 0 11",
  thread: "M6 4v7c0 3 2 4 5 4h7m-4-4 4 4-4 4",
  forum: "M4 5h12v8H9l-5 4zM19 9v11l-4-3.500h-5",
  direct: "M4 5h16v11H10l-6 4z",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v3M12 19v3M2 12h3M19 12h3M5 5l2 2M17 17l2 2M19 5l-2 2M7 17l-2 2",
  moon: "M20 14.500A8.500 8.500 0 0 1 9.500 4a8.500 8.500 0 1 0 10.500 10.500z",
  menu: "M4 6h16M4 12h16M4 18h16",
  crown: "m4 8 4 4 4-7 4 7 4-4-2 10H6z",
  behind: "M4 6h16M4 12h16M4 18h16M8 4v4M16 10v4M11 16v4",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  file: "M20 11.500 12 19.500a5 5 0 0 1-7-7l8.500-8.500a3.300 3.300 0 0 1 4.700 4.700L9.700 17a1.600 1.600 0 0 1-2.300-2.300L15 7",
};

export function Icon({ name }) {
  return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d=${PATHS[name]} /></svg>`;
}
