// Orders and bookings of one's own, as the EHR sends them in the context of the hook on which they are written.
// https://cds-hooks.org/hooks/order-sign/, https://cds-hooks.org/hooks/appointment-book/
const CARRIES = {
  "order-select": { member: "draftOrders", types: ["MedicationRequest", "ServiceRequest"] },
  "order-sign": { member: "draftOrders", types: ["MedicationRequest", "ServiceRequest"] },
  "appointment-book": { member: "appointments", types: ["Appointment"] },
};
const NOTHING = { resourceType: "Bundle", type: "collection", entry: [] };

/** Whether a hook brings a draft of this type. */
export const carries = (hook, type) => CARRIES[hook]?.types.includes(type) ?? false;

/** A hook that brings it: this one, or the one on which it is signed or booked. */
export const hookFor = (hook, type) =>
  carries(hook, type) ? hook : type === "Appointment" ? "appointment-book" : "order-sign";

/** A draft of a type: words, with the listed code of which they are the name, at an instant. */
export function drafted(type, id, words, coding, at) {
  const concept = { ...(coding && { coding: [coding] }), text: coding?.display ?? words };
  if (type === "Appointment") return { resourceType: type, id, status: "proposed", serviceType: [concept], start: at };
  const order = { resourceType: type, id, status: "draft", intent: "order", authoredOn: new Date().toISOString() };
  return type === "ServiceRequest"
    ? { ...order, code: concept, occurrenceDateTime: at }
    : { ...order, medicationCodeableConcept: concept, dosageInstruction: [{ timing: { event: [at] } }] };
}

const ofPatient = (draft, patientId) => {
  const whose = { reference: `Patient/${patientId}` };
  return draft.resourceType === "Appointment"
    ? { ...draft, participant: [{ actor: whose, status: "needs-action" }] }
    : { ...draft, subject: whose };
};

/** The request with these drafts beside its own, and with what its hook asks for in any case. */
export function withDrafts(request, drafts) {
  const carried = CARRIES[request.hook];
  if (!carried) return request;
  const own = drafts.filter((one) => carries(request.hook, one.resourceType)).map((one) => ofPatient(one, request.context.patientId));
  const bundle = request.context[carried.member] ?? NOTHING;
  const entry = [...(bundle.entry ?? []), ...own.map((resource) => ({ resource }))];
  const context = { ...request.context, [carried.member]: { ...bundle, entry } };
  if (request.hook === "order-select") context.selections = [...(context.selections ?? []), ...own.map((one) => `${one.resourceType}/${one.id}`)];
  return { ...request, context };
}

/** The drafts that a request brings. */
export const draftsIn = (request) =>
  (request.context[CARRIES[request.hook]?.member]?.entry ?? []).map((one) => one.resource ?? one);

/** What to call a draft. */
export function nameOf(draft) {
  const concept = draft.code ?? draft.medicationCodeableConcept ?? [draft.serviceType].flat()[0];
  return concept?.text ?? concept?.coding?.[0]?.display ?? draft.description ?? draft.resourceType;
}

/** The same chart on another hook; what that one needs beside it is empty. */
export function onHook(request, hook) {
  if (request.hook === hook) return request;
  const needed = { encounterId: "at-the-page", draftOrders: NOTHING, appointments: NOTHING, selections: [] };
  return { ...request, hook, context: { ...needed, ...request.context } };
}
