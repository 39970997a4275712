// The course as a drawing: a lane a kind, results against the upper limit of their own laboratory.
import { drawn, element } from "./dom.js";

const LEFT = 210, RIGHT = 980, LANE = 44, PLOT = 84, DAY = 86400000;
const LANES = ["Diagnosis", "Ki-67", "Chromogranin A", "5-HIAA", "Imaging and reports", "Treatment", "Planned"];
const PLOTTED = new Set(["Ki-67", "Chromogranin A", "5-HIAA"]);
const time = (day) => Date.parse(day.length === 4 ? `${day}-01-01` : day.length === 7 ? `${day}-01` : day);

/** The drawing, and what has no day beside it. */
export function courseElement(events, today) {
  const dated = events.filter((one) => one.day), now = time(today);
  const times = [...dated.map((one) => time(one.day)), now];
  const first = Math.min(...times) - 20 * DAY, last = Math.max(...times) + 20 * DAY;
  const across = (moment) => LEFT + ((RIGHT - LEFT) * (moment - first)) / (last - first);
  const parts = [];
  let top = 8;
  for (const lane of LANES) {
    const found = dated.filter((one) => one.lane === lane);
    const height = PLOTTED.has(lane) && found.some((one) => one.value !== null) ? PLOT : LANE;
    parts.push(drawn("line", { class: "grid", x1: LEFT, x2: RIGHT, y1: top + height, y2: top + height }));
    parts.push(drawn("text", { x: 4, y: top + height / 2 + 4 }, lane));
    parts.push(...(height === PLOT ? plot(found, across, top, height) : dots(found, across, top + height / 2)));
    top += height;
  }
  for (const year of years(first, last)) parts.push(drawn("text", { x: across(time(String(year))), y: top + 20 }, String(year)));
  parts.push(drawn("line", { class: "now", x1: across(now), x2: across(now), y1: 4, y2: top }));
  parts.push(drawn("text", { x: Math.min(across(now) + 4, RIGHT - 110), y: top + 20 }, today));
  const picture = drawn("svg", { class: "course", viewBox: `0 0 1000 ${top + 24}`, role: "group", "aria-label": "The course on a line of time" }, ...parts);
  return element("div", {}, element("div", { class: "scrolls" }, picture), undated(events));
}

function years(first, last) {
  const from = new Date(first).getUTCFullYear() + 1, to = new Date(last).getUTCFullYear();
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, count) => from + count);
}

function mark(event, x, y) {
  const high = event.upper !== null && event.value !== null && event.value > event.upper;
  const limit = event.upper === null ? "" : `, upper limit ${event.upper} ${event.unit}${event.is_assumed ? " (assumed)" : ""}`;
  const says = `${event.day ?? "no date"}: ${event.says}${limit}`;
  return drawn(
    "circle",
    { class: high ? "event high" : "event", cx: x, cy: y, r: 8, tabindex: "0", role: "img", "aria-label": says, "data-reference": event.reference },
    drawn("title", {}, says),
  );
}

/** Neighbours stand at three heights, so that each of one day can be pointed at. */
const dots = (events, across, y) =>
  events.map((one, place) => mark(one, across(time(one.day)), y + ((place % 3) - 1) * 12));

/** Values upwards from nought; the band below is each result's own range. */
function plot(events, across, top, height) {
  const most = Math.max(...events.flatMap((one) => [one.value ?? 0, one.upper ?? 0])) * 1.1 || 1;
  const up = (value) => top + height - 6 - ((height - 14) * value) / most;
  const valued = events.filter((one) => one.value !== null);
  const bands = valued.filter((one) => one.upper !== null).map((one) =>
    drawn("rect", { class: "range", x: across(time(one.day)) - 14, width: 28, y: up(one.upper), height: up(0) - up(one.upper) }));
  const points = valued.map((one) => `${across(time(one.day))},${up(one.value)}`).join(" ");
  const unit = valued.find((one) => one.unit)?.unit ?? "";
  return [
    drawn("text", { x: LEFT + 4, y: top + 18 }, `${Number(most.toPrecision(3))} ${unit}`),
    ...bands,
    drawn("polyline", { class: "trace", points }),
    ...events.map((one) => mark(one, across(time(one.day)), up(one.value ?? 0))),
  ];
}

function undated(events) {
  const found = events.filter((one) => !one.day);
  if (!found.length) return "";
  const entries = found.map((one) => element("li", { "data-reference": one.reference, tabindex: "0" }, `${one.lane}: ${one.says}`));
  return element("div", {}, element("p", { class: "quiet" }, "Without a date:"), element("ul", {}, ...entries));
}
