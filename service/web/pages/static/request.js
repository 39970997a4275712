// What the EHR sends: each key of prefetch whole, or withheld, refused, cut or empty.
const REFUSED = {
  resourceType: "OperationOutcome",
  issue: [{ severity: "error", code: "forbidden", diagnostics: "switched so on this page" }],
};

const paged = (value) => ({
  ...value,
  entry: (value.entry ?? []).slice(0, Math.floor((value.entry ?? []).length / 2)),
  link: [...(value.link ?? []).filter((one) => one.relation !== "next"), { relation: "next", url: "urn:next-page" }],
});
const emptied = (value) => ({ resourceType: "Bundle", type: value.type ?? "searchset", total: 0 });

export const SWITCHES = {
  whole: (value) => value,
  withheld: () => undefined,
  "an OperationOutcome": () => REFUSED,
  "its first page": paged,
  empty: emptied,
};

/** The request with every key of prefetch as its switch has it. */
export function switched(request, switches) {
  const prefetch = {};
  for (const [key, value] of Object.entries(request.prefetch ?? {})) {
    const changed = SWITCHES[switches[key] ?? "whole"](value);
    if (changed !== undefined) prefetch[key] = changed;
  }
  return { ...request, prefetch };
}

/** A file as a hook request, or as a Bundle of which the service makes one; throws where it is neither. */
export function understood(text) {
  let document;
  try {
    document = JSON.parse(text);
  } catch {
    const lines = text.split("\n").filter((line) => line.trim());
    const entry = lines.map((line) => ({ resource: JSON.parse(line) }));
    document = { resourceType: "Bundle", type: "collection", entry };
  }
  if (document.hook && document.context) return { request: document };
  if (document.resourceType === "Bundle") return { bundle: document };
  throw new Error("This is neither a FHIR Bundle, nor a hook request, nor NDJSON of FHIR resources.");
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** The call that an EHR would make. */
export function asCurl(request, serviceId) {
  const address = `${location.origin}/cds-services/${serviceId}`;
  const body = quoted(JSON.stringify(request));
  return `curl -s -H 'Content-Type: application/json' --data ${body} ${quoted(address)}`;
}
