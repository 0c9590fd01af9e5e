-- Charges ARGV[1] units to every window of KEYS[1], or to none.
--
-- ARGV goes on with four fields per window: its id, and of a token bucket 0, the
-- nanoseconds in which one unit comes back and in which all do; of a sliding window
-- the microseconds of an eighth of it, its quota and 0.
--
-- The value is a MessagePack map from ids to arrays. Their first number is when the
-- window is as if it had never been used, in microseconds of the server's clock,
-- rounded up. A bucket's second number is the nanoseconds by which it was rounded. A
-- sliding window's second number is the newest eighth (the clock divided by its
-- length); the units of that eighth follow, and those of the ones before it.
--
-- The answer is 1 or 0 (refused), and three numbers per window, after the charge if
-- there was one: of a bucket the nanoseconds until it is full, 0, 0; of a sliding
-- window the units held, and the microseconds until ARGV[1] units fit and until none
-- is held. Numbers stay below 2^53, up to which Lua's are exact.
local function stranger()
	return redis.error_reply('NOTABUCKET the value is not that of a rate limit')
end

local function natural(x)
	return type(x) == 'number' and x >= 0 and x < 9007199254740992 and x % 1 == 0
end

local raw = redis.pcall('GET', KEYS[1])
local state = {}
if type(raw) == 'table' then
	if raw.err and not string.find(raw.err, 'WRONGTYPE', 1, true) then return raw end
	return stranger()
elseif raw then
	local ok, got = pcall(cmsgpack.unpack, raw)
	if not ok or type(got) ~= 'table' then return stranger() end
	for id, numbers in pairs(got) do
		if type(id) ~= 'string' or type(numbers) ~= 'table' or #numbers < 2 or #numbers > 11 then return stranger() end
		for i = 1, #numbers do
			if not natural(numbers[i]) then return stranger() end
		end
	end
	state = got
end

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local n = tonumber(ARGV[1])
local allowed = true
-- A clock that was set back, or a smaller burst, makes a bucket no more than empty, and
-- moves the newest eighth to the current one: once, or it would stay so until the
-- clock has caught up.
local mend = false
local windows = {}
for i = 2, #ARGV - 3, 4 do
	local old = state[ARGV[i]]
	local eighth, a, b = tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])
	if eighth == 0 then
		local ahead = old and math.max((old[1] - now) * 1000 - old[2], 0) or 0
		if ahead > b then ahead, mend = b, true end
		windows[#windows + 1] = { id = ARGV[i], ahead = ahead, each = a }
		if ahead + n * a > b then allowed = false end
	else
		local newest, used, count = math.floor(now / eighth), 0, { 0, 0, 0, 0, 0, 0, 0, 0, 0 }
		if old then
			local shift = math.max(newest - old[2], 0)
			if old[2] > newest then mend = true end
			for j = 3, math.min(#old, 11 - shift) do
				count[j - 2 + shift] = old[j]
				used = used + old[j]
			end
		end
		windows[#windows + 1] = { id = ARGV[i], eighth = eighth, newest = newest, used = used, count = count, quota = a }
		if used + n > a then allowed = false end
	end
end

local charge = allowed and n or 0
if charge > 0 or mend then
	local idle = now
	for _, w in ipairs(windows) do
		if w.eighth then
			w.used = w.used + charge
			w.count[1] = w.count[1] + charge
			local last = 9
			while last > 1 and w.count[last] == 0 do last = last - 1 end
			state[w.id] = { (w.newest + 9) * w.eighth, w.newest, unpack(w.count, 1, last) }
		else
			w.ahead = w.ahead + charge * w.each
			local up = math.ceil(w.ahead / 1000)
			state[w.id] = { now + up, up * 1000 - w.ahead }
		end
	end
	for id, numbers in pairs(state) do
		if numbers[1] <= now then
			state[id] = nil
		else
			idle = math.max(idle, numbers[1])
		end
	end
	redis.call('SET', KEYS[1], cmsgpack.pack(state), 'PX', math.max(math.ceil((idle - now) / 1000), 1))
end

local answer = { allowed and 1 or 0 }
for _, w in ipairs(windows) do
	local fits, reset = 0, 0
	if w.eighth then
		local left, at = w.used, 9
		while not allowed and left + n > w.quota and at > 0 do
			left = left - w.count[at]
			fits = (w.newest + 10 - at) * w.eighth - now
			at = at - 1
		end
		for j = 9, 1, -1 do
			if w.count[j] > 0 then reset = (w.newest + 10 - j) * w.eighth - now end
		end
	end
	answer[#answer + 1] = w.ahead or w.used
	answer[#answer + 1] = fits
	answer[#answer + 1] = reset
end
return answer
