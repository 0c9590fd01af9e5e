-- Charges ARGV[1] units to every window of KEYS[1], or to none. Without windows it is a
-- probe, which finds out whether the key can be written.
--
-- ARGV goes on with three fields per window: its id; of a token bucket the nanoseconds
-- in which one unit comes back and in which all do; of a sliding window its quota and,
-- negative, the microseconds of an eighth of it.
--
-- The value is a MessagePack map. Under the empty string is when it was written, in
-- microseconds of the server's clock; under the id of a bucket, in how many
-- nanoseconds from then it is full; under that of a sliding window an array of the
-- length of its eighths, its newest one (the clock divided by the length), the units of
-- that one and of those before it.
--
-- The answer is 1 or 0 (refused), and then, after the charge if there was one: of a
-- bucket the nanoseconds until it is full; of a sliding window the units held, and the
-- microseconds until ARGV[1] units fit and until none is held. Numbers stay below
-- 2^53, up to which Lua's are exact.
local call, floor, ceil = redis.call, math.floor, math.ceil

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
local write = #ARGV == 1
if type(raw) == 'string' then
	local ok
	ok, state = pcall(cmsgpack.unpack, raw)
	if not ok or type(state) ~= 'table' or not natural(state['']) then return stranger() end
	elapsed = (now - state['']) * 1000
	-- A clock that was set back lets no time pass, and makes the current eighth the
	-- newest: once, or it would stay so until the clock has caught up.
	if elapsed < 0 then elapsed, write = 0, true end
elseif raw then
	if string.find(raw.err, 'WRONGTYPE', 1, true) then return stranger() end
	return raw
end

local n, allowed = tonumber(ARGV[1]), true
local levels, counts, newests = {}, {}, {}
for i = 2, #ARGV, 3 do
	local old = state[ARGV[i]]
	local a, b, level = tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]), 0
	if b > 0 then
		if old then
			if not natural(old) then return stranger() end
			if old > elapsed then level = old - elapsed end
		end
		if level + n * a > b and n > 0 then allowed = false end
	else
		local newest, count = floor(now / -b), { 0, 0, 0, 0, 0, 0, 0, 0, 0 }
		if old then
			if type(old) ~= 'table' or #old < 2 or #old > 11 or old[1] ~= -b or not natural(old[2]) then return stranger() end
			local shift = newest - old[2]
			if shift < 0 then shift, write = 0, true end
			for j = 3, #old do
				if not natural(old[j]) then return stranger() end
				if j + shift <= 11 then
					count[j - 2 + shift] = old[j]
					level = level + old[j]
				end
			end
		end
		counts[i], newests[i] = count, newest
		if level + n > a and n > 0 then allowed = false end
	end
	levels[i] = level
end

local charge = allowed and n or 0
if charge > 0 or write then
	local fresh, idle = { [''] = now }, 0 -- nanoseconds from now
	for i = 2, #ARGV, 3 do
		local count, rest = counts[i]
		if count then
			levels[i] = levels[i] + charge
			count[1] = count[1] + charge
			local eighth, last = -ARGV[i + 2], 9
			while last > 1 and count[last] == 0 do last = last - 1 end
			fresh[ARGV[i]] = { eighth, newests[i], unpack(count, 1, last) }
			rest = ((newests[i] + 9) * eighth - now) * 1000
		else
			rest = levels[i] + charge * ARGV[i + 1]
			levels[i], fresh[ARGV[i]] = rest, rest
		end
		if rest > idle then idle = rest end
	end
	-- Windows of other limits that the key was judged by stay until they are idle.
	for id, old in pairs(state) do
		if fresh[id] == nil then
			local rest = 0
			if natural(old) then
				rest = old - elapsed
				old = rest
			elseif type(old) == 'table' and natural(old[1]) and natural(old[2]) then
				rest = ((old[2] + 9) * old[1] - now) * 1000
			end
			if rest > 0 and rest < 4e16 then -- what is more is not of this script
				fresh[id] = old
				if rest > idle then idle = rest end
			end
		end
	end
	-- Redis counts from the millisecond that has begun.
	call('SET', KEYS[1], cmsgpack.pack(fresh), 'PX', ceil(idle / 1000000) + 1)
end

local answer, k = { allowed and 1 or 0 }, 1
for i = 2, #ARGV, 3 do
	local count = counts[i]
	k = k + 1
	answer[k] = levels[i]
	if count then
		local eighth, left, at = -ARGV[i + 2], levels[i], 9
		local fits, reset = 0, 0
		while not allowed and left + n > tonumber(ARGV[i + 1]) and at > 0 do
			left = left - count[at]
			fits = (newests[i] + 10 - at) * eighth - now
			at = at - 1
		end
		for j = 9, 1, -1 do
			if count[j] > 0 then reset = (newests[i] + 10 - j) * eighth - now end
		end
		answer[k + 1], answer[k + 2] = fits, reset
		k = k + 2
	end
end
return answer
