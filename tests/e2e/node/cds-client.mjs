// A CDS Hooks client that nobody of this project wrote: @medplum/core resolves the prefetch templates of discovery on a
// FHIR server and calls the service. https://cds-hooks.hl7.org/2.0/#prefetch-template
//
//   node cds-client.mjs SERVICE_ORIGIN [TOKEN]
//
// Each line on standard input is one call, {"fhirServer", "hook", "user", "context"}; each line on standard output is what came of it,
// {"request", "response"} or {"error"}.

import { createInterface } from "node:readline";

// Node 20 has no WebSocket, and @medplum/core names it while it loads.
globalThis.WebSocket ??= class WebSocket extends EventTarget {};

const { buildCdsRequest, MedplumClient } = await import("@medplum/core");

const [origin, token] = process.argv.slice(2);
// The service is asked by a client of its own: the token of the FHIR server is none of its business.
const cds = new MedplumClient({ baseUrl: `${origin}/`, cdsServicesUrl: "cds-services" });

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await call(JSON.parse(line)).catch((error) => ({ error: String(error) }))));
}

async function call({ fhirServer, hook, user, context }) {
  const { origin: baseUrl, pathname } = new URL(fhirServer);
  const fhir = new MedplumClient({ baseUrl: `${baseUrl}/`, fhirUrlPath: pathname.slice(1), accessToken: token });
  const { services } = await cds.getCdsServices();
  const service = services.find((one) => one.hook === hook);
  const request = await buildCdsRequest(fhir, user, service, context);
  return { request, response: await cds.callCdsService(service.id, request) };
}
