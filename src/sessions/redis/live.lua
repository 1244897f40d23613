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

-- The server's own expiry only clears away, a minute after the record says that it is over: three years
-- at most, because Redis refuses times that do not fit.
local function keep_for(left)
  local millis = math.max(1, math.min(left + 60000, 1e11))
  redis.call('PEXPIRE', KEYS[1], string.format('%.0f', millis))
end
