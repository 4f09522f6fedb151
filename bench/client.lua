-- What wrk sends, and the one line that the benches read back.
--
--   wrk -c CONNECTIONS -s client.lua URL -- CONNECTIONS                    one URL again and again
--   wrk -c CONNECTIONS -s client.lua URL -- CONNECTIONS pipelined DEPTH   DEPTH requests in one write
--   wrk -c CONNECTIONS -s client.lua URL -- CONNECTIONS files COUNT       URL/0.html to URL/COUNT-1.html, at random
--   wrk -c CONNECTIONS -s client.lua URL -- CONNECTIONS mixed NAME:N,...  URL/NAME.html, N times in the sum of all N
--
-- A request() makes wrk call Lua for every write, which costs the client, not the server; so it is defined only where
-- it is needed, and the requests themselves are made beforehand.

local shapes = {}
local client -- wrk's thread: it has a Lua state of its own, whose globals done() must ask for

function shapes.pipelined(depth)
    local batch = wrk.format():rep(tonumber(depth))
    return function() return batch end
end

function shapes.files(count)
    local path, last, requests = wrk.path, tonumber(count), {}
    for i = 1, last do
        requests[i] = wrk.format(nil, path .. "/" .. (i - 1) .. ".html")
    end
    math.randomseed(1)
    return function() return requests[math.random(last)] end
end

-- A deck that is shuffled once: no order that a server could like, but the same for every server, and the same weight.
function shapes.mixed(sizes)
    local deck, top = {}, 0
    for name, count in sizes:gmatch("([^:,]+):(%d+)") do
        local text = wrk.format(nil, wrk.path .. name .. ".html")
        for _ = 1, tonumber(count) do deck[#deck + 1] = text end
    end
    math.randomseed(1)
    for i = #deck, 2, -1 do
        local j = math.random(i)
        deck[i], deck[j] = deck[j], deck[i]
    end
    return function()
        top = top % #deck + 1
        return deck[top]
    end
end

function setup(thread)
    client = thread
end

function init(args)
    connections, shape = tonumber(args[1]), args[2]
    if shape then request = shapes[shape](args[3]) end
end

-- wrk counts a latency that is longer than the mean interval of requests as the row of shorter ones that others would
-- have seen meanwhile. Its interval is that of single requests; where a batch is what was timed, it is as many times too
-- short, and the percentiles turn out as nonsense, even 0. Taken back from the longest down, the batches' own remain.
local function batch_percentiles(summary, latency, connections)
    local interval = math.floor(summary.duration / math.floor(summary.requests / connections))
    local values, counts, total = {}, {}, 0
    for i = 1, #latency do
        local value, count = latency(i)
        values[i], counts[value] = value, count
    end
    for i = #values, 1, -1 do
        local count = counts[values[i]]
        total = total + count
        for shorter = values[i] - interval, interval + 1, -interval do
            if counts[shorter] then counts[shorter] = counts[shorter] - count end
        end
    end
    return function(percent)
        local seen = 0
        for _, value in ipairs(values) do
            seen = seen + counts[value]
            if seen >= total * percent / 100 then return value end
        end
        return 0
    end
end

function done(summary, latency)
    local errors, connections = summary.errors, client:get("connections")
    local percentile = function(percent) return latency:percentile(percent) end
    if client:get("shape") == "pipelined" and summary.requests >= connections then
        percentile = batch_percentiles(summary, latency, connections)
    end
    io.write(string.format("result %d %d %d %d %d %d connect=%d,read=%d,write=%d,status=%d,timeout=%d\n",
        summary.requests, summary.duration, summary.bytes, percentile(50), percentile(99), percentile(99.9),
        errors.connect, errors.read, errors.write, errors.status, errors.timeout))
end
