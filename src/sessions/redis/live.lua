-- Whether KEYS[1] is a session that is not over at `now`. What cannot be read is an error, not absent.
local function is_live(now)
  local kept = redis.call('HMGET', KEYS[1], 'replaced', 'ends', 'idle')
  if kept[2] and kept[3] then
    return now < tonumber(kept[2]) and now < tonumber(kept[3])
  end
  if kept[1] or redis.call('EXISTS', KEYS[1]) == 0 then
    return false
  end
  error('unreadable')
end

-- The server's own expiry only clears away: a minute after the record says that it is over, or an hour after a
-- session that somebody had signed in under; three years at most, because Redis refuses times that do not fit.
local function keep_for(left)
  local after = 60000
  if redis.call('TYPE', KEYS[1]).ok == 'hash' then
    local record = redis.call('HGET', KEYS[1], 'record')
    if record and not string.find(record, '"level":"anonymous"', 1, true) then
      after = 3600000
    end
  end
  local millis = math.max(1, math.min(left + after, 1e11))
  redis.call('PEXPIRE', KEYS[1], string.format('%.0f', millis))
end
