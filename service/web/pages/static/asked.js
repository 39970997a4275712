// Calls of this service: JSON there and back.

/** What the service answers; throws with its words where it refuses. */
export async function asked(address, body) {
  const options = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const response = await fetch(address, options);
  const text = await response.text();
  const document = text ? JSON.parse(text) : {};
  if (!response.ok) throw new Error(document.issue?.[0]?.details?.text ?? `The service answered ${response.status}.`);
  return document;
}
