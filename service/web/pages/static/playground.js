// The first page: a chart, an answer, and how it came about. Nothing is kept in the browser's storage.
import { cardElement } from "./cards.js";
import { courseElement } from "./course.js";
import { byId, element } from "./dom.js";
import { SWITCHES, asCurl, switched, understood } from "./request.js";

const SERVICES = new Map();
const state = { request: null, sent: null, bundle: null, switches: {}, turn: 0 };
const takesFeedback = byId("choices").dataset.takesFeedback === "true";
const patient = byId("patient"), hook = byId("hook"), days = byId("days");

async function asked(address, body) {
  const options = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const response = await fetch(address, options);
  const text = await response.text();
  const document = text ? JSON.parse(text) : {};
  if (!response.ok) throw new Error(document.issue?.[0]?.details?.text ?? `The service answered ${response.status}.`);
  return document;
}

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
  for (const id of ["cards", "facts", "course"]) byId(id).replaceChildren();
  for (const id of ["answers", "read"]) byId(id).tBodies[0].replaceChildren();
  for (const id of ["summary", "response"]) byId(id).textContent = "";
}

const choose = () => attempt(async (isNewest) => {
  if (!state.bundle && !patient) return;
  const request = state.bundle
    ? await asked("/playground/request", { bundle: state.bundle, hook: hook.value })
    : await asked(`/playground/patients/${patient.value}/${hook.value}`);
  if (isNewest()) { state.request = request; showSwitches(); await answer(isNewest); }
});

async function answer(isNewest) {
  state.sent = switched(state.request, state.switches);
  byId("request").textContent = JSON.stringify(state.sent, null, 2);
  const found = await asked("/playground/answer", { request: state.sent, days: Number(days.value) });
  if (isNewest()) show(found);
}

const again = () => state.request && attempt(answer);

function show(found) {
  const cards = found.response.cards;
  byId("response").textContent = JSON.stringify(found.response, null, 2);
  byId("summary").textContent = cards.length ? `${cards.length} cards, judged on ${found.day}.` : `No cards, judged on ${found.day}: the rules below say why.`;
  const address = `/cds-services/${SERVICES.get(state.sent.hook)}/feedback`;
  const send = takesFeedback ? (outcome) => asked(address, { feedback: [outcome] }) : null;
  byId("cards").replaceChildren(...cards.map((one) => cardElement(one, found.details[one.uuid], send)));
  byId("facts").replaceChildren(...found.facts.map(factElement));
  byId("course").replaceChildren(courseElement(found.course, found.day));
  byId("answers").tBodies[0].replaceChildren(...found.answers.map(answerRow));
  byId("read").tBodies[0].replaceChildren(...Object.entries(found.sections).map(([name, one]) =>
    element("tr", { "data-section": name }, element("th", { scope: "row" }, name), element("td", { class: one.state === "known" ? null : "could" }, one.state), element("td", {}, one.because))));
}

function factElement(fact) {
  const unread = fact.unread.length ? element("span", { class: "unread" }, `not read whole: ${fact.unread.join(", ")}`) : "";
  const attributes = { class: fact.is_unknown ? "unknown" : null, "data-rests-on": fact.rests_on.join(" "), tabindex: "0" };
  return element("li", attributes, element("strong", {}, fact.name), fact.value, unread);
}

function answerRow(one) {
  const name = element("th", { scope: "row" }, element("a", { href: `/content/${one.rule}` }, one.title));
  const attributes = { "data-rests-on": one.rests_on.join(" "), "data-rules": one.rule };
  return element("tr", attributes, name, element("td", { class: one.answer.split(" ")[0] }, one.answer), element("td", {}, one.because));
}

function showSwitches() {
  const rows = Object.keys(state.request.prefetch ?? {}).map((key) => {
    const options = Object.keys(SWITCHES).map((one) => element("option", state.switches[key] === one ? { selected: "" } : {}, one));
    const id = `switch-${key}`;
    return element("div", {}, element("label", { for: id }, key), element("select", { id, name: key }, ...options));
  });
  byId("sections").replaceChildren(...rows);
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
  await attempt(async (isNewest) => {
    const found = understood(text);
    state.bundle = found.bundle ?? null;
    state.switches = {};
    if (byId("phrases")) byId("phrases").textContent = `From the file ${file.name}`;
    if (found.request) { hook.value = found.request.hook; state.request = found.request; }
    else state.request = await asked("/playground/request", { bundle: found.bundle, hook: hook.value });
    if (isNewest()) { showSwitches(); await answer(isNewest); }
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
  state.bundle = null;
  state.switches = {};
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
byId("file").addEventListener("change", (event) => takeFile(event.target.files[0]));
byId("curl").addEventListener("click", copy);
byId("choices").addEventListener("submit", (event) => event.preventDefault());
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => { event.preventDefault(); takeFile(event.dataTransfer.files[0]); });
document.addEventListener("mouseover", light);
document.addEventListener("focusin", light);

for (const one of hook.options) SERVICES.set(one.value, one.dataset.service);
if (patient) newPatient();
