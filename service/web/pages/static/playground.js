// The first page: a chart, an answer, and how it came about. Nothing is kept in the browser's storage.
import { asked } from "./asked.js";
import { cardElement, rulesOf } from "./cards.js";
import { courseElement } from "./course.js";
import { byId, element } from "./dom.js";
import { carries, drafted, draftsIn, hookFor, nameOf, onHook, withDrafts } from "./drafts.js";
import { textsElement } from "./texts.js";
import { SWITCHES, asCurl, switched, understood } from "./request.js";

const SERVICES = new Map();
const state = { request: null, sent: null, file: null, switches: {}, drafts: [], written: 0, turn: 0 };
const codes = new Map();
const takesFeedback = byId("choices").dataset.takesFeedback === "true";
const patient = byId("patient"), hook = byId("hook"), days = byId("days");

/** Runs a step of which the newest alone counts, and says what went wrong. */
async function attempt(step) {
  const turn = ++state.turn;
  try {
    byId("problem").textContent = "";
    await step(() => turn === state.turn);
  } catch (problem) {
    if (turn === state.turn) { byId("problem").textContent = problem.message; clear(); }
  }
}

function clear() {
  settle();
  for (const id of ["cards", "facts", "course", "texts"]) byId(id).replaceChildren();
  for (const id of ["answers", "read"]) byId(id).tBodies[0].replaceChildren();
  for (const id of ["summary", "response"]) byId(id).textContent = "";
}

async function chart() {
  if (state.file?.request) return onHook(state.file.request, hook.value);
  if (state.file) return asked("/playground/request", { bundle: state.file.bundle, hook: hook.value });
  return asked(`/playground/patients/${patient.value}/${hook.value}`);
}

const choose = () => attempt(async (isNewest) => {
  if (!state.file && !patient) return;
  const request = await chart();
  if (isNewest()) { state.request = request; showSwitches(); await answer(isNewest); }
});

/** The room that was kept for the first answer is given back. */
function settle() {
  for (const one of document.querySelectorAll("[aria-busy]")) one.removeAttribute("aria-busy");
}

async function answer(isNewest) {
  state.sent = withDrafts(switched(state.request, state.switches), state.drafts);
  showDrafts();
  byId("request").textContent = JSON.stringify(state.sent, null, 2);
  const found = await asked("/playground/answer", { request: state.sent, days: Number(days.value) });
  if (isNewest()) show(found);
}

const again = () => state.request && attempt(answer);

function show(found) {
  const cards = found.response.cards;
  settle();
  byId("response").textContent = JSON.stringify(found.response, null, 2);
  byId("summary").replaceChildren(...summary(found));
  const address = `/cds-services/${SERVICES.get(state.sent.hook)}/feedback`;
  const send = takesFeedback ? (outcome) => asked(address, { feedback: [outcome] }) : null;
  byId("cards").replaceChildren(...cards.map((one) => cardElement(one, found.details[one.uuid], send)));
  byId("facts").replaceChildren(...found.facts.map(factElement));
  byId("course").replaceChildren(courseElement(found.course, found.day));
  byId("texts").replaceChildren(textsElement(found.texts));
  byId("answers").tBodies[0].replaceChildren(...answerRows(found));
  byId("read").tBodies[0].replaceChildren(...Object.entries(found.sections).map(([name, one]) =>
    element("tr", { "data-section": name }, element("th", { scope: "row" }, name), element("td", { class: one.state === "known" ? null : "could" }, one.state), element("td", {}, one.because))));
}

/** Every answer in the order in which a reader looks for it, and what it is called here. */
const ANSWERS = new Map([["fires", "spoke"], ["could not be assessed", "could not be assessed"], ["silent", "kept silent"], ["not asked", "not asked"]]);
const place = [...ANSWERS.keys()];
const byAnswer = (one, other) => place.indexOf(one.answer) - place.indexOf(other.answer);

/** How many cards there are, and where it stands why others are not. */
function summary(found) {
  const cards = found.response.cards.length, silent = found.answers.filter((one) => one.answer === "silent").length;
  const why = element("a", { href: "#silent" }, "why each did not speak");
  return [`${cards || "No"} card${cards === 1 ? "" : "s"}, judged on ${found.day}; ${silent} rules were asked and kept silent: `, why, "."];
}

function factElement(fact) {
  const unread = fact.unread.length ? element("span", { class: "unread" }, `not read whole: ${fact.unread.join(", ")}`) : "";
  const attributes = { class: fact.is_unknown ? "unknown" : null, "data-rests-on": fact.rests_on.join(" "), tabindex: "0" };
  return element("li", attributes, element("strong", {}, fact.name), fact.value, unread);
}

/** One rule; a row that spoke leads to its cards. */
function answerRow(one, found) {
  const name = element("th", { scope: "row" }, element("a", { href: `/content/${one.rule}` }, one.title));
  const cards = one.answer === "fires" ? found.response.cards.filter((card) => rulesOf(card).includes(one.rule)) : [];
  const links = cards.map((card) => element("div", {}, element("a", { href: `#${card.uuid}` }, card.summary)));
  const attributes = { "data-rests-on": one.rests_on.join(" "), "data-rules": one.rule };
  return element("tr", attributes, name, element("td", { class: one.answer.split(" ")[0] }, ANSWERS.get(one.answer)), element("td", {}, ...links, one.because));
}

function answerRows(found) {
  const answers = [...found.answers].sort(byAnswer);
  const rows = answers.map((one) => answerRow(one, found));
  rows[answers.findIndex((one) => one.answer === "silent")]?.setAttribute("id", "silent");
  return rows;
}

function showSwitches() {
  const rows = Object.keys(state.request.prefetch ?? {}).map((key) => {
    const options = Object.keys(SWITCHES).map((one) => element("option", state.switches[key] === one ? { selected: "" } : {}, one));
    const id = `switch-${key}`;
    return element("div", {}, element("label", { for: id }, key), element("select", { id, name: key }, ...options));
  });
  byId("sections").replaceChildren(...rows);
}

function showDrafts() {
  const own = new Set(state.drafts.map((one) => one.id));
  const sent = draftsIn(state.sent).filter((one) => !own.has(one.id));
  byId("drafts").replaceChildren(...sent.map((one) => element("li", {}, `${nameOf(one)} (of the chart)`)), ...state.drafts.map(ownDraft));
}

function ownDraft(draft) {
  const remove = element("button", { type: "button", "aria-label": `Remove ${nameOf(draft)}` }, "Remove");
  remove.addEventListener("click", () => { state.drafts = state.drafts.filter((one) => one !== draft); byId("words").focus(); again(); });
  const where = carries(hook.value, draft.resourceType) ? "" : ` (not sent on ${hook.value})`;
  return element("li", {}, `${nameOf(draft)}${where} `, remove);
}

function write(event) {
  event.preventDefault();
  const words = byId("words").value.trim(), at = new Date(byId("at").value);
  if (!words || Number.isNaN(at.valueOf())) return;
  const type = byId("type").value;
  state.drafts.push(drafted(type, `own-${++state.written}`, words, codes.get(words), at.toISOString()));
  byId("words").value = "";
  hook.value = hookFor(hook.value, type);
  choose();
}

/** Offers the listed codes that are called like what is typed. */
async function offer() {
  const typed = byId("words").value;
  const found = await asked(`/playground/codes?q=${encodeURIComponent(typed)}`).catch(() => ({ codes: [] }));
  if (byId("words").value !== typed) return;
  for (const one of found.codes) codes.set(`${one.display} (${one.code})`, one);
  byId("codes").replaceChildren(...found.codes.map((one) => element("option", { value: `${one.display} (${one.code})` })));
}

function inAWeek() {
  const then = new Date(Date.now() + 7 * 86400000);
  return `${then.getFullYear()}-${String(then.getMonth() + 1).padStart(2, "0")}-${String(then.getDate()).padStart(2, "0")}T08:00`;
}

function describe() {
  const chosen = patient?.selectedOptions[0];
  if (chosen) byId("phrases").textContent = `On record: ${chosen.dataset.phrases}`;
}

function describeDays() {
  byId("days-shown").textContent = days.value === "0" ? "today" : `${days.value} days later`;
  byId("clock").hidden = days.value === "0";
}

async function takeFile(file) {
  if (!file) return;
  const text = await file.text();
  await attempt(async () => {
    state.file = understood(text);
    const wanted = [...hook.options].find((option) => option.value === state.file.request?.hook);
    if (wanted) hook.value = wanted.value;
    state.switches = {};
    state.drafts = [];
    if (byId("phrases")) byId("phrases").textContent = `From the file ${file.name}`;
    await choose();
  });
}

const references = (one) => (one.dataset.restsOn ?? one.dataset.reference ?? "").split(" ").filter(Boolean);

const isCard = (one) => one?.classList.contains("card") ?? false;

/** Lights up whatever shares a resource with what is pointed at. */
function light(event) {
  const about = "[data-rests-on], [data-reference]";
  const pointed = event.target.closest?.(about);
  const wanted = new Set(pointed ? references(pointed) : []);
  for (const one of document.querySelectorAll(about)) {
    const isOther = pointed !== one && !(isCard(pointed) && isCard(one));
    const shares = isOther && references(one).some((reference) => wanted.has(reference));
    one.classList.toggle("lit", shares);
  }
}

function search(event) {
  const wanted = event.target.value.trim().toLowerCase();
  for (const group of patient.querySelectorAll("optgroup")) {
    for (const one of group.children) one.hidden = !`${group.label} ${one.textContent} ${one.dataset.phrases}`.toLowerCase().includes(wanted);
    group.hidden = [...group.children].every((one) => one.hidden);
  }
  const first = patient.querySelector("option:not([hidden])");
  if (first && patient.selectedOptions[0]?.hidden) { patient.value = first.value; newPatient(); }
}

function newPatient() {
  state.file = null;
  state.switches = {};
  state.drafts = [];
  const hooks = patient.selectedOptions[0].dataset.hooks.split(" ");
  if (!hooks.includes(hook.value)) hook.value = hooks[0];
  describe();
  choose();
}

async function copy() {
  const service = SERVICES.get(state.sent?.hook);
  if (!service) return;
  await navigator.clipboard.writeText(asCurl(state.sent, service))
    .then(() => { byId("copied").textContent = "Copied."; }, () => { byId("copied").textContent = "The browser does not let this page copy."; });
}

patient?.addEventListener("change", newPatient);
byId("search")?.addEventListener("input", search);
hook.addEventListener("change", choose);
days.addEventListener("input", describeDays);
days.addEventListener("change", again);
byId("sections").addEventListener("change", (event) => { state.switches[event.target.name] = event.target.value; again(); });
byId("file").addEventListener("change", (event) => {
  takeFile(event.target.files[0]);
  event.target.value = "";  // so that the same file, mended, can be chosen again
});
byId("curl").addEventListener("click", copy);
byId("words").addEventListener("input", offer);
byId("choices").addEventListener("submit", write);
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => { event.preventDefault(); takeFile(event.dataTransfer.files[0]); });
document.addEventListener("mouseover", light);
document.addEventListener("focusin", light);

for (const one of hook.options) SERVICES.set(one.value, one.dataset.service);
byId("at").value = inAWeek();
if (patient) newPatient(); else settle();
