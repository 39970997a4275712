// What was written, with the words that were read marked by what is said of them.
import { element } from "./dom.js";

/** What stands after a marked word that is not simply so. */
const SAID = { asserted: "", uncertain: "perhaps", historical: "was", negated: "not", family: "family", nothing: "of nobody" };

/** Where one mention runs into the next of which the same is said, that is told once. */
const piece = (one, place, all) => {
  if (!one.said) return one.words;
  const tag = SAID[one.said] && all[place + 1]?.said !== one.said && element("span", { class: "says" }, ` ${SAID[one.said]}`);
  return element("mark", { class: one.said, title: `read as ${one.lists.join(", ")}` }, one.words, tag || "");
};

const about = (text) => [text.day ?? "no date", text.status && `${text.status}: no fact rests on it`, !text.is_whole && "only its beginning was read"].filter(Boolean).join(", ");

function textElement(text) {
  const findings = text.findings.length ? element("p", { class: "findings" }, ...text.findings.map(piece)) : "";
  const taken = text.findings.length && text.taken.length ? element("p", { class: "quiet" }, `Taken from it: ${text.taken.join("; ")}`) : "";
  return element("article", { class: "text", tabindex: "0", "data-reference": text.reference },
    element("p", {}, element("strong", {}, ...text.name.map(piece)), ` ${about(text)}`), findings, taken);
}

/** Every text; what is a diagnosis by its name alone stands together, and opens. */
export function textsElement(texts) {
  const long = texts.filter((one) => one.findings.length), short = texts.filter((one) => !one.findings.length);
  const names = short.length && element("details", {}, element("summary", {}, short.length === 1 ? "The name of 1 diagnosis" : `The names of ${short.length} diagnoses`), ...short.map(textElement));
  return element("div", {}, ...(long.length ? long.map(textElement) : [element("p", {}, "No report, document or note of this chart has words that matter here.")]), names || "");
}
