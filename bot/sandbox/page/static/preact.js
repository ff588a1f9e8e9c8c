// The one library of the page; vendor/MANIFEST.txt says which versions these are.
export {
  Component, h, html, render, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState,
} from "./vendor/htm-preact.js";
