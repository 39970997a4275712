// The cards as an EHR shows them, with what their clinician can do: accept a suggestion, or dismiss with a reason.
import { element } from "./dom.js";

const EXPLANATION = "net-cds.explanation";
const isWeb = (url) => /^https?:\/\//.test(url);

const restsOn = (card) => (card.extension?.[EXPLANATION]?.evidence ?? []).map((one) => one.reference);
export const rulesOf = (card) => card.extension?.[EXPLANATION]?.recommendations ?? [];

/** One card. `detail` is HTML that the service made of Markdown, in which no HTML passes. */
export function cardElement(card, detail, sendFeedback) {
  const words = element("div", { class: "detail" });
  words.innerHTML = detail;
  const shown = element(
    "article",
    { id: card.uuid, class: `card ${card.indicator}`, tabindex: "0", "data-rests-on": restsOn(card).join(" "), "data-rules": rulesOf(card).join(" ") },
    element("span", { class: "indicator" }, card.indicator),
    element("h3", {}, card.summary),
    sourceElement(card.source),
    words,
  );
  const state = element("span", { role: "status" });
  const report = (outcome, said) => sendFeedback({ card: card.uuid, outcomeTimestamp: new Date().toISOString(), ...outcome })
    .then(() => { state.textContent = said; for (const one of shown.querySelectorAll(".actions button")) one.disabled = true; })
    .catch((problem) => { state.textContent = problem.message; });
  for (const one of card.suggestions ?? []) shown.append(suggestionElement(one, sendFeedback && report));
  if (card.links?.length) shown.append(linksElement(card.links));
  if (sendFeedback) shown.append(dismissElement(card, report), state);
  shown.append(becauseElement(card));
  return shown;
}

function sourceElement(source) {
  const label = isWeb(source.url ?? "") ? element("a", { href: source.url, rel: "noreferrer" }, source.label) : source.label;
  return element("p", { class: "source quiet" }, "Source: ", label);
}

function suggestionElement(suggestion, report) {
  const orders = suggestion.actions.map((one) => JSON.stringify(one.resource, null, 2)).join("\n");
  const shown = element("div", { class: "actions" });
  if (report) {
    const accept = element("button", { type: "button", class: "accept", "aria-label": `Accept: ${suggestion.label}` }, "Accept");
    accept.addEventListener("click", () =>
      report({ outcome: "accepted", acceptedSuggestions: [{ id: suggestion.uuid }] }, "Accepted; the service was told."));
    shown.append(accept);
  }
  shown.append(element("details", {}, element("summary", {}, suggestion.label), element("pre", { tabindex: "0", role: "region", "aria-label": suggestion.label }, orders)));
  return shown;
}

/** What an EHR does not show: the rules that speak, and what on record they rest on. */
function becauseElement(card) {
  const rules = rulesOf(card).flatMap((one) => [" ", element("a", { href: `/content/${one}` }, one)]);
  const evidence = (card.extension?.[EXPLANATION]?.evidence ?? []).map((one) => element("li", {}, one.says));
  const shown = evidence.length ? element("ul", {}, ...evidence) : "On nothing that is on record: what it names was looked for and not found.";
  return element("details", { class: "because" }, element("summary", {}, "Why it appeared"), element("p", {}, "Rule:", ...rules), "On record:", shown);
}

function linksElement(links) {
  const entries = links.filter((one) => isWeb(one.url)).map((one) => element("li", {}, element("a", { href: one.url, rel: "noreferrer" }, one.label)));
  return element("details", {}, element("summary", {}, entries.length === 1 ? "1 link" : `${entries.length} links`), element("ul", {}, ...entries));
}

function dismissElement(card, report) {
  const options = (card.overrideReasons ?? []).map((one, place) => element("option", { value: String(place) }, one.display));
  const reason = element("select", { "aria-label": `Reason to dismiss: ${card.summary}` }, element("option", { value: "" }, "No reason"), ...options);
  const dismiss = element("button", { type: "button", class: "dismiss", "aria-label": `Dismiss: ${card.summary}` }, "Dismiss");
  dismiss.addEventListener("click", () => {
    const chosen = (card.overrideReasons ?? [])[reason.value === "" ? -1 : Number(reason.value)];
    const because = chosen ? { overrideReason: { reason: { code: chosen.code, system: chosen.system } } } : {};
    report({ outcome: "overridden", ...because }, "Dismissed; the service was told.");
  });
  return element("div", { class: "actions" }, dismiss, reason);
}
