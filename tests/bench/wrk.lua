-- Posts the requests found in a folder, one file per patient, for wrk.
-- Arguments: folder, number of files, first number, text that changes (empty = send the files as they are, in turn).
-- With a text, only the files that hold it are sent, and its last eight digits are the number of the request;
-- the length stays the same, so Content-Length stays true.

local requests, count, number, text = {}, 0, 0, ""

local function split(whole)
  local parts, from = {}, 1
  while true do
    local first, last = string.find(whole, text, from, true)
    if not first then break end
    parts[#parts + 1] = string.sub(whole, from, first - 1)
    from = last + 1
  end
  parts[#parts + 1] = string.sub(whole, from)
  return parts
end

function init(arguments)
  local folder, files = arguments[1], tonumber(arguments[2])
  number, text = tonumber(arguments[3]), arguments[4] or ""
  for file = 0, files - 1 do
    local opened = assert(io.open(folder .. "/" .. file .. ".json", "rb"))
    local body = opened:read("*a")
    opened:close()
    local whole = wrk.format("POST", nil, {["Content-Type"] = "application/json"}, body)
    if text == "" then
      requests[#requests + 1] = whole
    elseif string.find(whole, text, 1, true) then
      requests[#requests + 1] = split(whole)
    end
  end
end

function request()
  count = count + 1
  local next_one = requests[count % #requests + 1]
  if text == "" then
    return next_one
  end
  return table.concat(next_one, string.sub(text, 1, -9) .. string.format("%08d", number + count))
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests": %d, "seconds": %.6f, "failed": %d, "p50_ms": %.3f, "p99_ms": %.3f}\n',
    summary.requests, summary.duration / 1e6,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
