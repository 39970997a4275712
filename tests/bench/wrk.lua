-- Posts the requests found in a folder, one file per patient, for wrk.
-- Arguments: folder, number of files, first patient not yet seen ("0" = send the files as they are, in turn).
-- With new patients, the id in the file is replaced for every request; all ids have one length, so
-- Content-Length stays true.

local requests, parts, count, next_patient = {}, {}, 0, 0

function init(arguments)
  local folder, files = arguments[1], tonumber(arguments[2])
  next_patient = tonumber(arguments[3])
  for number = 0, files - 1 do
    local file = assert(io.open(folder .. "/" .. number .. ".json", "rb"))
    local body = file:read("*a")
    file:close()
    requests[number] = wrk.format("POST", nil, {["Content-Type"] = "application/json"}, body)
  end
  if next_patient > 0 then
    local id = string.format("bench-%08d", 0)
    local from = 1
    while true do
      local first, last = string.find(requests[0], id, from, true)
      if not first then break end
      parts[#parts + 1] = string.sub(requests[0], from, first - 1)
      from = last + 1
    end
    parts[#parts + 1] = string.sub(requests[0], from)
  end
end

function request()
  count = count + 1
  if next_patient > 0 then
    return table.concat(parts, string.format("bench-%08d", next_patient + count))
  end
  return requests[count % (#requests + 1)]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests": %d, "seconds": %.6f, "failed": %d, "p50_ms": %.3f, "p99_ms": %.3f}\n',
    summary.requests, summary.duration / 1e6,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
