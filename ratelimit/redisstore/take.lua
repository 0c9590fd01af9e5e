-- Charges ARGV[1] units to every window of KEYS[1], or to none.
--
-- ARGV goes on with four fields per window: its id, and of a token bucket 0, the
-- nanoseconds in which one unit comes back and in which all do; of a sliding window
-- the microseconds of an eighth of it, its quota and 0. The id of a sliding window
-- ends in a slash and the length of its eighth.
--
-- The value is a MessagePack map. Under the empty string is when it was written, in
-- microseconds of the server's clock; under the id of a bucket, in how many
-- nanoseconds from then it is full; under that of a sliding window an array of its
-- newest eighth (the clock divided by the length), the units of that eighth and of
-- those before it.
--
-- The answer is 1 or 0 (refused), and three numbers per window, after the charge if
-- there was one: of a bucket the nanoseconds until it is full, 0, 0; of a sliding
-- window the units held, and the microseconds until ARGV[1] units fit and until none
-- is held. Numbers stay below 2^53, up to which Lua's are exact.
local call, floor, ceil, max = redis.call, math.floor, math.ceil, math.max

local function natural(x)
	return type(x) == 'number' and x >= 0 and x < 9007199254740992 and x % 1 == 0
end

local function stranger()
	return redis.error_reply('NOTABUCKET the value is not that of a rate limit')
end

local raw = redis.pcall('GET', KEYS[1])
local time = call('TIME')
local now = time[1] * 1000000 + time[2]
local state, elapsed = {}, 0
-- A clock that was set back, or a smaller burst, makes a bucket no more than empty, and
-- moves the newest eighth to the current one: once, or it would stay so until the
-- clock has caught up.
local mend = false
if type(raw) == 'string' then
	local ok
	ok, state = pcall(cmsgpack.unpack, raw)
	if not ok or type(state) ~= 'table' or not natural(state['']) then return stranger() end
	elapsed = (now - state['']) * 1000
	if elapsed < 0 then elapsed, mend = 0, true end
elseif raw then
	if string.find(raw.err, 'WRONGTYPE', 1, true) then return stranger() end
	return raw
end

local n, allowed = tonumber(ARGV[1]), true
local levels, counts, newests = {}, {}, {}
for i = 2, #ARGV - 3, 4 do
	local old = state[ARGV[i]]
	local eighth, a, level = tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]), 0
	if eighth == 0 then
		local fill = tonumber(ARGV[i + 3])
		if old then
			if not natural(old) then return stranger() end
			level = max(old - elapsed, 0)
			if level > fill then level, mend = fill, true end
		end
		if level + n * a > fill then allowed = false end
	else
		local newest, count = floor(now / eighth), { 0, 0, 0, 0, 0, 0, 0, 0, 0 }
		if old then
			if type(old) ~= 'table' or #old < 1 or #old > 10 or not natural(old[1]) then return stranger() end
			local shift = max(newest - old[1], 0)
			if old[1] > newest then mend = true end
			for j = 2, #old do
				if not natural(old[j]) then return stranger() end
				if j + shift <= 10 then
					count[j - 1 + shift] = old[j]
					level = level + old[j]
				end
			end
		end
		counts[i], newests[i] = count, newest
		if level + n > a then allowed = false end
	end
	levels[i] = level
end

local charge = allowed and n or 0
if charge > 0 or mend then
	local fresh, idle = { [''] = now }, 1000000 -- nanoseconds from now
	for i = 2, #ARGV - 3, 4 do
		local count, a = counts[i], tonumber(ARGV[i + 2])
		if count then
			count[1] = count[1] + charge
			levels[i] = levels[i] + charge
			local last = 9
			while last > 1 and count[last] == 0 do last = last - 1 end
			fresh[ARGV[i]] = { newests[i], unpack(count, 1, last) }
			idle = max(idle, ((newests[i] + 9) * tonumber(ARGV[i + 1]) - now) * 1000)
		else
			levels[i] = levels[i] + charge * a
			fresh[ARGV[i]] = levels[i]
			idle = max(idle, levels[i])
		end
	end
	-- Windows of other limits that the key was judged by stay until they are idle.
	for id, old in pairs(state) do
		if fresh[id] == nil then
			local eighth, rest = tonumber(string.match(id, '/(%d+)$')), 0
			if eighth and type(old) == 'table' and natural(old[1]) then
				rest = ((old[1] + 9) * eighth - now) * 1000
			elseif natural(old) then
				rest = old - elapsed
				old = rest
			end
			if rest > 0 then
				fresh[id] = old
				idle = max(idle, rest)
			end
		end
	end
	call('SET', KEYS[1], cmsgpack.pack(fresh), 'PX', ceil(idle / 1000000))
end

local answer = { allowed and 1 or 0 }
for i = 2, #ARGV - 3, 4 do
	local count, fits, reset = counts[i], 0, 0
	if count then
		local eighth, left, at = tonumber(ARGV[i + 1]), levels[i], 9
		while not allowed and left + n > tonumber(ARGV[i + 2]) and at > 0 do
			left = left - count[at]
			fits = (newests[i] + 10 - at) * eighth - now
			at = at - 1
		end
		for j = 9, 1, -1 do
			if count[j] > 0 then reset = (newests[i] + 10 - j) * eighth - now end
		end
	end
	local k = #answer
	answer[k + 1], answer[k + 2], answer[k + 3] = levels[i], fits, reset
end
return answer
