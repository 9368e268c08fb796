-- Asks for each object exactly once, in order, says how it went, and ends wrk.
--
--   wrk -t 1 -c N -d DEADLINE -s each.lua URL -- PREFIX COUNT [trace=FILE] [method=PURGE] [generation=N] [host=NAME]
--
-- Object i of COUNT is PREFIX followed by i, counted from 0, or by line i of FILE. An answer is old when its generation
-- is below the one given. The connections share one count, so that requests begin in order; who wants them to end in
-- order uses one connection. Once everything is asked for, a connection rests: nothing is asked for twice.
local prefix, count, trace
local method, generation, host = "GET", nil, nil
local reserved, asked, answered, not_ok, old = 0, 0, 0, 0, 0
local REST_MS = 1e8
local probed = false -- wrk asks for one request that it never sends, to see what they look like

local function options(args)
  prefix, count = args[1], tonumber(args[2])
  for i = 3, #args do
    local name, value = args[i]:match("^(%w+)=(.*)$")
    if name == "trace" then
      trace = {}
      for line in io.lines(value) do trace[#trace + 1] = line end
      assert(#trace == count, "the trace holds " .. #trace .. " lines, not " .. count)
    elseif name == "method" then method = value
    elseif name == "generation" then generation = tonumber(value)
    elseif name == "host" then host = value
    else error("unknown option: " .. args[i]) end
  end
end

function init(args)
  options(args)
  if host then wrk.headers["Host"] = host end
end

-- Comes before every request but one that repeats what a broken connection lost.
function delay()
  if reserved == count then return REST_MS end
  reserved = reserved + 1
  return 0
end

function request()
  if not probed then
    probed = true
    return wrk.format(method, prefix)
  end
  if asked == count then
    io.stdout:write("each: a connection broke before its answer\n")
    io.stdout:flush()
    os.exit(1)
  end
  local object = trace and trace[asked + 1] or asked
  asked = asked + 1
  return wrk.format(method, prefix .. object)
end

function response(status, headers)
  answered = answered + 1
  local carried = tonumber(headers["x-generation"] or headers["X-Generation"])
  -- What is purged and not there is gone as well.
  local fine = status == 200 or (method == "PURGE" and status == 404)
  if not fine or (generation and not carried) then
    not_ok = not_ok + 1
  elseif generation and carried < generation then
    old = old + 1
  end
  if answered == count then
    io.stdout:write(string.format("each: answered=%d not_ok=%d old=%d\n", answered, not_ok, old))
    io.stdout:flush()
    os.exit(0)
  end
end
