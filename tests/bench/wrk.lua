-- Sends the HTTP requests found in a folder (0000, 0001, ...) in turn, for wrk.
-- Arguments: folder, number of files, first number. Each request gets a number of its own in the place of the eight
-- digits of its patient; the length stays the same, so Content-Length stays true.

local requests, count, first = {}, 0, 0

local function split(whole, text)
  local parts, from = {}, 1
  while true do
    local start, last = string.find(whole, text, from, true)
    if not start then break end
    parts[#parts + 1] = string.sub(whole, from, start - 1)
    from = last + 1
  end
  parts[#parts + 1] = string.sub(whole, from)
  return parts
end

function init(arguments)
  local folder, files = arguments[1], tonumber(arguments[2])
  first = tonumber(arguments[3])
  for file = 0, files - 1 do
    local opened = assert(io.open(string.format("%s/%04d", folder, file), "rb"))
    local whole = opened:read("*a")
    opened:close()
    requests[#requests + 1] = split(whole, string.match(whole, "bench%-(%d%d%d%d%d%d%d%d)"))
  end
end

function request()
  local parts = requests[count % #requests + 1]
  count = count + 1
  return table.concat(parts, string.format("%08d", first + count))
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests": %d, "failed": %d, "p50_ms": %.3f, "p99_ms": %.3f}\n',
    summary.requests,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
