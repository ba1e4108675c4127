/** Icons as outlines of 24 x 24; every button with an icon also has a label. */

/** @type {Record<string, string> & {other: string}} */
const PATHS = {
  sidebar: "M4 5h16v14H4zM9.5 5v14",
  sliders: "M4 7h9M17 7h3M4 17h3M11 17h9M15 4.8v4.4M9 14.8v4.4",
  plus: "M12 5v14M5 12h14",
  search: "M10.5 4a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13M15.5 15.5 20 20",
  pencil: "M4 20l1-4L16 5l3 3L8 19zM14 7l3 3",
  trash: "M5 7h14M10 7V4.5h4V7M7 7l.8 12.5h8.4L17 7M10.2 10.5v5.5M13.8 10.5v5.5",
  copy: "M9 9h10.5v10.5H9zM5.5 15H4.5V4.5H15v1",
  check: "M5 12.5l4.5 4.5L19 7.5",
  retry: "M19.5 12a7.5 7.5 0 1 1-2.2-5.3L19.5 9M19.5 4.5V9H15",
  forward: "M5 6l6 6-6 6M13 6l6 6-6 6",
  left: "M14.5 6l-6 6 6 6",
  right: "M9.5 6l6 6-6 6",
  down: "M12 5v14M6 13l6 6 6-6",
  up: "M12 19V5M6 11l6-6 6 6",
  more: "M6 12h.01M12 12h.01M18 12h.01",
  clip: "M19 11.5l-7.5 7.5a4.6 4.6 0 0 1-6.5-6.5l8-8a3.1 3.1 0 0 1 4.4 4.4l-7.9 7.9a1.5 1.5 0 0 1-2.2-2.2L14.5 7.5",
  stop: "M7.5 7.5h9v9h-9z",
  download: "M12 4v11M7 10.5l5 5 5-5M5 19.5h14",
  upload: "M12 15.5v-11M7 9l5-5 5 5M5 19.5h14",
  pin: "M9 4h6l-.8 6 3.3 3.5H6.5L9.8 10zM12 13.5V20",
  hidden: "M4 4l16 16M9.9 5.4A9.5 9.5 0 0 1 12 5.2c5 0 8 4.3 9 6.8a12 12 0 0 1-2.6 3.7M6.5 7.2A12.3 12.3 0 0 0 3 12c1 2.5 4 6.8 9 6.8a9 9 0 0 0 4-.9M10 10a2.9 2.9 0 0 0 4 4",
  sun: "M12 8a4 4 0 1 1 0 8 4 4 0 0 1 0-8M12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4",
  moon: "M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10z",
  auto: "M12 4a8 8 0 1 1 0 16 8 8 0 0 1 0-16M12 4v16M14.5 5.5v13M17 7.5v9",
  language: "M4 6.5h9M8.5 4v2.5M11 6.5c-.7 3.5-3 6.5-6.5 8M6.2 9.5c1 2 3 4 5.3 5M12 20l4-9.5L20 20M13.3 17h5.4",
  keyboard: "M3.5 6.5h17v11h-17zM7 10h.01M10.4 10h.01M13.7 10h.01M17 10h.01M8 14h8",
  close: "M6 6l12 12M18 6L6 18",
  warning: "M12 4.5l8.5 15h-17zM12 10v4.5M12 17h.01",
  info: "M12 4a8 8 0 1 1 0 16 8 8 0 0 1 0-16M12 11v5M12 8h.01",
  file: "M6.5 3.5h7l4 4v13h-11zM13.5 3.5v4h4",
  "role play": "M4.5 5c2.5 1 5 1.5 7.5 1.5S17 6 19.5 5v7c0 4-3.5 7-7.5 8-4-1-7.5-4-7.5-8zM8 11h2.5M13.5 11H16M9.5 15.2c1.6 1 3.4 1 5 0",
  "language style": "M20 4c-7 0-12 4.5-13 12l-2 4M7 16c6.5 1 11-3 13-12M9.5 13h5",
  "task setting": "M5 5h14v14H5zM8.5 12l2.5 2.5 4.5-5",
  "behaviour setting": "M12 4a8 8 0 1 1 0 16 8 8 0 0 1 0-16M15.5 8.5l-2 5-5 2 2-5z",
  other: "M12 4l2.3 5.3L20 10l-4.3 3.8L17 19.5l-5-3-5 3 1.3-5.7L4 10l5.7-.7z",
};

const SVG = "http://www.w3.org/2000/svg";

/** Make an icon, which is hidden from screen readers. @param {string} name @returns {SVGSVGElement} */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("icon");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name] ?? PATHS.other);
  svg.append(path);
  return svg;
}
