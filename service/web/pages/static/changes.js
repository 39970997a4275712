// What changed since a state of the content was kept, file by file.
import { asked } from "./asked.js";
import { byId, element } from "./dom.js";

/** File -> its changes; each line begins with its file. */
function byFile(lines) {
  const found = new Map();
  for (const line of lines) {
    const end = line.indexOf(": ");
    const name = line.slice(0, end);
    found.set(name, [...(found.get(name) ?? []), line.slice(end + 2)]);
  }
  return [...found];
}

const fileElement = ([name, changes]) =>
  element("section", {}, element("h3", {}, name), element("ul", {}, ...changes.map((one) => element("li", {}, one))));

async function compare(file) {
  byId("changes").replaceChildren();
  byId("problem").textContent = "";
  try {
    const found = await asked("/content/changes", JSON.parse(await file.text()));
    const about = found.about.map((one) => element("p", {}, element("strong", {}, one)));
    byId("changes").replaceChildren(...about, ...byFile(found.changes).map(fileElement));
  } catch (problem) {
    byId("problem").textContent = problem instanceof SyntaxError ? "This file is not JSON: choose a content.json that was kept." : problem.message;
  }
}

byId("kept").addEventListener("change", (event) => {
  if (event.target.files[0]) compare(event.target.files[0]);
  event.target.value = "";  // so that the same file, mended, can be chosen again
});
