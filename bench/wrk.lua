-- What `bench.load` has wrk run: asks as one caller after the other, and tells what it found as a line of JSON.
-- Arguments: a file with one Authorization header in each line, and which of them comes first.

local requests, at = {}, 0

function init(args)
  for authorization in io.lines(args[1]) do
    requests[#requests + 1] = wrk.format("GET", nil, {
      ["Host"] = "bench.example",
      ["Authorization"] = authorization,
      ["Accept"] = "application/json",
      ["Accept-Encoding"] = "gzip, deflate",
      ["User-Agent"] = "bench/1 (measures)",
    })
  end
  at = tonumber(args[2])
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "microseconds": %d, "refused": %d, "broken": %d, "p50": %d, "p99": %d}\n',
    summary.requests, summary.duration, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99)
  ))
end
